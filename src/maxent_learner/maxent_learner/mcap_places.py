# SPDX-License-Identifier: Apache-2.0
"""What is whole in an MCAP file, damaged or not: places that can be read one by one.

A file whose summary carries a checksum that holds is read by its index. Any other file (cut off,
changed, or written without that checksum) is walked through from its beginning, up to the first
record that cannot be what was written. A chunk is given as a whole or not at all.

What can be noticed: in a chunk with a checksum, any change. In a chunk without one (`ros2 bag
record` writes none unless told otherwise) and in messages outside chunks, only what breaks the
compression, a length or the framing; `unchecked` says that such a part was met.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
import os
from pathlib import Path
import struct
from typing import BinaryIO

from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.summary import Summary

from maxent_learner.mcap_records import (
    HEAD_SIZE,
    MAGIC,
    DamageError,
    RawMessage,
    checked_summary,
    chunk_content,
    definitions,
    messages,
    next_record,
)

RUN_BYTES = 1 << 20  # of messages outside chunks that are read at once
_KNOWN: frozenset[int] = frozenset(Opcode)
_FIRST_PRIVATE = 0x80  # kinds of records from here on are for applications to choose
_LENGTHS: dict[int, int] = {Opcode.DATA_END: 4, Opcode.FOOTER: 20}
_CHANNELS = 1 << 16
_UNCHUNKED = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE)


class NotMcapError(ValueError):
    """A file that is no MCAP file, nor the beginning of one."""


@dataclass(frozen=True)
class Topic:
    """What a channel of a file carries."""

    name: str
    type_name: str
    encoding: str  # of the definition: 'ros2msg' or 'ros2idl', '' if there is none
    definition: str


@dataclass(frozen=True)
class Place:
    """A chunk, or a run of records outside chunks: bytes [offset, end) of the file."""

    offset: int
    end: int
    chunked: bool
    start_ns: int  # log time of its first message
    channels: frozenset[int] | None  # that it holds messages of; None: not known

    @property
    def where(self) -> str:
        """The place in words."""
        return f'the {"chunk" if self.chunked else "part"} at byte {self.offset}'


@dataclass
class McapPlaces:
    """One file: its channels, and the places that hold messages, in the order of the file."""

    path: Path
    topics: dict[int, Topic] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    count: int | None = None  # messages that a walk has found; None: read by its index
    damage: str = ''  # why the places end before the file does
    unchecked: bool = False  # whether a part was met that carries no checksum
    _schemas: dict[int, Schema] = field(default_factory=dict)

    def read(self, place: Place, position: int, wanted: Container[int]) -> list[RawMessage]:
        """Return the messages of the wanted channels in the order of the file.

        They are counted from `position`.

        Raises:
            DamageError: the place is not what was written.
        """
        try:
            with self.path.open('rb') as file:
                content = self._content(file, place)
        except OSError as error:
            raise DamageError(f'cannot be read: {error}') from error
        return messages(content, place.where, position, wanted)

    def read_index(self, summary: Summary) -> None:
        """Take channels and places from a summary that is known to be right."""
        for schema in summary.schemas.values():
            self._define(schema)
        for channel in summary.channels.values():
            self._define(channel)
        for chunk in sorted(summary.chunk_indexes, key=lambda chunk: chunk.chunk_start_offset):
            end = chunk.chunk_start_offset + chunk.chunk_length
            channels = frozenset(chunk.message_index_offsets) or None
            self.places.append(
                Place(chunk.chunk_start_offset, end, True, chunk.message_start_time, channels)
            )

    def walk(self) -> None:
        """Find channels and places record by record; `damage` says where that had to end."""
        offset, self.count = len(MAGIC), 0
        try:
            with self.path.open('rb') as file:
                size = os.fstat(file.fileno()).st_size
                opcode = 0
                while opcode not in (Opcode.DATA_END, Opcode.FOOTER):
                    opcode, end = next_record(file, offset, size)
                    if opcode in _LENGTHS and end - offset != _LENGTHS[opcode] + HEAD_SIZE:
                        raise DamageError(f'the record at byte {offset} has a wrong length')
                    if opcode not in _KNOWN and opcode < _FIRST_PRIVATE:
                        raise DamageError(f'the record at byte {offset} is of no known kind')
                    if opcode in _UNCHUNKED:
                        end = _end_of_run(file, offset, end, size)
                        self._add_place(file, offset, end, chunked=False)
                    elif opcode == Opcode.CHUNK:
                        self._add_place(file, offset, end, chunked=True)
                    offset = end
        except (DamageError, OSError) as error:
            self.damage = str(error)

    def _add_place(self, file: BinaryIO, offset: int, end: int, chunked: bool) -> None:
        place = Place(offset, end, chunked, 0, None)
        content = self._content(file, place)
        for definition in definitions(content, place.where):
            self._define(definition)
        found = messages(content, place.where, 0, range(_CHANNELS))
        channels = frozenset(message.channel for message in found)
        if not self.topics.keys() >= channels:
            raise DamageError(f'{place.where} holds messages of an unknown channel')
        self.count = (self.count or 0) + len(found)
        if found:
            start_ns = min(message.log_time for message in found)
            self.places.append(Place(offset, end, chunked, start_ns, channels))

    def _content(self, file: BinaryIO, place: Place) -> bytes:
        file.seek(place.offset)
        record = file.read(place.end - place.offset)
        if not place.chunked:
            self.unchecked = True
            return record
        content, checked = chunk_content(record, place.where)
        self.unchecked = self.unchecked or not checked
        return content

    def _define(self, definition: Schema | Channel) -> None:
        if isinstance(definition, Schema):
            self._schemas[definition.id] = definition
            return
        schema = self._schemas.get(definition.schema_id)
        if schema is None:
            self.topics[definition.id] = Topic(definition.topic, '', '', '')
            return
        text = schema.data.decode(errors='replace')
        self.topics[definition.id] = Topic(definition.topic, schema.name, schema.encoding, text)


def open_mcap(path: Path) -> McapPlaces:
    """Open a file, be it whole, cut off or changed.

    Raises:
        NotMcapError: it is something else.
        OSError: it cannot be read.
    """
    file = McapPlaces(path)
    summary = checked_summary(path)
    if summary is not None and _is_complete(summary):
        file.read_index(summary)
        return file
    with path.open('rb') as stream:
        start = stream.read(len(MAGIC))
    if start == MAGIC:
        file.walk()
    elif MAGIC.startswith(start):
        file.damage, file.count = f'cut off after {len(start)} bytes', 0
    else:
        raise NotMcapError(f'{path} does not begin like an MCAP file')
    return file


def _is_complete(summary: Summary) -> bool:
    """Whether a summary names every channel, its type and every chunk."""
    known = all(c.schema_id in summary.schemas for c in summary.channels.values())
    chunks, statistics = summary.chunk_indexes, summary.statistics
    return known and statistics is not None and statistics.chunk_count == len(chunks) > 0


def leading_metadata(path: Path) -> dict[str, dict[str, str]]:
    """Return the metadata records in front of all messages of a file, by their name."""
    found = {}
    try:
        with path.open('rb') as file:
            for record in StreamReader(file, emit_chunks=True).records:
                if isinstance(record, Chunk):
                    break
                if isinstance(record, Metadata):
                    found[record.name] = dict(record.metadata)
    except (McapError, OSError, ValueError, struct.error):
        pass  # what is damaged tells nothing here, and is told elsewhere
    return found


def _end_of_run(file: BinaryIO, offset: int, end: int, size: int) -> int:
    """Return where the records outside chunks that begin at `offset` end, or enough of them."""
    while end - offset < RUN_BYTES and end < size:
        try:
            opcode, next_end = next_record(file, end, size)
        except DamageError:  # met again, and told, as the next record
            return end
        if opcode not in _UNCHUNKED:
            return end
        end = next_end
    return end
