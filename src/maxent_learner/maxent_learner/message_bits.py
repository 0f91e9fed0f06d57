# SPDX-License-Identifier: Apache-2.0
"""Whether two ROS messages are the same to the bit: NaN equals itself, 0.0 is not -0.0."""

from __future__ import annotations

from array import array
from math import inf
import struct
from typing import Any

import numpy as np


def difference(expected: Any, recorded: Any) -> str:
    """Name the first field in which two messages differ, with both values; '' if none does."""
    if type(expected) is not type(recorded):
        return f'is a {type(expected).__name__}, recorded was a {type(recorded).__name__}'
    for name in expected.get_fields_and_field_types():
        ours, theirs = getattr(expected, name), getattr(recorded, name)
        if bits(ours) != bits(theirs):
            return f'{name} is {_text(ours)}, recorded was {_text(theirs)}'
    return ''


def distance(expected: Any, recorded: Any) -> float:
    """Return by how much the numbers of two messages differ at most.

    Infinite if anything but floating-point numbers differs, or one of them is not finite. Where
    two processors round differently it is far below what any robot could notice.
    """
    if isinstance(expected, float) and isinstance(recorded, float):
        expected, recorded = np.array([expected]), np.array([recorded])
    if _are_doubles(expected) and _are_doubles(recorded) and len(expected) == len(recorded):
        apart = np.abs(np.asarray(expected) - np.asarray(recorded))
        return float(np.where(np.isfinite(apart), apart, np.inf).max(initial=0.0))
    if bits(expected) == bits(recorded):
        return 0.0
    if type(expected) is type(recorded) and hasattr(expected, 'get_fields_and_field_types'):
        names = expected.get_fields_and_field_types()
        return max(distance(getattr(expected, n), getattr(recorded, n)) for n in names)
    return inf


def _are_doubles(value: Any) -> bool:
    if isinstance(value, array):
        return value.typecode in 'df'
    return isinstance(value, np.ndarray) and value.dtype.kind == 'f'


def bits(value: Any) -> Any:
    """Return something that is equal for two values if and only if all their bits are."""
    if isinstance(value, array):
        return value.tobytes()
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, float):
        return struct.pack('<d', value)
    if isinstance(value, (list, tuple)):
        return [bits(item) for item in value]
    if hasattr(value, 'get_fields_and_field_types'):
        return [bits(getattr(value, name)) for name in value.get_fields_and_field_types()]
    return value


def _text(value: Any) -> str:
    return str(value.tolist()) if isinstance(value, (array, np.ndarray)) else str(value)
