# SPDX-License-Identifier: Apache-2.0
"""Position filter P6-P: moves a set-point towards a target inside all limits. Pure functions.

Invariant (any dt): from a set-point that can stop before its limit with deceleration d, each step
leads to one that still can. So the limit is never passed and |a| never exceeds d.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import NamedTuple

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.shaping import usable_step
from maxent_robot.types import NANOSECONDS


class _Joint(NamedTuple):
    low: float  # rad, soft limits
    high: float
    speed: float  # rad/s
    acceleration: float  # rad/s^2
    deceleration: float  # rad/s^2, at least the acceleration
    hard_low: float  # rad
    hard_high: float


class SetPoint(NamedTuple):
    """Where the commanded position is and how fast it moves."""

    position: tuple[float, ...]  # (n,) rad
    velocity: tuple[float, ...]  # (n,) rad/s


@dataclass(frozen=True)
class PositionLimits:
    """All that the position filter needs to know of a robot."""

    joints: tuple[_Joint, ...]
    period: float  # s
    leash: float  # rad

    @staticmethod
    def of(spec: RobotSpec, config: GuardConfig) -> PositionLimits:
        """Take the limits of a robot: soft position limits, fractions of speed, acceleration."""
        limits = spec.limits
        columns = (
            spec.soft_lower,
            spec.soft_upper,
            config.velocity_fraction * limits.velocity,
            config.acceleration_fraction * limits.acceleration,
            limits.acceleration,
            limits.position_lower,
            limits.position_upper,
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return PositionLimits(
            joints=tuple(_Joint(*row) for row in rows),
            period=spec.guard_period_ns / NANOSECONDS,
            leash=config.leash,
        )


def seed(limits: PositionLimits, position: Sequence[float], velocity: Sequence[float]) -> SetPoint:
    """Set-point that starts at the robot's position (n,) in rad with its velocity (n,) in rad/s.

    Both are made admissible: inside the hard limits, and able to stop before the soft ones. A
    velocity that is not finite counts as 0; ValueError for a position that is not finite.
    """
    points, speeds = [], []
    for joint, q, v in zip(limits.joints, position, velocity, strict=True):
        if not isfinite(q):
            raise ValueError(f'a set-point cannot start from position {q}')
        q = _clip(q, joint.hard_low, joint.hard_high)
        low, high = _bounds(joint, q)
        v_low, v_high = _window(joint, q, low, high, limits.period)
        points.append(q)
        speeds.append(_clip(v, v_low, v_high) if isfinite(v) else 0.0)
    return SetPoint(tuple(points), tuple(speeds))


def limit_position(
    limits: PositionLimits,
    target: Sequence[float] | None,
    point: SetPoint,
    measured: Sequence[float],
    dt: float,
) -> tuple[SetPoint, int]:
    """Set-point after one tick, and the flags of what acted.

    Takes target (n,) in rad or None to brake and hold, the set-point sent last, measured position
    (n,) and seconds since the last tick. A target or measurement that is not finite makes its
    joint brake and hold. `point` must come from `seed` or from this function.
    """
    dt, flags = usable_step(dt, limits.period)
    positions, velocities = [], []
    wishes: Sequence[float | None] = [None] * len(limits.joints) if target is None else target
    rows = zip(limits.joints, wishes, *point, measured, strict=True)
    for joint, wish, c, w, q in rows:
        c, w, acted = _step(joint, wish, c, w, q, dt, limits.leash)
        flags |= acted
        positions.append(c)
        velocities.append(w)
    return SetPoint(tuple(positions), tuple(velocities)), flags


def _step(
    joint: _Joint, wish: float | None, c: float, w: float, q: float, dt: float, leash: float
) -> tuple[float, float, int]:
    """One joint: (1) leash, (2) speed to the target, (4) acceleration, (3, 5) limits, (6, 7)."""
    speed, flags = 0.0, 0
    if wish is not None:
        wish, flags = _reachable(joint, wish, q, leash)
        if wish is not None:
            distance = wish - c
            speed = _stopping(joint, abs(distance), dt)
            speed = speed if distance >= 0.0 else -speed
    slowest = w - (joint.acceleration if w <= 0.0 else joint.deceleration) * dt
    fastest = w + (joint.acceleration if w >= 0.0 else joint.deceleration) * dt
    if not slowest <= speed <= fastest:
        speed = _clip(speed, slowest, fastest)
        flags |= Flag.ACCELERATION
    low, high = _bounds(joint, c)
    v_low, v_high = _window(joint, c, low, high, dt)
    if not v_low <= speed <= v_high:
        speed = _clip(speed, v_low, v_high)
        flags |= Flag.VELOCITY if abs(speed) == joint.speed else Flag.APPROACH
    return _clip(c + speed * dt, low, high), speed, flags


def _reachable(joint: _Joint, wish: float, q: float, leash: float) -> tuple[float | None, int]:
    """Target inside the soft limits and on the leash; None where that cannot be known."""
    if not isfinite(wish):
        return None, int(Flag.NON_FINITE_DESIRED)
    if not isfinite(q):
        return None, int(Flag.NON_FINITE_STATE)
    flags = 0
    if not joint.low <= wish <= joint.high:
        wish, flags = _clip(wish, joint.low, joint.high), int(Flag.CLIPPED)
    if not q - leash <= wish <= q + leash:
        wish, flags = _clip(wish, q - leash, q + leash), flags | Flag.LEASH
    return wish, flags


def _bounds(joint: _Joint, c: float) -> tuple[float, float]:
    """Where the set-point may go: within the soft limits, or from outside them only back."""
    return min(joint.low, c), max(joint.high, c)


def _window(joint: _Joint, c: float, low: float, high: float, dt: float) -> tuple[float, float]:
    """Slowest and fastest velocity from which the joint can still stop at its bounds."""
    v_high = min(joint.speed, _stopping(joint, high - c, dt))
    v_low = -min(joint.speed, _stopping(joint, c - low, dt))
    return v_low, v_high


def _stopping(joint: _Joint, distance: float, dt: float) -> float:
    """Fastest speed after which `distance` suffices to stop, this tick's travel included."""
    a = joint.deceleration * dt
    return sqrt(a * a + 2.0 * joint.deceleration * max(0.0, distance)) - a


def _clip(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
