# SPDX-License-Identifier: Apache-2.0
"""Check of an algorithm's configuration against the ranges that stand in its fields."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


def check_options(config: Any, algorithm: str) -> None:
    """Compare each number with its field's metadata `min` and `max`, and `hidden` with its own.

    Args:
        config: dataclass of the algorithm's settings, with `hidden`: units of each layer.
        algorithm: its name in error messages.

    Raises:
        ValueError: a value outside its range, NaN included.
    """
    for spec in fields(config):
        value = getattr(config, spec.name)
        if 'min' not in spec.metadata:
            continue
        low, high = spec.metadata['min'], spec.metadata['max']
        if not low <= value <= high:  # written so that NaN fails
            raise ValueError(
                f'{algorithm} option {spec.name} must be in [{low}, {high}], got {value}'
            )
    if not config.hidden or not all(1 <= size <= 4096 for size in config.hidden):
        raise ValueError(
            f'{algorithm} option hidden must hold sizes in [1, 4096], got {config.hidden}'
        )
