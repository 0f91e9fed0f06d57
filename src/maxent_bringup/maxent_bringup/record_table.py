# SPDX-License-Identifier: Apache-2.0
"""The table that `maxent record` ends with: what is in the bag, and what is not."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from maxent_learner.recorder_config import MEGABYTE
from maxent_learner.recording_summary import RecordingSummary, TopicSummary


def print_recording(
    folder: Path, summary: RecordingSummary, console: Console | None = None
) -> None:
    """Print messages and gaps by topic, then size and duration; made to fit 80 columns."""
    console = console or Console()
    table = Table(title=str(folder), box=None, padding=(0, 2, 0, 0))
    table.add_column('topic', no_wrap=True)
    table.add_column('messages', justify='right')
    table.add_column('missing')
    for topic, each in sorted(summary.topics.items()):
        if each.messages or each.lost or each.dropped:
            table.add_row(topic, str(each.messages), _missing(each))
    console.print(table)
    files = '' if summary.files == 1 else f' in {summary.files} files'
    console.print(
        f'{summary.messages} messages, {summary.missing} missing; '
        f'{summary.duration_s:.1f} s, {summary.bytes / MEGABYTE:.1f} MB{files}',
        highlight=False,
    )
    silent = sum(not each.messages for each in summary.topics.values())
    if silent:
        console.print(f'{silent} more topics had a publisher and no message', highlight=False)
    if summary.trouble:
        console.print(f'ended by itself: {summary.trouble}', highlight=False, soft_wrap=True)


def _missing(topic: TopicSummary) -> str:
    parts = [f'{topic.lost} lost'] if topic.lost else []
    parts += [f'{topic.dropped} dropped'] if topic.dropped else []
    if topic.unclear and not topic.lost:
        parts.append('not known: several publishers')
    return ', '.join(parts) or '0'
