# SPDX-License-Identifier: Apache-2.0
"""What a recording holds and what it lacks, in words and as recording.json in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import json
from pathlib import Path

SUMMARY_FILE = 'recording.json'


@dataclass(frozen=True)
class TopicSummary:
    """Messages of one topic."""

    messages: int
    lost: int = 0  # did not arrive, by the publisher's numbers
    dropped: int = 0  # arrived, but the queue or the disk was full
    unclear: int = 0  # times that something may be missing: no numbers, or several publishers

    def __str__(self) -> str:
        parts = [str(self.messages)]
        parts += [f'{self.lost} lost'] if self.lost else []
        parts += [f'{self.dropped} dropped'] if self.dropped else []
        return ', '.join(parts)


@dataclass(frozen=True)
class RecordingSummary:
    """All topics of a bag."""

    topics: Mapping[str, TopicSummary]
    files: int = 1
    bytes: int = 0
    duration_s: float = 0.0
    trouble: str = ''  # why it ended by itself

    @property
    def messages(self) -> int:
        """Messages of all topics."""
        return sum(each.messages for each in self.topics.values())

    @property
    def missing(self) -> int:
        """Messages of all topics that were lost or dropped."""
        return sum(each.lost + each.dropped for each in self.topics.values())

    def __str__(self) -> str:
        """Return a line such as '120 messages: 100 /a (3 lost), 20 /b'."""
        parts = []
        for topic, each in sorted(self.topics.items()):
            count, _, missing = str(each).partition(', ')
            parts.append(f'{count} {topic}' + (f' ({missing})' if missing else ''))
        return f'{self.messages} messages' + (f': {", ".join(parts)}' if parts else '')


def write_summary(folder: Path, summary: RecordingSummary) -> None:
    """Write recording.json; OSError if it cannot be."""
    text = json.dumps(asdict(summary), indent=2)
    (folder / SUMMARY_FILE).write_text(text + '\n', encoding='utf-8')
