# SPDX-License-Identifier: Apache-2.0
"""One MCAP file that is being written: checksums of everything, and never half a chunk.

The writer is that of the `mcap` package: the one of `rosbags` writes no checksums, so nobody would
notice a bit that flips, and no sequence numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
import os
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from mcap.data_stream import RecordBuilder
from mcap.records import DataEnd, Footer
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

LIBRARY = 'maxent_learner'


class Message(NamedTuple):
    """A serialised message as it came."""

    topic: str
    received_ns: int
    published_ns: int
    sequence: int  # the publisher's count of its messages; 0: unknown
    data: bytes


class _WholeWrites:
    """A file that takes what was written to it as a whole, or not at all."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.size = 0  # of what is in the file

    def write(self, data: bytes) -> int:
        """Let it wait for `commit`."""
        self._waiting.append(bytes(data))
        self._waiting_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """Where the next byte will be."""
        return self.size + self._waiting_bytes

    def flush(self) -> None:
        """Do nothing: the writer calls it, but `commit` is what hands over."""

    def commit(self) -> None:
        """Hand all that waits to the operating system.

        Raises:
            OSError: nothing of it is in the file, and nothing waits any more.
        """
        data = memoryview(b''.join(self._waiting))
        self.discard()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            with suppress(OSError):  # then half a chunk stays, which readers leave out
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += written

    def discard(self) -> None:
        """Forget what waits."""
        self._waiting, self._waiting_bytes = [], 0

    def sync(self) -> None:
        """Wait until the disk has what is in the file."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Give the file back; what waits is lost."""
        os.close(self._descriptor)


class McapOutput:
    """Writes one file. Not thread-safe. After an OSError only `close` may be called."""

    def __init__(self, path: Path, metadata: Mapping[str, Mapping[str, str]]) -> None:
        """Make a file that begins with these metadata records.

        Raises:
            OSError: it cannot be made, or exists.
        """
        self.path = path
        self.counts: dict[str, int] = {}  # by topic, flushed or not
        self.start_ns = self.end_ns = 0  # first and last time of reception; 0: no message yet
        self._flushed: tuple[dict[str, int], int, int] = ({}, 0, 0)
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._failed = False
        self._output = _WholeWrites(path)
        self._writer = Writer(
            cast(IO[Any], self._output),
            compression=CompressionType.ZSTD,
            enable_crcs=True,
            enable_data_crcs=True,
        )
        self._writer.start(profile='ros2', library=LIBRARY)
        for name, values in metadata.items():
            self._writer.add_metadata(name, dict(values))
        try:
            self._commit()
        except OSError:
            self._output.close()
            raise

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

    def add_topic(
        self, topic: str, type_name: str, definition: str, metadata: Mapping[str, str]
    ) -> None:
        """Prepare a topic; `metadata` is that of its channel. OSError as `write`."""
        if type_name not in self._schemas:
            self._schemas[type_name] = self._writer.register_schema(
                type_name, 'ros2msg', definition.encode()
            )
        self._channels[topic] = self._writer.register_channel(
            topic, 'cdr', self._schemas[type_name], dict(metadata)
        )
        self.counts[topic] = 0
        self._commit_full_chunk()

    def write(self, message: Message) -> None:
        """Append a message; OSError if a full chunk cannot be written."""
        self._writer.add_message(
            self._channels[message.topic],
            log_time=message.received_ns,
            data=message.data,
            publish_time=message.published_ns,
            sequence=message.sequence & 0xFFFFFFFF,
        )
        self.start_ns = min(self.start_ns or message.received_ns, message.received_ns)
        self.end_ns = max(self.end_ns, message.received_ns)
        self.counts[message.topic] += 1
        self._commit_full_chunk()

    def flush(self) -> None:
        """Hand everything to the disk: what is killed after this loses nothing before it.

        Raises:
            OSError: the file ends with what was flushed before.
        """
        self._writer.flush()
        self._commit()
        self._output.sync()

    def close(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        """Write these metadata records and the index, or without space for it a plain end."""
        try:
            if not self._failed:
                self._finish(metadata)
        except OSError:
            self._failed = True
        if self._failed:
            counts, self.start_ns, self.end_ns = self._flushed
            self.counts = {topic: counts.get(topic, 0) for topic in self.counts}
            self._end_plainly()
        with suppress(OSError):
            self._output.sync()
        self._output.close()

    def _finish(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        self.flush()
        for name, values in metadata.items():
            self._writer.add_metadata(name, dict(values))
        self._writer.finish()
        self._commit()

    def _commit_full_chunk(self) -> None:
        if self._output.tell() > self._output.size:
            self._commit()

    def _commit(self) -> None:
        """Hand over what the writer has put out: whole chunks, so all messages up to now."""
        try:
            self._output.commit()
        except OSError:
            self._failed = True
            raise
        self._flushed = (dict(self.counts), self.start_ns, self.end_ns)

    def _end_plainly(self) -> None:
        """End the file so that every reader takes it, though it must look for the messages."""
        end = RecordBuilder()
        DataEnd(data_section_crc=0).write(end)
        Footer(summary_start=0, summary_offset_start=0, summary_crc=0).write(end)
        self._output.discard()
        self._output.write(end.end() + MCAP0_MAGIC)
        with suppress(OSError):  # not even space for that: readers find a cut file
            self._output.commit()
