# SPDX-License-Identifier: Apache-2.0
"""Messages of a bag from its files: plain MCAP, damaged or not, or anything else by `rosbags`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2 import Reader

from maxent_learner.bag_files import REPEATED_RECORD, BagError, BagFiles
from maxent_learner.mcap_places import (
    McapPlaces,
    NotMcapError,
    Place,
    Topic,
    leading_metadata,
    open_mcap,
)
from maxent_learner.mcap_records import DamageError, RawMessage

Tell = Callable[[str], None]  # takes a sentence on damage
_ENCODINGS = {MessageDefinitionFormat.MSG: 'ros2msg', MessageDefinitionFormat.IDL: 'ros2idl'}
_PLACE_BITS = 32  # of a position: messages in one place


@dataclass(frozen=True, slots=True)
class BagMessage:
    """One message as recorded."""

    topic: str  # absolute: '/robot/joint_states'
    type_name: str  # 'sensor_msgs/msg/JointState'
    received_ns: int  # log time
    data: bytes  # serialised (CDR)
    sequence: int  # of its publication; 0: not known


class Source(Protocol):
    """Where messages come from."""

    def topics(self) -> Iterator[Topic]:
        """Yield every channel of every file."""

    def notes(self) -> Iterator[str]:
        """Yield what the reader should know besides damage."""

    def messages(self, topics: Collection[str] | None, by_time: bool) -> Iterator[BagMessage]:
        """Yield the messages on these absolute topics, on all for None."""


class McapSource:
    """Plain MCAP files."""

    def __init__(self, files: BagFiles, tell: Tell) -> None:
        """Open all files; those that are none are told, unless there is no other.

        Raises:
            BagError: no file is an MCAP file.
        """
        self._tell = tell
        self._files: list[McapPlaces] = []
        strange: list[str] = []
        for path in files.paths:
            try:
                self._files.append(open_mcap(path))
            except (NotMcapError, OSError) as error:
                strange.append(str(error))
        if not self._files:
            raise BagError(f'no bag can be read: {"; ".join(strange)}')
        for sentence in strange:
            tell(sentence)
        for file in self._files:
            expected = files.counts.get(file.path.name)
            if file.damage or (file.count is not None and expected not in (None, file.count)):
                tell(_loss(file, expected))

    def topics(self) -> Iterator[Topic]:
        """Yield every channel of every file."""
        for file in self._files:
            yield from file.topics.values()

    def notes(self) -> Iterator[str]:
        """Say which files have parts without checksums, as far as they were read."""
        for file in self._files:
            if file.unchecked:
                yield (
                    f'{file.path.name} carries no checksums, as `ros2 bag record` writes it: '
                    'changed bits are noticed only where they break its structure'
                )

    def messages(self, topics: Collection[str] | None, by_time: bool) -> Iterator[BagMessage]:
        """Yield the messages on these topics, by log time or in the order of the files.

        A file ends for the reader at its first damaged place, which is told. Latched messages
        that our recorder repeats at the start of each file of a split bag are left out.
        """
        repeats = {file.path: _repeats(file.path) for file in self._files[1:]}
        places = [(file, place) for file in self._files for place in file.places]
        numbered = list(enumerate(places))
        if by_time:
            numbered.sort(key=lambda item: item[1][1].start_ns)
        pending: list[tuple[RawMessage, Topic]] = []
        ends: dict[Path, int] = {}  # byte at which a damaged file ends
        for number, (file, place) in numbered:
            if place.offset >= ends.get(file.path, place.end):
                continue
            wanted = _wanted(file, topics)
            if not wanted or (place.channels is not None and wanted.isdisjoint(place.channels)):
                continue
            try:
                found = file.read(place, number << _PLACE_BITS, wanted)
            except DamageError as error:
                ends[file.path] = place.offset
                self._tell(_loss_at(file, place, error))
                continue
            left = repeats.get(file.path, {})
            fresh = [
                (message, file.topics[message.channel])
                for message in found
                if not _is_repeat(left, file.topics[message.channel].name)
            ]
            if not by_time:
                yield from map(_to_message, fresh)
                continue
            ready = bisect_left(pending, place.start_ns, key=_log_time)
            yield from map(_to_message, pending[:ready])
            pending = sorted(pending[ready:] + fresh, key=_order)
        yield from map(_to_message, pending)


class RosbagsSource:
    """SQLite3 files, and files or messages that are compressed as a whole, by `rosbags`.

    They carry no checksums. What is damaged ends where the library can read no further.
    """

    def __init__(self, path: Path, files: BagFiles, tell: Tell) -> None:
        """Look into the bag.

        Raises:
            BagError: it cannot be opened.
        """
        self._tell = tell
        whole = (path / 'metadata.yaml').exists() and not files.damage
        self._paths = (path,) if whole else files.paths
        self._topics: list[Topic] = []
        for part in self._paths:
            try:
                with Reader(part) as reader:
                    self._topics += [
                        Topic(
                            c.topic, c.msgtype, _ENCODINGS.get(c.msgdef.format, ''), c.msgdef.data
                        )
                        for c in reader.connections
                    ]
            except Exception as error:  # of SQLite, of a decompressor, of the library
                raise BagError(f'{part} cannot be opened: {error}') from error

    def topics(self) -> Iterator[Topic]:
        """Yield every channel of every file."""
        yield from self._topics

    def notes(self) -> Iterator[str]:
        """Say that nothing vouches for the content."""
        yield 'this kind of bag carries no checksums: changed bits may pass unnoticed'

    def messages(self, topics: Collection[str] | None, by_time: bool) -> Iterator[BagMessage]:
        """Yield the messages on these topics; each file is in the order of log time."""
        for part in self._paths:
            try:
                with Reader(part) as reader:
                    wanted = [c for c in reader.connections if topics is None or c.topic in topics]
                    for connection, log_time, data in reader.messages(wanted) if wanted else ():
                        yield BagMessage(
                            connection.topic, connection.msgtype, log_time, bytes(data), 0
                        )
            except Exception as error:  # of SQLite, of a decompressor, of the library
                self._tell(f'{part.name} cannot be read further: {error}')


def open_source(path: Path, files: BagFiles, tell: Tell) -> Source:
    """Return what reads these files.

    Raises:
        BagError: nothing does.
    """
    if files.plain_mcap:
        return McapSource(files, tell)
    return RosbagsSource(path, files, tell)


def _wanted(file: McapPlaces, topics: Collection[str] | None) -> set[int]:
    return {i for i, topic in file.topics.items() if topics is None or topic.name in topics}


def _repeats(path: Path) -> dict[str, int]:
    """How many messages at the start of a file repeat those of the file before, by topic."""
    return {t: int(n) for t, n in leading_metadata(path).get(REPEATED_RECORD, {}).items()}


def _is_repeat(left: dict[str, int], topic: str) -> bool:
    """Whether the next message of a topic is one of those; counts it."""
    if left.get(topic, 0) == 0:
        return False
    left[topic] -= 1
    return True


def _order(item: tuple[RawMessage, Topic]) -> RawMessage:
    return item[0]


def _log_time(item: tuple[RawMessage, Topic]) -> int:
    return item[0].log_time


def _to_message(item: tuple[RawMessage, Topic]) -> BagMessage:
    raw, topic = item
    return BagMessage(topic.name, topic.type_name, raw.log_time, raw.data, raw.sequence)


def _loss(file: McapPlaces, expected: int | None) -> str:
    count = file.count or 0
    text = f'{file.path.name} is damaged: its first {count} messages can be read'
    if expected is not None:
        text += f', {abs(expected - count)} are lost'
    return f'{text} ({file.damage or "what is missing has left no trace"})'


def _loss_at(file: McapPlaces, place: Place, error: DamageError) -> str:
    left = sum(other.offset >= place.offset for other in file.places)
    return (
        f'{file.path.name} is damaged: its last {left} of {len(file.places)} parts are left out '
        f'({error})'
    )
