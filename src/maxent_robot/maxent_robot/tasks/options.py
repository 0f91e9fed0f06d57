# SPDX-License-Identifier: Apache-2.0
"""Options of a task: given by name, checked against a frozen dataclass that documents them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field, fields
from math import isfinite
from typing import Any, TypeVar

Config = TypeVar('Config')


class OptionError(ValueError):
    """A task option is unknown or has a value that it cannot take."""


def number(default: float, low: float, high: float, doc: str) -> Any:
    """Declare a numeric option in low..high (both included)."""
    return field(default=default, metadata={'min': low, 'max': high, 'doc': doc})


def build_config(config: type[Config], task: str, options: Mapping[str, object]) -> Config:
    """Make the dataclass from options; OptionError naming the known ones if one is unknown."""
    known: dict[str, Field[Any]] = {item.name: item for item in fields(config)}  # type: ignore[arg-type]
    for name, value in options.items():
        if name not in known:
            raise OptionError(
                f"task '{task}' has no option '{name}'; known options: {', '.join(sorted(known))}"
            )
        _check_range(task, known[name], value)
    return config(**options)


def _check_range(task: str, item: Field[Any], value: object) -> None:
    if 'min' not in item.metadata:
        return  # not a number: checked by the dataclass itself
    whole = isinstance(item.default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        kind = 'a whole number' if whole else 'a number'
        raise OptionError(f"option '{item.name}' of task '{task}' must be {kind}, is {value!r}")
    low, high = item.metadata['min'], item.metadata['max']
    if not (isfinite(value) and low <= value <= high):
        raise OptionError(
            f"option '{item.name}' of task '{task}' must lie in {low}..{high}, is {value}"
        )
