# SPDX-License-Identifier: Apache-2.0
"""What the measures of the tasks mean to a person: unit, and whether more or less is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """How to show a measure that is kept in SI units."""

    title: str
    unit: str = ''
    factor: float = 1.0  # from SI to the unit shown
    decimals: int = 2
    more_is_better: bool = False
    goal: float | None = None  # in SI units, drawn into curves

    def text(self, value: float) -> str:
        """Return a value in SI units as text with its unit."""
        return f'{value * self.factor:.{self.decimals}f} {self.unit}'.strip()


MEASURES: Mapping[str, Measure] = {
    'distance': Measure('distance to the target', 'cm', 100.0, 1, goal=0.01),
    'error': Measure('angle from the target', 'rad', goal=0.1),
    'speed': Measure('speed', 'm/s', more_is_better=True),
    'way': Measure('way', 'm', more_is_better=True),
    'fallen': Measure('fallen', decimals=0),
}


def measure(name: str) -> Measure:
    """Return how to show the measure of a name; one that nobody has described goes by its name."""
    return MEASURES.get(name, Measure(name))
