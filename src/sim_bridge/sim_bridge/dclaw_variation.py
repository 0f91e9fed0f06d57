# SPDX-License-Identifier: Apache-2.0
"""What differs from one episode of the simulated D'Claw to the next, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np

from maxent_robot.types import Vector

VARIATION_STREAM = 1  # beside what a task draws with an episode's seed


def _range(nominal: float, least: float, most: float, doc: str) -> Any:
    metadata = {'doc': doc, 'min': least, 'max': most}
    return field(default=(nominal, nominal), metadata=metadata)


@dataclass(frozen=True)
class DClawVariation:
    """From where each figure of an episode is drawn evenly: (low, high). The default varies none.

    Raises ValueError naming the field unless both are finite, low <= high, and within its range.
    """

    joint_damping: tuple[float, float] = _range(0.1, 0.005, 1.0, 'N m s/rad, each joint')
    joint_friction: tuple[float, float] = _range(0.0, 0.0, 0.1, 'N m, dry, each joint')
    servo_gain: tuple[float, float] = _range(2.0, 0.5, 5.0, 'N m/rad, each servo')
    tip_friction: tuple[float, float] = _range(0.2, 0.05, 2.0, 'sliding, of all tips')
    mount_shift: tuple[float, float] = _range(0.0, -0.015, 0.015, 'm, along x, y and z')
    valve_damping: tuple[float, float] = _range(0.1, 0.005, 1.0, 'N m s/rad')
    valve_mass: tuple[float, float] = _range(1.0, 0.2, 5.0, 'factor, inertia too')

    def __post_init__(self) -> None:
        for entry in fields(self):
            low, high = (float(number) for number in getattr(self, entry.name))
            least, most = entry.metadata['min'], entry.metadata['max']
            if not (isfinite(low) and isfinite(high) and least <= low <= high <= most):
                raise ValueError(
                    f'variation {entry.name} must rise within [{least}, {most}], is {low}..{high}'
                )
            object.__setattr__(self, entry.name, (low, high))


# ROBEL's DClawTurnRandomDynamics, with two figures of ours for the valve. ROBEL's damping goes
# down to 0.005, where fingers swing faster than a servo can turn and the guard has to stop them.
RANDOM_DYNAMICS = DClawVariation(
    joint_damping=(0.03, 0.1),
    joint_friction=(0.001, 0.005),
    servo_gain=(1.0, 3.0),
    tip_friction=(0.8, 1.2),
    mount_shift=(-0.01, 0.01),
    valve_damping=(0.05, 0.2),
    valve_mass=(0.8, 1.25),
)


@dataclass(frozen=True, eq=False)
class DClawDynamics:
    """What varies from episode to episode, as drawn for one of them."""

    joint_damping: Vector  # (9,) N m s/rad
    joint_friction: Vector  # (9,) N m
    servo_gain: Vector  # (9,) N m/rad
    tip_friction: float
    mount_shift: Vector  # (3,) m
    valve_damping: float  # N m s/rad
    valve_mass: float  # factor

    @staticmethod
    def draw(variation: DClawVariation, joints: int, seed: int) -> DClawDynamics:
        """Draw for one episode: the same seed gives the same figures."""
        rng = np.random.default_rng([seed, VARIATION_STREAM])
        return DClawDynamics(
            joint_damping=rng.uniform(*variation.joint_damping, joints),
            joint_friction=rng.uniform(*variation.joint_friction, joints),
            servo_gain=rng.uniform(*variation.servo_gain, joints),
            tip_friction=float(rng.uniform(*variation.tip_friction)),
            mount_shift=rng.uniform(*variation.mount_shift, 3),
            valve_damping=float(rng.uniform(*variation.valve_damping)),
            valve_mass=float(rng.uniform(*variation.valve_mass)),
        )
