# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 folder (MCAP) that is being written: definitions, messages, counts, clean end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosbags.interfaces import Connection, Nodetype, Qos
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

BAG_VERSION = 9  # as ROS 2 Jazzy writes


class UnknownTypeError(LookupError):
    """A message type whose definition is not installed here."""


def read_definition(type_name: str) -> str:
    """Return the .msg text of an installed type such as 'maxent_msgs/msg/Step'.

    Raises:
        UnknownTypeError: the package or the type is not installed.
    """
    package, kind, name = type_name.split('/')
    try:
        path = Path(get_package_share_directory(package)) / kind / f'{name}.msg'
        return path.read_text(encoding='utf-8')
    except (PackageNotFoundError, OSError) as error:
        raise UnknownTypeError(f'no definition of {type_name} is installed: {error}') from error


class Definitions:
    """Message definitions and their hashes, from the installed packages."""

    def __init__(self, read: Callable[[str], str] = read_definition) -> None:
        """Start with the standard types of ROS 2 Jazzy."""
        self._read = read
        self.store = get_typestore(Stores.ROS2_JAZZY)

    def require(self, type_name: str) -> None:
        """Make a type and all types in it known to `store`.

        Raises:
            UnknownTypeError: one of them is not installed.
        """
        found: dict[str, Any] = {}
        self._collect(type_name, found)
        if found:
            self.store.register(found)

    def _collect(self, type_name: str, found: dict[str, Any]) -> None:
        if type_name in self.store.fielddefs or type_name in found:
            return
        found.update(get_types_from_msg(self._read(type_name), type_name))
        for _, description in found[type_name][1]:
            node, detail = description
            if node in (Nodetype.ARRAY, Nodetype.SEQUENCE):
                node, detail = detail[0]
            if node is Nodetype.NAME:
                self._collect(detail, found)


class BagFile:
    """Writes serialised messages. Not thread-safe. Methods raise OSError if the disk is full."""

    def __init__(self, path: Path) -> None:
        """Open a new bag.

        Raises:
            OSError: the folder cannot be written.
            rosbags.rosbag2.WriterError: the folder exists.
        """
        self.path = path
        self.counts: dict[str, int] = {}
        self._definitions = Definitions()
        self._connections: dict[str, Connection] = {}
        self._writer = Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()

    def add_topic(self, topic: str, type_name: str, offered: list[Qos]) -> None:
        """Prepare a topic, with the quality of service that its publishers offer.

        Raises:
            UnknownTypeError: the type is not installed.
        """
        self._definitions.require(type_name)
        self._connections[topic] = self._writer.add_connection(
            topic, type_name, typestore=self._definitions.store, offered_qos_profiles=offered
        )
        self.counts[topic] = 0

    def write(self, topic: str, received_ns: int, data: bytes) -> None:
        """Append a message."""
        self._writer.write(self._connections[topic], received_ns, data)
        self.counts[topic] += 1

    def flush(self) -> None:
        """Hand everything to the operating system: a killed process loses nothing before this."""
        storage: Any = self._writer.storage
        if storage is not None and storage.chunk.msgs:
            storage.close_chunk()
            storage.bio.flush()

    def close(self) -> None:
        """Write the index and metadata.yaml."""
        self._writer.close()
