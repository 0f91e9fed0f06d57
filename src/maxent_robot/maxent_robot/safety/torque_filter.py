# SPDX-License-Identifier: Apache-2.0
"""Torque filter P6-T: from a wished torque to one that the robot may receive. Pure functions.

Written joint by joint in plain floats: for seven joints that is faster than numpy, and sums are
exactly rounded, so that the order of the joints changes no bit. Inside all limits, and with a
torque that changes slowly enough, it is the identity. Formulas: docs/safety.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import NamedTuple

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.shaping import usable_step
from maxent_robot.types import NANOSECONDS

# Beyond these every term below is saturated; clipping there keeps all products finite.
_FAR = 1e3  # rad
_FAST = 1e6  # rad/s
# Share of the speed loop's time constant M_max / k_v that the braking distance allows for. With
# none, the heaviest joint overshoots a soft limit by 0.070 rad in the worst case of the tests,
# with this by 0.045.
_LAG = 0.5
_SLOW = 0.1  # of the speed limit: from here on a braking torque may change at the fast rate


class _Joint(NamedTuple):
    effort: float  # N m
    low: float  # rad, soft limits
    high: float
    speed: float  # rad/s
    braking: float  # rad/s^2, deceleration to count on
    lag: float  # s, by which the speed loop may trail
    stiffness: float  # N m s/rad, of the speed limit
    wall: float  # N m/rad
    damping: float  # N m s/rad, in normal running
    slew: float  # N m/s


@dataclass(frozen=True)
class TorqueLimits:
    """All that the torque filter needs to know of a robot."""

    joints: tuple[_Joint, ...]
    period: float  # s
    power: float  # W
    return_speed: float  # rad/s
    release_ratio: float

    @staticmethod
    def of(spec: RobotSpec, config: GuardConfig) -> TorqueLimits:
        """Work out the gains of a robot from its limits, inertias and guard period."""
        period = spec.guard_period_ns / NANOSECONDS
        effort = spec.limits.command_effort
        speed = config.velocity_fraction * spec.limits.velocity
        stiffness = config.velocity_gain * spec.inertia_min / period
        columns = (
            effort,
            spec.soft_lower,
            spec.soft_upper,
            speed,
            0.5 * effort / spec.inertia_max,
            _LAG * spec.inertia_max / stiffness,
            stiffness,
            effort / spec.soft_margin,  # all of it at the hard limit
            config.damping_gain * spec.inertia_min / period,
            config.slew_rate * effort,
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return TorqueLimits(
            joints=tuple(_Joint(*row) for row in rows),
            period=period,
            power=config.power_fraction * float(fsum((effort * speed).tolist())),
            return_speed=config.return_speed,
            release_ratio=config.release_ratio,
        )


def limit_torque(
    limits: TorqueLimits,
    desired: Sequence[float],
    position: Sequence[float],
    velocity: Sequence[float],
    previous: Sequence[float],
    dt: float,
    push: Sequence[float] | None = None,
) -> tuple[list[float], int]:
    """Torques (n,) in N m that may be sent, and the flags of what acted.

    Takes wished torque (n,), measured position (n,) and velocity (n,), the torque sent last (n,),
    seconds since then and the push of the workspace box (n,) or None. Any float is allowed
    anywhere: a wish that is not finite counts as 0, a measurement that is not finite as no
    measurement, upon which torque goes to zero at the fast slew rate; a push counts up to the
    joint's effort, NaN as none.
    """
    dt, flags = usable_step(dt, limits.period)
    if not (all(map(isfinite, position)) and all(map(isfinite, velocity))):
        return release(limits, previous, dt), flags | Flag.NON_FINITE_STATE
    shaped: list[float] = []
    speeds: list[float] = []
    for joint, u, q, v in zip(limits.joints, desired, position, velocity, strict=True):
        q = _FAR if q > _FAR else -_FAR if q < -_FAR else q
        v = _FAST if v > _FAST else -_FAST if v < -_FAST else v
        u, acted = _shape(joint, u, q, v, dt, limits.return_speed)
        flags |= acted
        shaped.append(u)
        speeds.append(v)
    if push is not None:
        flags |= Flag.BOX
        rows = zip(limits.joints, shaped, push, strict=True)
        shaped = [u + _within(extra, joint.effort) for joint, u, extra in rows]
    flags |= _limit_power(shaped, speeds, limits.power)
    result = []
    for joint, u, v, last in zip(limits.joints, shaped, speeds, previous, strict=True):
        u, acted = _slew(joint, u, v, last, dt, limits.release_ratio)
        flags |= acted
        result.append(u)
    return result, flags


def release(limits: TorqueLimits, previous: Sequence[float], dt: float) -> list[float]:
    """Torques (n,) one tick nearer to zero, at the fast slew rate.

    For want of a measurement: without a velocity there is nothing to damp with.
    """
    dt, _ = usable_step(dt, limits.period)
    result = []
    for joint, last in zip(limits.joints, previous, strict=True):
        last = _within(last, joint.effort)
        step = limits.release_ratio * joint.slew * dt
        result.append(0.0 if abs(last) <= step else last - step if last > 0.0 else last + step)
    return result


def _shape(
    joint: _Joint, u: float, q: float, v: float, dt: float, return_speed: float
) -> tuple[float, int]:
    """Terms (1) to (4) for one joint: envelope of speed, wall spring and damping."""
    effort, low, high, speed, braking, lag, stiffness, wall, damping, _ = joint
    flags = 0
    if not isfinite(u):
        u, flags = 0.0, int(Flag.NON_FINITE_DESIRED)
    elif u > effort:
        u, flags = effort, int(Flag.CLIPPED)
    elif u < -effort:
        u, flags = -effort, int(Flag.CLIPPED)
    a = braking * (dt + lag)
    above, below = high - q, q - low
    v_high = sqrt(a * a + 2.0 * braking * above) - a if above > 0.0 else 0.0
    v_low = a - sqrt(a * a + 2.0 * braking * below) if below > 0.0 else 0.0
    most = stiffness * ((v_high if v_high < speed else speed) - v)
    least = stiffness * ((v_low if v_low > -speed else -speed) - v)
    if u > most:
        u = most if most > -effort else -effort
        flags |= Flag.APPROACH if v_high < speed else Flag.VELOCITY
    elif u < least:
        u = least if least < effort else effort
        flags |= Flag.APPROACH if v_low > -speed else Flag.VELOCITY
    if above < 0.0:
        u -= min(-wall * above, effort, max(0.0, stiffness * (return_speed + v)))
        flags |= Flag.WALL
    elif below < 0.0:
        u += min(-wall * below, effort, max(0.0, stiffness * (return_speed - v)))
        flags |= Flag.WALL
    return u - damping * v, flags


def _limit_power(torque: list[float], velocity: list[float], most: float) -> int:
    """Scale, in place, the torques that do positive work so that their power is at most `most`."""
    work = [u * v for u, v in zip(torque, velocity, strict=True) if u * v > 0.0]
    power = fsum(work)
    if not power > most:
        return 0
    scale = most / power
    for i, (u, v) in enumerate(zip(torque, velocity, strict=True)):
        if u * v > 0.0:
            torque[i] = scale * u
    return int(Flag.POWER)


def _slew(
    joint: _Joint, u: float, v: float, last: float, dt: float, ratio: float
) -> tuple[float, int]:
    """Terms (7) and (8) for one joint: rate of change, then the clamp that nothing follows.

    Mirrored for downward steps. Towards zero the fast rate holds, and the rest of the tick is
    spent at the slow one; against the motion the rate grows with speed from slow to fast.
    """
    effort = joint.effort
    last = _within(last, effort)
    sign = 1.0 if u >= last else -1.0
    slow = joint.slew * dt
    reach = slow
    if sign * last < 0.0:
        reach = min(ratio * slow, slow + (1.0 - 1.0 / ratio) * abs(last))
    if sign * v < 0.0:
        share = min(1.0, abs(v) / (_SLOW * joint.speed))
        reach = max(reach, slow * (1.0 + (ratio - 1.0) * share))
    flags = 0
    if sign * (u - last) > reach:
        u, flags = last + sign * reach, int(Flag.SLEW)
    if u > effort:
        return effort, flags | Flag.EFFORT
    if u < -effort:
        return -effort, flags | Flag.EFFORT
    return u, flags


def _within(value: float, bound: float) -> float:
    """Value clipped to +-bound; 0 for NaN."""
    if value != value:
        return 0.0
    return bound if value > bound else -bound if value < -bound else value
