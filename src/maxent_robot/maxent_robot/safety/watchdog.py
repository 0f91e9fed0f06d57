# SPDX-License-Identifier: Apache-2.0
"""The watchdog ladder: up at once, down after five good ticks and with a blend."""

from __future__ import annotations

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.monitors import Cause
from maxent_robot.safety.shaping import smoothstep
from maxent_robot.types import Level

GOOD_TICKS = 5
BLEND_NS = 250_000_000
FINE = Cause(Level.NORMAL, 0, '')


class ActionAges:
    """Rungs that the age of the newest accepted action asks for."""

    def __init__(self, spec: RobotSpec) -> None:
        """Ages follow from the policy period: 1.5 T, max(3 T, 30 ms), max(10 T, 0.5 s)."""
        period = spec.policy_period_ns
        self.hold_ns = period * 3 // 2
        self.damp_ns = max(3 * period, 30_000_000)
        self.relax_ns = max(10 * period, 500_000_000)

    def judge(self, age_ns: int | None) -> Cause:
        """Cause for an age in ns; an unknown age (the clock jumped) counts as the worst."""
        if age_ns is None:
            return Cause(Level.RELAX, int(Flag.ACTION_LOST), 'action_lost: the clock jumped')
        if age_ns <= self.hold_ns:
            return FINE
        age = f'newest action {age_ns / 1e6:.0f} ms old'
        if age_ns > self.relax_ns:
            return Cause(Level.RELAX, int(Flag.ACTION_LOST), f'action_lost: {age}')
        if age_ns > self.damp_ns:
            return Cause(Level.DAMP, int(Flag.ACTION_LOST), f'action_lost: {age}')
        return Cause(Level.HOLD, int(Flag.ACTION_LATE), f'action_late: {age}')


class Ladder:
    """Level of the guard over its ticks."""

    def __init__(self) -> None:
        """Start on NORMAL."""
        self.judge_afresh()

    def judge_afresh(self) -> None:
        """Forget the past: the next update sets the level by its cause alone."""
        self.level = Level.NORMAL
        self.reason = ''
        self._good = 0
        self._worst = FINE
        self._since_ns = 0
        self._blend_from_ns: int | None = None

    def update(self, cause: Cause, now_ns: int) -> Level:
        """Take this tick's worst cause; the level to act on."""
        if cause.level >= self.level:
            if cause.level > self.level:
                self._since_ns = now_ns
            if cause.level >= Level.DAMP:
                self._blend_from_ns = None
            self.level, self.reason = cause.level, cause.reason
            self._good, self._worst = 0, FINE
            return self.level
        self._good += 1
        if cause.level >= self._worst.level:
            self._worst = cause
        if self._good >= GOOD_TICKS:
            if self.level >= Level.DAMP and self._worst.level <= Level.HOLD:
                self._blend_from_ns = now_ns
            self.level, self.reason = self._worst.level, self._worst.reason
            self._good, self._worst, self._since_ns = 0, FINE, now_ns
        return self.level

    def share(self, now_ns: int) -> float:
        """Policy's share of the wish, 0 to 1: smoothstep over 0.25 s after braking (P4)."""
        if self._blend_from_ns is None:
            return 1.0
        share = smoothstep((now_ns - self._blend_from_ns) / BLEND_NS)
        if share >= 1.0:
            self._blend_from_ns = None
        return share

    def on_level_ns(self, now_ns: int) -> int:
        """How long the present level has lasted."""
        return now_ns - self._since_ns
