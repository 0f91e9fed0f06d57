# SPDX-License-Identifier: Apache-2.0
"""A replay buffer on disk: append-only files, so that a checkpoint costs what is new.

`append` writes the slots that came since the last time, as blocks with CRCs (`segment_blocks`),
flushes them and returns a `ReplayMark`; the checkpoint written after it holds that mark, and
`restore` fills a buffer as it was then. What lies behind the mark, of a process that was killed
before its next checkpoint, is not read and is cut off before anything is appended.

Damage costs the blocks it hit. They are left out, what lies behind them is used, and a new
segment of experience begins there: no transition crosses the hole. The numbering of slots then
begins anew in new files, so the next checkpoint writes the whole buffer once, and is sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import re

from maxent_rl.durable import flush_folder, make_folder
from maxent_rl.replay_buffer import Columns, ReplayBuffer
from maxent_rl.segment_blocks import check_header, encode_block, encode_header, find_blocks

SEGMENT_BYTES = 16 * 2**20  # a file of at least that size is closed
BLOCK_BYTES = 2**20  # of columns per block, about: what one damaged byte may cost

_NAME = re.compile(r'segment-(\d{8})\.bin')

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplayMark:
    """What of the files is the buffer's content at one moment. Plain numbers, for JSON."""

    first: int  # serial of the file with the oldest slot
    last: int  # serial of the file with the newest slot; first - 1 while there is none
    oldest: int  # number of the oldest slot
    written: int  # number after the newest slot
    transitions: int  # that could be sampled
    is_open: bool  # whether the newest segment of experience may go on


@dataclass(frozen=True)
class _File:
    serial: int
    number: int  # of its first slot
    size: int  # bytes that count; what is behind them is cut off


class ReplaySegments:
    """The segment files of one buffer, of which this is the only writer."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not exist. Files of another buffer in it are kept."""
        self.folder = folder
        self._before: int | None = None  # serial before its first file; None: to begin anew
        self._files: list[_File] = []
        self._appended = 0  # slots before this number are in the files

    def append(self, buffer: ReplayBuffer) -> ReplayMark:
        """Write the slots that came since the last time, flush them, and return their mark.

        Raises:
            OSError: for instance a full disk; the files are as before, and the next call writes
                these slots, too.
        """
        make_folder(self.folder)
        before = self._begin()
        try:
            files = self._write(before, buffer)
        except OSError:
            with suppress(OSError):
                self._cut_tail(before)
            raise
        self._files, self._appended = files, buffer.written
        holding = [each.serial for each in files if each.number <= buffer.oldest]
        return ReplayMark(
            first=holding[-1] if holding else before + 1,
            last=files[-1].serial if files else before,
            oldest=buffer.oldest,
            written=buffer.written,
            transitions=len(buffer),
            is_open=buffer.is_open,
        )

    def restore(self, buffer: ReplayBuffer, mark: ReplayMark) -> int:
        """Fill the buffer as it was at the mark; return how many transitions were lost.

        Nothing is written. If something was lost, the segment of experience that was under way
        is closed where its end is missing (`buffer.is_open`).

        Raises:
            SegmentError: a file is of another schema or of a buffer of other dimensions.
        """
        files: list[_File] = []
        blocks = self._blocks(mark, buffer.slots(0, 0), files)
        missing = buffer.restore(blocks, mark.oldest, mark.written, mark.is_open)
        self._before = None if missing else mark.first - 1
        self._files, self._appended = ([], 0) if missing else (files, mark.written)
        return mark.transitions - len(buffer)

    def remove_unneeded(self, marks: Iterable[ReplayMark]) -> None:
        """Delete the files that none of these marks needs, for their slots were overwritten."""
        needed = min((mark.first for mark in marks), default=0)
        for serial in _serials(self.folder):
            if serial < needed:
                with suppress(OSError):
                    self._path(serial).unlink()
        self._files = [each for each in self._files if each.serial >= needed]

    def _begin(self) -> int:
        """Return the serial before the first file; begins anew if files that count are gone."""
        serials = _serials(self.folder)
        sound = all(
            each.serial in serials and self._path(each.serial).stat().st_size >= each.size
            for each in self._files
        )
        if self._before is None or not sound:
            self._before = max(serials, default=0)
            self._files, self._appended = [], 0
        self._cut_tail(self._before)
        return self._before

    def _cut_tail(self, before: int) -> None:
        """Remove what an interrupted or failed `append` left behind the slots that count."""
        last = self._files[-1] if self._files else _File(before, 0, 0)
        for serial in _serials(self.folder):
            if serial > last.serial:
                self._path(serial).unlink()
        if self._files and self._path(last.serial).stat().st_size > last.size:
            os.truncate(self._path(last.serial), last.size)

    def _write(self, before: int, buffer: ReplayBuffer) -> list[_File]:
        files = list(self._files)
        number = max(self._appended, buffer.oldest)
        while number < buffer.written:
            if not files or files[-1].size >= SEGMENT_BYTES:
                files.append(_File((files[-1].serial if files else before) + 1, number, 0))
            files[-1], number = self._fill(files[-1], number, buffer)
        return files

    def _fill(self, file: _File, number: int, buffer: ReplayBuffer) -> tuple[_File, int]:
        """Append blocks of slots from `number` on until the file is full or all are written."""
        size = file.size
        per_block = max(1, BLOCK_BYTES // _bytes_per_slot(buffer))
        with self._path(file.serial).open('ab') as stream:
            if size == 0:
                size += stream.write(encode_header(buffer.slots(0, 0)))
            while number < buffer.written and size < SEGMENT_BYTES:
                stop = min(number + per_block, buffer.written)
                size += stream.write(encode_block(number, buffer.slots(number, stop)))
                number = stop
            stream.flush()
            os.fsync(stream.fileno())
        if file.size == 0:
            flush_folder(self.folder)
        return _File(file.serial, file.number, size), number

    def _blocks(
        self, mark: ReplayMark, columns: Columns, files: list[_File]
    ) -> Iterator[tuple[int, Columns]]:
        """Yield what was written before the mark, and list the files with how much of them."""
        for serial in _serials(self.folder):
            if not mark.first <= serial <= mark.last:
                continue
            try:
                data = self._path(serial).read_bytes()
            except OSError as error:
                _logger.warning('replay segment %s cannot be read: %s', serial, error)
                continue
            check_header(data, columns)
            blocks = [each for each in find_blocks(data) if each.number < mark.written]
            if blocks:
                files.append(_File(serial, blocks[0].number, blocks[-1].end))
            for block in blocks:
                yield block.number, block.columns()

    def _path(self, serial: int) -> Path:
        return self.folder / f'segment-{serial:08d}.bin'


def _serials(folder: Path) -> list[int]:
    """Serials of the segment files in a folder, ascending."""
    if not folder.is_dir():
        return []
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in found if match is not None)


def _bytes_per_slot(buffer: ReplayBuffer) -> int:
    columns = buffer.slots(0, 1)
    return sum(column.nbytes for column in columns.values())
