# SPDX-License-Identifier: Apache-2.0
"""The Minitaur's motors: PD in PWM, back-EMF, torque that saturates with current, overheating.

Model and figures of pybullet's minitaur/envs/motor.py and minitaur.py (3.2.7), which Tan et al.
(arXiv 1804.10332) measured on the robot. Arrays (n,) hold one entry per motor.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np

from maxent_robot.types import Vector

CURRENTS = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0])  # A
TORQUES = np.array([0.0, 1.0, 1.9, 2.45, 3.0, 3.25, 3.5])  # N m at these currents, then constant
OBSERVED_LIMIT = 5.7  # N m: what the robot reports is computed from the PWM, and clipped here
NET_VOLTAGE_LIMIT = 50.0  # V: diodes on the motor controller


def _figure(default: float, low: float, high: float, doc: str) -> Any:
    return field(default=default, metadata={'doc': doc, 'min': low, 'max': high})


@dataclass(frozen=True)
class MotorFigures:
    """Figures of one kind of motor; ValueError naming a field that is out of its range."""

    voltage: float = _figure(16.0, 10.0, 20.0, 'V of the battery')
    resistance: float = _figure(0.186, 0.01, 10.0, 'ohm of the winding')
    constant: float = _figure(0.0954, 0.001, 1.0, 'N m/A and V s/rad')
    kp: float = _figure(1.0, 0.0, 10.0, 'PWM (-1..1) per rad of position error')
    kd: float = _figure(0.02, 0.0, 1.0, 'PWM per rad/s of velocity')
    strength: float = _figure(1.0, 0.1, 2.0, 'torque, as a multiple of the measured curve')
    overheat_torque: float = _figure(2.45, 0.1, 10.0, 'N m that a motor stands for ever')
    overheat_time: float = _figure(1.0, 0.01, 60.0, 's above it, after which it switches off')

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            low, high = entry.metadata['min'], entry.metadata['max']
            if not (isfinite(value) and low <= value <= high):
                raise ValueError(f'motor {entry.name} must be in [{low}, {high}], is {value}')


def pwm(figures: MotorFigures, error: Vector, velocity: Vector) -> Vector:
    """Return the duty cycle (n,) in -1..1 of position error (n,) rad and velocity (n,) rad/s."""
    wish = figures.kp * error
    wish -= figures.kd * velocity
    np.minimum(wish, 1.0, out=wish)
    return np.maximum(wish, -1.0, out=wish)


def torque(figures: MotorFigures, duty: Vector, velocity: Vector) -> Vector:
    """Return the torque (n,) in N m at a duty cycle (n,) and a true velocity (n,) in rad/s."""
    net = figures.voltage * duty
    net -= figures.constant * velocity
    np.minimum(net, NET_VOLTAGE_LIMIT, out=net)
    np.maximum(net, -NET_VOLTAGE_LIMIT, out=net)
    size = np.interp(np.abs(net) / figures.resistance, CURRENTS, TORQUES)
    size *= figures.strength
    return np.copysign(size, net, out=size)


def observed_torque(figures: MotorFigures, duty: Vector) -> Vector:
    """Return the torque (n,) in N m that the robot reports: of the PWM alone, without speed."""
    reported = duty * (figures.constant * figures.voltage / figures.resistance)
    return np.clip(reported, -OBSERVED_LIMIT, OBSERVED_LIMIT)


class Motors:
    """The motors of one robot with their memory: commands on their way, delayed sensors, heat.

    `step` is called once per integration step. Targets given by `aim` count after the dead time;
    the PD loop sees position and velocity of `sensor_delay` ago, interpolated between steps.
    """

    def __init__(self, dt: float, sensor_delay: float) -> None:
        """Take the integration step and the delay of the PD loop's sensors, both in s."""
        self._dt = dt
        whole, self._share = divmod(sensor_delay / dt + 1e-9, 1.0)
        if self._share < 1e-6:
            self._share = 0.0
        self._behind = int(whole)
        self.reset(np.zeros(1), MotorFigures(), 0.0)

    def reset(self, position: Vector, figures: MotorFigures, dead_time: float) -> None:
        """Forget everything; cold motors at rest hold `position` (n,) in rad, commands take s."""
        self.figures = figures
        self._dead_steps = round(dead_time / self._dt)
        self._hot = np.zeros(len(position))  # s for which each has been above overheat_torque
        self._works = np.ones(len(position))  # 0 once overheated
        self._sensed = np.zeros((self._behind + 2, 2, len(position)))  # the newest at `_now`
        self._sensed[:, 0] = position
        self._now = 0
        self.duty = np.zeros(len(position))
        self.hold(position)

    def hold(self, position: Vector) -> None:
        """Hold a position (n,) in rad from now on; commands on their way are dropped."""
        self._coming: deque[tuple[int, Vector]] = deque()
        self._target = np.array(position)
        self._newest = self._target
        self.on = True

    def aim(self, target: Vector) -> None:
        """Send a target (n,) in rad, which counts after the dead time. It must not be changed."""
        self.on = True
        if target is not self._newest:
            self._newest = target
            self._coming.append((self._now + self._dead_steps, target))

    def off(self) -> None:
        """Let go: no torque until `hold` or `aim`."""
        self.on = False
        self.duty = np.zeros_like(self.duty)

    def step(self, position: Vector, velocity: Vector) -> Vector:
        """Return the torque (n,) in N m for the step that begins with this true state (n,)."""
        while self._coming and self._coming[0][0] <= self._now:
            self._target = self._coming.popleft()[1]
        sensed, rows = self._sensed, len(self._sensed)
        newest = sensed[self._now % rows]
        newest[0] = position
        newest[1] = velocity
        seen = sensed[(self._now - self._behind) % rows]
        if self._share:
            older = sensed[(self._now - self._behind - 1) % rows]
            seen = seen + self._share * (older - seen)
        self._now += 1
        if not self.on:
            self._hot[:] = 0.0
            return self.duty
        self.duty = pwm(self.figures, self._target - seen[0], seen[1])
        self.duty *= self._works
        made = torque(self.figures, self.duty, velocity)
        made *= self._works  # an overheated motor is disconnected: no back-EMF current either
        self._heat(made)
        return made

    @property
    def overheated(self) -> tuple[int, ...]:
        """Indices of motors that have switched themselves off, until `reset`."""
        return tuple(np.flatnonzero(self._works == 0.0).tolist())

    def reported(self) -> Vector:
        """Return the torque (n,) in N m that the robot reports for the last step."""
        return observed_torque(self.figures, self.duty)

    def _heat(self, made: Vector) -> None:
        self._hot += self._dt
        self._hot *= np.abs(made) > self.figures.overheat_torque
        if self._hot.max() > self.figures.overheat_time:
            self._works[self._hot > self.figures.overheat_time] = 0.0
