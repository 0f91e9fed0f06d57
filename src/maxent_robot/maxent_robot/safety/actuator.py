# SPDX-License-Identifier: Apache-2.0
"""From wish and level to a command: P3-P7, with the memory that they need between ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.position_filter import PositionLimits, SetPoint, limit_position, seed
from maxent_robot.safety.shaping import blend, low_pass, usable_step
from maxent_robot.safety.torque_filter import TorqueLimits, limit_torque, release
from maxent_robot.types import NANOSECONDS, CommandMode, Level

RELAX_NS = 200_000_000
SINK_SPEED = 1.0  # rad/s, into the pose of rest


@dataclass(frozen=True)
class Intent:
    """What this tick is to do."""

    level: Level
    wish: Sequence[float]  # (n,) the policy's, SI units
    share: float  # of the wish in the blend with braking
    on_level_ns: int  # how long the level has lasted
    stale: bool = False  # the measured state is too old to damp with
    follow: bool = False  # the robot does not follow: bring the set-point back to it


class Actuator:
    """Holds the last torque or set-point and works out the next one inside all limits."""

    def __init__(self, spec: RobotSpec, config: GuardConfig) -> None:
        """Take all limits from the robot and the configuration."""
        self._n = len(spec.joint_names)
        self._torque_limits = TorqueLimits.of(spec, config)
        self._position_limits = PositionLimits.of(spec, config)
        period = spec.guard_period_ns / NANOSECONDS
        self._damping = (config.braking_gain * spec.inertia_min / period).tolist()
        self._effort = spec.limits.command_effort.tolist()
        self._hard = tuple(
            zip(
                spec.limits.position_lower.tolist(),
                spec.limits.position_upper.tolist(),
                strict=True,
            )
        )
        self._rest = None if spec.rest is None else spec.rest.tolist()
        self._cutoff = config.low_pass_hz
        self._period = period
        self.mode: CommandMode | None = None
        self.torque = [0.0] * self._n
        self.set_point: SetPoint | None = None
        self._filtered: list[float] | None = None

    def forget(self) -> None:
        """Start afresh: no torque before, set-point from the measurement, low-pass empty."""
        self.torque = [0.0] * self._n
        self.set_point = None
        self._filtered = None

    def switch(self, mode: CommandMode) -> None:
        """Command in this mode from now on; memory of another one is forgotten."""
        if mode is not self.mode:
            self.forget()
            self.mode = mode

    def command(
        self,
        intent: Intent,
        q: Sequence[float],
        v: Sequence[float],
        dt: float,
        push: Sequence[float] | None,
    ) -> tuple[list[float], int]:
        """Values (n,) for the robot in the present mode, and flags.

        Raises ArithmeticError if they are not inside the last bounds, an internal failure: use
        `fall_back` then.
        """
        if self.mode is CommandMode.TORQUE:
            torque, flags = self._torque(intent, q, v, dt, push)
            bounds_kept = all(-e <= u <= e for u, e in zip(torque, self._effort, strict=True))
            if not bounds_kept:  # also true for NaN, which no comparison holds for
                raise ArithmeticError(f'torques {torque} are outside +-{self._effort}')
            self.torque = torque
            return torque, flags
        point, flags = self._position(intent, q, v, dt)
        bounds_kept = all(
            low <= c <= high for c, (low, high) in zip(point.position, self._hard, strict=True)
        )
        if not bounds_kept:
            raise ArithmeticError(f'positions {point.position} are outside {self._hard}')
        self.set_point = point
        return list(point.position), flags

    def fall_back(self, q: Sequence[float], v: Sequence[float]) -> list[float]:
        """Values (n,) for when the filter has failed: damping torque, or the set-point held."""
        if self.mode is CommandMode.TORQUE:
            self.torque = [
                min(max(-k * w, -e), e)
                for k, w, e in zip(self._damping, v, self._effort, strict=True)
            ]
            return self.torque
        last = q if self.set_point is None else self.set_point.position
        held = [
            min(max(c if low <= c <= high else x, low), high)
            for c, x, (low, high) in zip(last, q, self._hard, strict=True)
        ]
        self.set_point = SetPoint(tuple(held), (0.0,) * self._n)
        return held

    def _torque(
        self,
        intent: Intent,
        q: Sequence[float],
        v: Sequence[float],
        dt: float,
        push: Sequence[float] | None,
    ) -> tuple[list[float], int]:
        if intent.stale:
            return release(self._torque_limits, self.torque, dt), int(Flag.STATE_STALE)
        flags = 0
        if intent.level <= Level.HOLD and intent.share >= 1.0:
            wish: Sequence[float] = intent.wish
        else:
            wish = [-k * w for k, w in zip(self._damping, v, strict=True)]
            if intent.level is Level.RELAX:
                rest = max(0.0, 1.0 - intent.on_level_ns / RELAX_NS)
                wish = [rest * u for u in wish]
            elif intent.level <= Level.HOLD:
                wish, flags = blend(wish, intent.wish, intent.share), int(Flag.BLEND)
        wish = self._smooth(wish, dt)
        limits = self._torque_limits
        torque, acted = limit_torque(limits, wish, q, v, self.torque, dt, push)
        return torque, flags | acted

    def _position(
        self, intent: Intent, q: Sequence[float], v: Sequence[float], dt: float
    ) -> tuple[SetPoint, int]:
        point = self.set_point
        if point is None:
            point = seed(self._position_limits, q, v)
        flags = 0
        target: Sequence[float] | None = None
        if intent.level <= Level.HOLD:
            target = intent.wish
            if intent.share < 1.0:
                target = blend(point.position, target, intent.share)
                flags = int(Flag.BLEND)
            target = self._smooth(target, dt)
        elif intent.level is Level.RELAX and self._rest is not None:
            reach = SINK_SPEED * usable_step(dt, self._period)[0]
            target = [
                c + min(max(rest - c, -reach), reach)
                for c, rest in zip(point.position, self._rest, strict=True)
            ]
        elif intent.follow and not intent.stale:
            target = q
        point, acted = limit_position(self._position_limits, target, point, q, dt)
        return point, flags | acted

    def _smooth(self, wish: Sequence[float], dt: float) -> Sequence[float]:
        """P5, before the limits."""
        if self._cutoff == 0.0:
            return wish
        dt, _ = usable_step(dt, self._period)
        self._filtered = low_pass(self._filtered, wish, dt, self._cutoff)
        return self._filtered
