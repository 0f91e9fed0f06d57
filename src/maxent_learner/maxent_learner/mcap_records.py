# SPDX-License-Identifier: Apache-2.0
"""Records of an MCAP file, read so that no bytes can pass for what was not written.

`mcap` parses the records; what it leaves open on damaged files (lengths beyond the end, short
reads, sizes that do not agree) is checked here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from io import BytesIO
import os
from pathlib import Path
import struct
from typing import BinaryIO, NamedTuple, TypeVar
import zlib

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, Schema
from mcap.stream_reader import get_chunk_data_stream
from mcap.summary import Summary

MAGIC = b'\x89MCAP0\r\n'
HEAD_SIZE = 9  # of a record: opcode, length of what follows
COMPRESSIONS = ('', 'lz4', 'zstd')

_HEAD = struct.Struct('<BQ')
_MESSAGE = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_FOOTER = struct.Struct('<BQQQI8s')  # opcode, length, summary, summary offsets, checksum, magic
_CHECKSUM_AND_MAGIC = 12  # bytes at the end of a file that the summary's checksum leaves out

Definition = TypeVar('Definition', Schema, Channel)


class DamageError(ValueError):
    """Bytes that cannot be what was written; the text says what and where."""


class RawMessage(NamedTuple):
    """A message; sorts by log time, then by place in the bag."""

    log_time: int
    position: int
    channel: int
    sequence: int
    data: bytes


def next_record(file: BinaryIO, offset: int, size: int) -> tuple[int, int]:
    """Return the opcode and the end of the record at `offset` of a file of `size` bytes.

    Raises:
        DamageError: the file ends before it.
    """
    file.seek(offset)
    head = file.read(HEAD_SIZE)
    if len(head) == HEAD_SIZE:
        opcode, length = _HEAD.unpack(head)
        if offset + HEAD_SIZE + length <= size:
            return opcode, offset + HEAD_SIZE + length
    raise DamageError(f'cut off within the record at byte {offset}, or its length is wrong')


def records(content: bytes, where: str) -> Iterator[tuple[int, int, int]]:
    """Yield opcode, start and end of the body of each record.

    Raises:
        DamageError: lengths that do not fill the content exactly.
    """
    offset, size = 0, len(content)
    while offset < size:
        if size - offset < HEAD_SIZE:
            raise DamageError(f'{where} ends within a record')
        opcode, length = _HEAD.unpack_from(content, offset)
        start = offset + HEAD_SIZE
        offset = start + length
        if offset > size:
            raise DamageError(f'{where} ends within a record')
        yield opcode, start, offset


def messages(
    content: bytes, where: str, position: int, wanted: Container[int]
) -> list[RawMessage]:
    """Return the messages of the wanted channels in a chunk, counted from `position`.

    Raises:
        DamageError: a record in it is too short or too long.
    """
    found: list[RawMessage] = []
    for opcode, start, end in records(content, where):
        if opcode != Opcode.MESSAGE:
            continue
        body = start + _MESSAGE.size
        if body > end:
            raise DamageError(f'{where} holds a message that is too short')
        channel, sequence, log_time, _ = _MESSAGE.unpack_from(content, start)
        if channel in wanted:
            data = content[body:end]
            found.append(RawMessage(log_time, position + len(found), channel, sequence, data))
    return found


def definitions(content: bytes, where: str) -> Iterator[Schema | Channel]:
    """Yield the schemas and channels of a chunk.

    Raises:
        DamageError: one of them makes no sense.
    """
    for opcode, start, end in records(content, where):
        if opcode == Opcode.SCHEMA:
            yield _parse(Schema, content[start:end], where)
        elif opcode == Opcode.CHANNEL:
            yield _parse(Channel, content[start:end], where)


def chunk_content(record: bytes, where: str) -> tuple[bytes, bool]:
    """Return the uncompressed records of a chunk, and whether a checksum vouches for them.

    Raises:
        DamageError: the record is no chunk, or not what was written.
    """
    if len(record) < HEAD_SIZE or _HEAD.unpack_from(record) != (
        Opcode.CHUNK,
        len(record) - HEAD_SIZE,
    ):
        raise DamageError(f'{where} is not whole')
    stream = ReadDataStream(BytesIO(record[HEAD_SIZE:]))
    try:
        chunk = Chunk.read(stream)
        content_stream, length = get_chunk_data_stream(chunk, validate_crc=True)
        content = content_stream.read(length)
    except Exception as error:  # whatever decompressors raise at bytes that make no sense
        raise DamageError(f'{where} is damaged: {error}') from error
    if chunk.compression not in COMPRESSIONS:
        raise DamageError(f'{where} is compressed in an unknown way')
    if stream.count != len(record) - HEAD_SIZE or length != chunk.uncompressed_size:
        raise DamageError(f'{where} has not the size that it should have')
    return content, chunk.uncompressed_crc != 0


def checked_summary(path: Path) -> Summary | None:
    """Return the summary at the end of a file if its checksum is there and holds, else None."""
    with path.open('rb') as file:
        size = os.fstat(file.fileno()).st_size
        if size < len(MAGIC) + _FOOTER.size:
            return None
        file.seek(size - _FOOTER.size)
        opcode, _, start, _, checksum, magic = _FOOTER.unpack(file.read())
        if opcode != Opcode.FOOTER or magic != MAGIC or 0 in (start, checksum) or start >= size:
            return None
        file.seek(start)
        if zlib.crc32(file.read(size - start - _CHECKSUM_AND_MAGIC)) != checksum:
            return None
        file.seek(0)
        return SeekingReader(file).get_summary()


def _parse(kind: type[Definition], body: bytes, where: str) -> Definition:
    stream = ReadDataStream(BytesIO(body))
    try:
        found: Definition = kind.read(stream)
    except Exception as error:  # whatever parsing raises at bytes that make no sense
        raise DamageError(f'{where} holds a broken definition: {error}') from error
    if stream.count != len(body):
        raise DamageError(f'{where} holds a definition of the wrong size')
    return found
