# SPDX-License-Identifier: Apache-2.0
"""Definitions and hashes of message types, from the installed packages."""

from __future__ import annotations

from collections.abc import Callable
import importlib
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore


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


def message_class(type_name: str) -> type:
    """Return the Python class of a type such as 'std_msgs/msg/Empty'.

    Raises:
        ModuleNotFoundError, AttributeError: the type is not installed.
    """
    package, kind, name = type_name.split('/')
    found: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return found


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

    def text_and_hash(self, type_name: str) -> tuple[str, str]:
        """Return the full definition, with all types in it, and its hash ('RIHS01_...').

        Raises:
            UnknownTypeError: one of the types is not installed.
        """
        self.require(type_name)
        text, _ = self.store.generate_msgdef(type_name, ros_version=2)
        return text, self.store.hash_rihs01(type_name)

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
