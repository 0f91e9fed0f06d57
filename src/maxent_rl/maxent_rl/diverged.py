# SPDX-License-Identifier: Apache-2.0
"""The error of a gradient step that must not be made."""

from __future__ import annotations

from collections.abc import Mapping
import math


class DivergedError(RuntimeError):
    """A loss or gradient is not finite; the update was not made, all parameters are as before."""


def check_finite(figures: Mapping[str, float], update: int) -> None:
    """Raise DivergedError unless every figure of update number `update` is finite."""
    if not all(math.isfinite(value) for value in figures.values()):
        raise DivergedError(
            f'update {update} was not made, a figure is not finite: {dict(figures)}; '
            'look for extreme rewards or observations, or lower learning_rate'
        )
