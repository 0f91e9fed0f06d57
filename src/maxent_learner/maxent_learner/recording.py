# SPDX-License-Identifier: Apache-2.0
"""Writes a bag in a thread of its own: who has messages only puts them into a bounded queue."""

from __future__ import annotations

from collections import Counter, deque
import shutil
import threading
import time
from typing import NamedTuple

from maxent_learner.bag_file import BagFile
from maxent_learner.bag_metadata import Topic
from maxent_learner.mcap_output import Message
from maxent_learner.recorder_config import MEGABYTE

POLL_S = 0.05
FLUSH_PERIOD_S = 0.5  # a killed recorder loses what came since, and the time a flush takes
OVERHEAD = 200  # bytes that a waiting message takes beside its data


class Extent(NamedTuple):
    """How much there is of a bag."""

    files: int
    bytes: int
    duration_s: float


class Recording:
    """A bag that is being written until `close`, or until the disk is full or broken.

    `add_topic`, `offer` and `close` are called by one thread.
    """

    def __init__(self, bag: BagFile, queue_bytes: float, minimum_free_bytes: float) -> None:
        """Start the thread.

        Args:
            bag: Open bag, from now on this object's own.
            queue_bytes: Messages beyond these are dropped.
            minimum_free_bytes: The recording ends when less is left on the disk.
        """
        self._bag = bag
        self._queue_bytes, self._minimum_free = queue_bytes, minimum_free_bytes
        self._queue: deque[Topic | Message] = deque()
        self._offered = self._taken = 0  # bytes so far, each counted by one thread
        self._dropped: Counter[str] = Counter()
        self._counts: dict[str, int] = {}
        self._extent = _extent(bag)
        self._ending = threading.Event()
        self._trouble = ''
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name='bag writer', daemon=True)
        self._thread.start()

    @property
    def counts(self) -> dict[str, int]:
        """Messages written, by topic."""
        return dict(self._counts)

    @property
    def dropped(self) -> dict[str, int]:
        """Messages that came and are not in the bag, by topic."""
        return dict(self._dropped)

    @property
    def trouble(self) -> str:
        """Why the recording ended by itself; empty if it did not."""
        return self._trouble

    @property
    def extent(self) -> Extent:
        """How much there is of the bag, as of the last flush or the end."""
        return self._extent

    def add_topic(self, topic: Topic) -> None:
        """Prepare a topic; its messages may be offered from now on."""
        self._queue.append(topic)

    def offer(self, message: Message) -> None:
        """Put a message into the queue, or drop it if that is full; returns at once."""
        size = len(message.data) + OVERHEAD
        if self._ending.is_set() or self._offered - self._taken + size > self._queue_bytes:
            self._dropped[message.topic] += 1
            return
        self._offered += size
        self._queue.append(message)

    def close(self) -> None:
        """Write what waits, then index and metadata.yaml.

        Raises:
            Exception: a fault of the program ended the thread; never a fault of the disk.
        """
        self._ending.set()
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            self._write_until_the_end()
        except OSError as error:
            self._trouble = str(error)
        except Exception as error:  # whoever closes the recording shall see it
            self._error, self._trouble = error, repr(error)
        finally:
            self._ending.set()
            self._close_bag()

    def _write_until_the_end(self) -> None:
        next_flush = time.monotonic() + FLUSH_PERIOD_S
        while not self._ending.wait(POLL_S):
            self._drain()
            if time.monotonic() >= next_flush:
                next_flush = time.monotonic() + FLUSH_PERIOD_S
                self._bag.flush()
                self._extent = _extent(self._bag)
            free = shutil.disk_usage(self._bag.path).free
            if free < self._minimum_free:
                self._trouble = f'only {free / MEGABYTE:.0f} MB are left on the disk'
                return
        self._drain()

    def _drain(self) -> None:
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, Topic):
                self._bag.add_topic(item)
                self._counts[item.name] = 0
                continue
            self._taken += len(item.data) + OVERHEAD
            self._bag.write(item)
            self._counts[item.topic] += 1

    def _close_bag(self) -> None:
        try:
            self._bag.close()
        except OSError as error:
            self._trouble = f'{self._trouble or error} (no metadata.yaml: {error})'
        written = self._bag.counts
        for topic, count in self._counts.items():  # written, but cut off as it did not fit
            self._dropped[topic] += count - written.get(topic, 0)
        self._counts, self._extent = written, _extent(self._bag)
        for item in self._queue:
            if isinstance(item, Message):
                self._dropped[item.topic] += 1
        self._queue.clear()


def _extent(bag: BagFile) -> Extent:
    return Extent(bag.files, bag.size, bag.duration_s)
