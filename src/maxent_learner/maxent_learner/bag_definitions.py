# SPDX-License-Identifier: Apache-2.0
"""Whether the message definitions in a bag are those of the installed packages."""

from __future__ import annotations

from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_idl, get_types_from_msg

from maxent_learner.message_definitions import Definitions


class UnreadableDefinitionError(ValueError):
    """A definition that is neither ROS 2 message text nor IDL."""


def differences(type_name: str, encoding: str, text: str, installed: Definitions) -> list[str]:
    """Say how a definition differs from the installed one, nested types included.

    Comments, constants, default values and white space do not count: the bytes of a message do not
    depend on them.

    Args:
        type_name: such as 'maxent_msgs/msg/Step'.
        encoding: 'ros2msg' or 'ros2idl'.
        text: definition, with those of the types in it appended as MCAP and rosbag2 do.
        installed: what is installed here.

    Raises:
        UnreadableDefinitionError: the text cannot be read.
        maxent_learner.message_definitions.UnknownTypeError: the type is not installed.
    """
    installed.require(type_name)
    stored = _parse(type_name, encoding, text)
    found: list[str] = []
    waiting, seen = [type_name], {type_name}
    while waiting:
        name = waiting.pop()
        if name not in stored:
            continue  # not appended: what it holds cannot be compared
        ours, theirs = _fields(installed.store.fielddefs[name]), _fields(stored[name])
        if ours != theirs:
            found.append(f'{name}: {_difference(theirs, ours)}')
        for nested in _nested(installed.store.fielddefs[name]) - seen:
            seen.add(nested)
            waiting.append(nested)
    return found


def _parse(type_name: str, encoding: str, text: str) -> dict[str, Any]:
    try:
        if encoding == 'ros2idl':
            return dict(get_types_from_idl(text))
        return dict(get_types_from_msg(text, type_name))
    except Exception as error:  # the parser raises several kinds, none of them documented
        raise UnreadableDefinitionError(
            f'the definition of {type_name} cannot be read: {error}'
        ) from error


def _fields(definition: Any) -> dict[str, str]:
    """Return field name -> type in the order of the fields."""
    return {name: _type_text(description) for name, description in definition[1]}


def _type_text(description: Any) -> str:
    node, detail = description
    if node is Nodetype.BASE:
        base, bound = detail
        return f'{base}<={bound}' if bound else str(base)
    if node is Nodetype.NAME:
        return str(detail)
    element, length = detail
    inner = _type_text(element)
    if node is Nodetype.ARRAY:
        return f'{inner}[{length}]'
    return f'{inner}[<={length}]' if length else f'{inner}[]'


def _nested(definition: Any) -> set[str]:
    found = set()
    for _, (node, detail) in definition[1]:
        if node in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            node, detail = detail[0]
        if node is Nodetype.NAME:
            found.add(detail)
    return found


def _difference(stored: dict[str, str], installed: dict[str, str]) -> str:
    parts = [
        f'{name} is {stored[name]} in the bag, {installed[name]} here'
        for name in stored
        if name in installed and stored[name] != installed[name]
    ]
    parts += [f'{name} is only in the bag' for name in stored if name not in installed]
    parts += [f'{name} is only installed here' for name in installed if name not in stored]
    return ', '.join(parts) or 'its fields are in another order'
