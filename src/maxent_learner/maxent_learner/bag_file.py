# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 folder (MCAP) that is being written: one file or several, each readable alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path

from maxent_learner.bag_files import (
    ABOUT_FILE,
    ABOUT_RECORD,
    METADATA_FILE,
    REPEATED_RECORD,
)
from maxent_learner.bag_metadata import FileSummary, Topic, bag_information, to_yaml
from maxent_learner.mcap_output import McapOutput, Message
from maxent_rl.durable import write_file


@dataclass(frozen=True)
class Split:
    """When a new file is begun; 0: never."""

    size: float = 0.0  # bytes of the file, exceeded by no more than one chunk (1 MiB)
    duration_s: float = 0.0  # from the file's first message on


class BagFile:
    """Writes serialised messages. Not thread-safe. After an OSError only `close` may be called.

    A new file begins with the definitions of all topics and with the newest messages of latched
    ones, so that it can be read without those before it. Such a repeated message has the time of
    the split as time of reception, and its own time and number of publication.
    """

    def __init__(
        self, path: Path, about: Mapping[str, str] | None = None, split: Split | None = None
    ) -> None:
        """Make the folder, and in it about.json: what the recording is of, name by name.

        Raises:
            OSError: the folder cannot be written, or exists.
        """
        self.path = path
        self._about, self._split = dict(about or {}), split or Split()
        self._topics: dict[str, Topic] = {}
        self._latched: dict[str, deque[Message]] = {}
        self._done: list[FileSummary] = []
        self._done_bytes = 0
        self._closed = False
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise FileExistsError(f'{path} exists already and is not overwritten') from None
        write_file(path / ABOUT_FILE, f'{json.dumps(self._about, indent=2)}\n'.encode())
        self._repeated: dict[str, int] = {}  # messages that this file has from those before
        self._file: McapOutput | None = self._open()

    @property
    def counts(self) -> dict[str, int]:
        """Messages by topic; those that are repeated in a later file count once."""
        parts = self._summaries()
        return {topic: sum(part.own_count(topic) for part in parts) for topic in self._topics}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._done_bytes + (0 if self._file is None else self._file.size)

    @property
    def files(self) -> int:
        """Number of files."""
        return len(self._done) + (self._file is not None)

    @property
    def duration_s(self) -> float:
        """Time from the first message to the last."""
        filled = [part for part in self._summaries() if part.message_count]
        if not filled:
            return 0.0
        return (max(f.end_ns for f in filled) - min(f.start_ns for f in filled)) / 1e9

    def add_topic(self, topic: Topic) -> None:
        """Prepare a topic; once per name."""
        self._topics[topic.name] = topic
        if topic.repeated:
            self._latched[topic.name] = deque(maxlen=topic.repeated)
        self._add_to_file(topic)

    def write(self, message: Message) -> None:
        """Append a message, in a new file if this one is big or long enough."""
        if self._is_full(message.received_ns):
            self._next_file(message.received_ns)
        assert self._file is not None
        self._file.write(message)
        if message.topic in self._latched:
            self._latched[message.topic].append(message)

    def flush(self) -> None:
        """Hand everything to the disk: a killed process loses nothing before this."""
        assert self._file is not None
        self._file.flush()

    def close(self) -> None:
        """Write index and metadata.yaml, also after an OSError, of what could be written.

        Raises:
            OSError: metadata.yaml could not be written; the files stand by themselves.
        """
        if self._file is not None:
            self._close_file()
        if not self._closed:
            self._closed = True
            information = bag_information(list(self._topics.values()), self._done, self._about)
            text = to_yaml({'rosbag2_bagfile_information': information})
            write_file(self.path / METADATA_FILE, f'{text}\n'.encode())

    def _is_full(self, now_ns: int) -> bool:
        file, split = self._file, self._split
        if file is None or not file.end_ns:
            return False
        age_s = (now_ns - file.start_ns) / 1e9
        return 0.0 < split.size <= file.size or 0.0 < split.duration_s <= age_s

    def _next_file(self, now_ns: int) -> None:
        self._close_file()
        kept = [message for messages in self._latched.values() for message in messages]
        self._repeated = {topic: len(each) for topic, each in self._latched.items() if each}
        self._file = self._open()
        for topic in self._topics.values():
            self._add_to_file(topic)
        for message in sorted(kept, key=lambda each: each.received_ns):
            self._file.write(message._replace(received_ns=now_ns))

    def _open(self) -> McapOutput:
        number = len(self._done)
        name = f'{self.path.name}_{number:04}.mcap' if number else f'{self.path.name}.mcap'
        records = {ABOUT_RECORD: self._about}
        if self._repeated:
            records[REPEATED_RECORD] = {topic: str(n) for topic, n in self._repeated.items()}
        return McapOutput(self.path / name, records)

    def _add_to_file(self, topic: Topic) -> None:
        assert self._file is not None
        self._file.add_topic(topic.name, topic.type_name, topic.definition, topic.channel_metadata)

    def _close_file(self) -> None:
        assert self._file is not None
        file, topics = self._file, list(self._topics.values())
        information = bag_information(topics, [self._summary(file)], self._about)
        file.close({'rosbag2': {'serialized_metadata': to_yaml(information)}})
        self._done.append(self._summary(file))
        self._done_bytes += file.size
        self._file = None

    def _summaries(self) -> list[FileSummary]:
        return self._done + ([] if self._file is None else [self._summary(self._file)])

    def _summary(self, file: McapOutput) -> FileSummary:
        counts = dict(file.counts)
        return FileSummary(file.path.name, counts, file.start_ns, file.end_ns, self._repeated)
