# SPDX-License-Identifier: Apache-2.0
"""Bytes of a replay segment: a header, then blocks of slots, each with its length and CRCs.

    header  b'maxslots', u32 length of what follows, JSON {schema, columns}, u32 CRC-32 of that
    block   b'maxblock', u64 number of the first slot, u32 slots, u64 bytes of the payload,
            u32 CRC-32 of the payload, u32 CRC-32 of all this; payload: safetensors, by column

Integers are little-endian. A block is found by its mark, so what is damaged costs itself only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import json
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
import safetensors.numpy

from maxent_rl.replay_buffer import Columns

SCHEMA = 1

_FILE_MARK, _BLOCK_MARK = b'maxslots', b'maxblock'
_FILE_START = struct.Struct('<8sI')
_BLOCK_START = struct.Struct('<8sQIQI')
_CRC = struct.Struct('<I')
_PAYLOAD = _BLOCK_START.size + _CRC.size  # where it begins, from the block's mark


class SegmentError(RuntimeError):
    """A segment that is whole and cannot be used: the text says which and why."""


@dataclass(frozen=True)
class Block:
    """Slots `number` to before `number + count`, in the bytes that end at `end`."""

    number: int
    count: int
    end: int
    payload: bytes

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns of the slots."""
        columns: dict[str, NDArray[np.generic]] = safetensors.numpy.load(self.payload)
        return columns


def encode_header(columns: Columns) -> bytes:
    """Return the first bytes of a segment whose blocks will have such columns (slots, ...)."""
    text = json.dumps(_description(columns)).encode()
    return _FILE_START.pack(_FILE_MARK, len(text)) + text + _CRC.pack(zlib.crc32(text))


def check_header(data: bytes, columns: Columns) -> None:
    """Compare a segment's header with the columns (slots, ...) that are wanted.

    A damaged header is passed over, for the blocks can be found and checked without it.

    Raises:
        SegmentError: it says that the segment is of another schema or holds other columns.
    """
    start = _FILE_START.size
    if len(data) < start:
        return
    mark, length = _FILE_START.unpack_from(data)
    text, crc = data[start : start + length], data[start + length : start + length + _CRC.size]
    if mark != _FILE_MARK or crc != _CRC.pack(zlib.crc32(text)):
        return
    wanted, found = _description(columns), json.loads(text)
    if found != wanted:
        raise SegmentError(f'replay segment holds {found}, wanted is {wanted}')


def encode_block(number: int, columns: Columns) -> bytes:
    """Return the block of slots (slots, ...) of which the first is slot `number`."""
    payload = safetensors.numpy.save(dict(columns))
    count = len(next(iter(columns.values())))
    start = _BLOCK_START.pack(_BLOCK_MARK, number, count, len(payload), zlib.crc32(payload))
    return start + _CRC.pack(zlib.crc32(start)) + payload


def find_blocks(data: bytes) -> Iterator[Block]:
    """Yield all whole blocks in the bytes of a segment, in order; damage is passed over."""
    place = data.find(_BLOCK_MARK)
    while place >= 0:
        block = _block(data, place)
        # From a damaged block the search goes on behind its mark: its length may be wrong.
        place = data.find(_BLOCK_MARK, place + 1 if block is None else block.end)
        if block is not None:
            yield block


def _block(data: bytes, place: int) -> Block | None:
    begin = place + _PAYLOAD
    if len(data) < begin:
        return None
    start = data[place : place + _BLOCK_START.size]
    if data[place + _BLOCK_START.size : begin] != _CRC.pack(zlib.crc32(start)):
        return None
    _, number, count, size, crc = _BLOCK_START.unpack(start)
    payload = data[begin : begin + size]
    if len(payload) != size or zlib.crc32(payload) != crc:
        return None
    return Block(number, count, begin + size, payload)


def _description(columns: Columns) -> dict[str, object]:
    shapes = {name: [str(each.dtype), *each.shape[1:]] for name, each in columns.items()}
    return {'schema': SCHEMA, 'columns': dict(sorted(shapes.items()))}
