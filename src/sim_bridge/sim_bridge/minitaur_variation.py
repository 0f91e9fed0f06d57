# SPDX-License-Identifier: Apache-2.0
"""How one simulated Minitaur differs from the next: figures that are drawn anew at every reset.

Ranges of Tan et al. (arXiv 1804.10332, table 2) for the same robot.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np


def _range(nominal: float, low: float, high: float, doc: str) -> Any:
    return field(default=(nominal, nominal), metadata={'doc': doc, 'min': low, 'max': high})


@dataclass(frozen=True)
class MinitaurFigures:
    """What was drawn for one episode; the fields are those of MinitaurVariation."""

    mass: float
    foot_friction: float
    motor_strength: float
    latency: float
    joint_friction: float
    voltage: float


@dataclass(frozen=True)
class MinitaurVariation:
    """Low and high end of each figure; nothing varies by default.

    Raises ValueError naming a field whose range is malformed or leaves what is allowed.
    """

    mass: tuple[float, float] = _range(1.0, 0.8, 1.2, 'factor of all masses and inertias')
    foot_friction: tuple[float, float] = _range(1.0, 0.2, 1.5, 'sliding friction of the toes')
    motor_strength: tuple[float, float] = _range(1.0, 0.8, 1.2, 'factor of all motor torques')
    latency: tuple[float, float] = _range(
        0.02, 0.0, 0.04, 's of dead time between command and motor'
    )
    joint_friction: tuple[float, float] = _range(
        0.0, 0.0, 0.05, 'N m of dry friction in every motor'
    )
    voltage: tuple[float, float] = _range(16.0, 14.0, 16.8, 'V of the battery')

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, least, most = (
                getattr(self, entry.name),
                entry.metadata['min'],
                entry.metadata['max'],
            )
            if len(value) != 2 or not all(isfinite(end) for end in value):
                raise ValueError(f'variation {entry.name} must be two numbers, is {value}')
            if not least <= value[0] <= value[1] <= most:
                raise ValueError(
                    f'variation {entry.name} must satisfy {least} <= low <= high <= {most}, '
                    f'is {value}'
                )

    def draw(self, rng: np.random.Generator) -> MinitaurFigures:
        """Return the figures of one episode, drawn evenly in the order of the fields."""
        return MinitaurFigures(
            **{
                entry.name: float(rng.uniform(*getattr(self, entry.name)))
                for entry in fields(self)
            }
        )


# What a policy that shall walk on the real robot should be trained with.
REAL_WORLD = MinitaurVariation(
    mass=(0.8, 1.2),
    foot_friction=(0.5, 1.25),
    motor_strength=(0.8, 1.2),
    latency=(0.0, 0.04),
    joint_friction=(0.0, 0.05),
    voltage=(14.0, 16.8),
)
