# SPDX-License-Identifier: Apache-2.0
"""Figures of the guard: default, range and meaning of each in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

# Of a simulation, where nobody is there to clear an overload and nothing is hot: the least rest
# after which a person may.
SIMULATED_REST = 10.0


def _figure(default: float, low: float, high: float, doc: str) -> Any:
    return field(default=default, metadata={'doc': doc, 'min': low, 'max': high})


@dataclass(frozen=True)
class GuardConfig:
    """Tunable figures of filter, gates and monitors; seconds, radians, metres, newtons.

    Raises ValueError naming the field when a value is not finite or out of its range, or when two
    contradict each other. Ages of the ladder are no option: they follow from the policy period.
    """

    velocity_fraction: float = _figure(
        0.7, 0.05, 1.0, 'fastest commanded joint speed as a fraction of the URDF velocity'
    )
    velocity_gain: float = _figure(
        0.5, 0.01, 0.5, 'k_v T / M_min: stiffness of the speed limit; 0.5 bears a tick of delay'
    )
    braking_gain: float = _figure(
        0.25, 0.01, 0.5, 'K_d T / M_min of the damping torque on rung DAMP and at emergency stop'
    )
    damping_gain: float = _figure(
        0.0, 0.0, 0.25, 'K_d T / M_min of the damping added in normal running'
    )
    return_speed: float = _figure(
        1.0, 0.05, 5.0, 'rad/s: the wall spring stops pushing a joint that returns this fast'
    )
    power_fraction: float = _figure(
        0.5, 0.01, 1.0, 'mechanical power allowed, of the sum of command_effort x speed limit'
    )
    slew_rate: float = _figure(
        20.0, 1.0, 1000.0, '1/s: fastest change of torque, in command_efforts per second'
    )
    release_ratio: float = _figure(
        5.0, 1.0, 20.0, 'how many times faster torque may change towards zero or braking'
    )
    low_pass_hz: float = _figure(
        0.0, 0.0, 1000.0, 'Hz: cut-off of the low-pass on the wish, before all limits; 0 is off'
    )
    box_stiffness: float = _figure(400.0, 0.0, 1e4, 'N/m: spring at the faces of the box')
    box_damping: float = _figure(40.0, 0.0, 1e3, 'N s/m: damping outside the faces of the box')
    box_exceeded: float = _figure(0.05, 0.001, 1.0, 'm outside the box from which DAMP follows')
    box_released: float = _figure(0.01, 0.0, 1.0, 'm outside the box below which it is over')
    leash: float = _figure(0.2, 0.01, 1.0, 'rad: position targets stay this close to the joint')
    acceleration_fraction: float = _figure(
        0.5, 0.05, 1.0, 'set-point acceleration, of the limit; it decelerates with the whole'
    )
    state_period: float = _figure(
        0.01, 0.001, 0.1, 's between joint states; they are stale after three of these'
    )
    overload_effort: float = _figure(
        0.0, 0.0, 1e3, 'N m that a joint stands for overload_time (Minitaur 2.45); 0 is off'
    )
    overload_rest: float = _figure(
        0.0, 0.0, 600.0, 's after which an overload ends by itself; 0: a person must clear it'
    )
    overload_time: float = _figure(1.0, 0.01, 60.0, 's above overload_effort until RELAX')
    attitude_limit: float = _figure(
        0.0, 0.0, 3.0, 'rad of roll or pitch from which a legged robot sits down; 0 is off'
    )
    tracking_error: float = _figure(
        0.3, 0.05, 1.0, 'rad between set-point and joint, for 0.2 s, from which DAMP follows'
    )

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, low, high = (
                getattr(self, entry.name),
                entry.metadata['min'],
                entry.metadata['max'],
            )
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f'guard {entry.name} must be a number, is {value!r}')
            if not (isfinite(value) and low <= value <= high):
                raise ValueError(f'guard {entry.name} must be in [{low}, {high}], is {value}')
        if self.box_released >= self.box_exceeded:
            raise ValueError(
                f'guard box_released {self.box_released} must be below '
                f'box_exceeded {self.box_exceeded}'
            )
