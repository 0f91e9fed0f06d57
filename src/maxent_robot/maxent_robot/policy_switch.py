# SPDX-License-Identifier: Apache-2.0
"""Swaps the policy that acts without a jump, and goes back if the new one misbehaves.

Blend: P4 of docs/safety.md, both policies are asked and their actions mixed. Probation: for a time
after a swap the policy before is kept; the new one has failed as soon as it gives an action that
cannot be used, or the guard had to slow the robot down again and again, or to change most of its
commands and clearly more of them than shortly before the swap.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from maxent_robot.episode_outputs import ActivePolicy, Vector32
from maxent_robot.safety.shaping import smoothstep
from maxent_robot.types import Level

TRIPS = 3  # times that the guard may slow the robot down within the probation
INTERVENTIONS = 0.5  # share of the guard's ticks in which it may change the command
WORSE = (
    0.25  # or so much more than shortly before: who swaps at the edge of the box is not to blame
)
REPORTS = 20  # that make up shortly before, 2 s
ENOUGH_TICKS = 100  # before a share is judged: a swap in full motion may need some braking


@dataclass(frozen=True)
class GuardReport:
    """What the guard says of itself: counters since it was started, and its ladder's level."""

    level: Level
    ticks: int
    interventions: int


class PolicySwitch:
    """Holds the policy that acts, the last good one, and what the guard thinks of the change.

    `policy` is what the episode actor is to be given: its name and version are the new policy's
    from the first blended action on.
    """

    def __init__(self, action_size: int, period_s: float, probation_s: float) -> None:
        """Start without a policy.

        Args:
            action_size: of an action (m,).
            period_s: between two actions, s.
            probation_s: how long a new policy is watched after its blend, s.
        """
        self._size, self._period_s = action_size, period_s
        self._probation_steps = round(probation_s / period_s)
        self._new: ActivePolicy | None = None
        self._good: ActivePolicy | None = None  # to return to; None: no probation
        self._blend_steps = self._acted = 0
        self._recent: deque[GuardReport] = deque(maxlen=REPORTS)
        self._allowed = INTERVENTIONS  # share of the ticks
        self._baseline: GuardReport | None = None  # what the guard said last before the swap
        self._trips = 0
        self._failure: str | None = None

    @property
    def policy(self) -> ActivePolicy | None:
        """What acts: mixes while a swap is under way."""
        new = self._new
        if new is None or self._good is None:
            return new
        return ActivePolicy(self._act, new.name, new.version, self._begin)

    @property
    def on_probation(self) -> bool:
        """Whether there is a policy to return to."""
        return self._good is not None

    @property
    def failure(self) -> str | None:
        """Why the new policy must go, None if it may stay; see `restore`."""
        return self._failure

    def swap(self, policy: ActivePolicy, blend_s: float) -> None:
        """Let `policy` act from the next action on, mixed with the one before for `blend_s`.

        During a probation the last good policy stays the one to return to, and to mix with.

        Raises:
            ValueError: blend_s is negative or not finite.
        """
        if not (np.isfinite(blend_s) and blend_s >= 0.0):
            raise ValueError(f'blend must be at least 0 s, is {blend_s}')
        if self._good is None:
            self._good = self._new
            self._allowed = max(INTERVENTIONS, self._share_before() + WORSE)
        self._new = policy
        self._blend_steps, self._acted = round(blend_s / self._period_s), 0
        self._baseline = self._recent[-1] if self._recent else None
        self._trips, self._failure = 0, None

    def renew(self, policy: ActivePolicy) -> None:
        """Let a newer version of what acts take its place at once, without blend or probation."""
        self._new = policy
        self.settle()

    def settle(self) -> None:
        """End the probation: the policy is good."""
        self._good = self._failure = None

    def restore(self) -> ActivePolicy:
        """Return to the last good policy at once, and return it. Only after a failure."""
        assert self._good is not None
        self._new, self._good, self._failure = self._good, None, None
        return self._new

    def on_guard(self, report: GuardReport) -> None:
        """Take the guard's report; it counts during a probation only."""
        before = self._recent[-1] if self._recent else None
        if before is not None and report.ticks < before.ticks:
            self._recent.clear()
        self._recent.append(report)
        if self._good is None or self._failure is not None:
            return
        first = self._baseline
        if before is None or first is None or report.ticks < before.ticks:  # a guard has started
            self._baseline = report
            return
        rose = report.level >= Level.DAMP and before.level < Level.DAMP
        self._trips += rose
        ticks = report.ticks - first.ticks
        changed = report.interventions - first.interventions
        if self._trips > TRIPS:
            self._failure = f'the guard slowed the robot down {self._trips} times'
        elif ticks >= ENOUGH_TICKS and changed > self._allowed * ticks:
            self._failure = f'the guard changed {changed} of {ticks} commands'

    def _share_before(self) -> float:
        """Share of the recent ticks in which the guard changed a command."""
        if not self._recent:
            return 0.0
        first, last = self._recent[0], self._recent[-1]
        ticks = last.ticks - first.ticks
        enough = ticks >= ENOUGH_TICKS
        return (last.interventions - first.interventions) / ticks if enough else 0.0

    def _begin(self) -> None:
        for policy in (self._good, self._new):
            if policy is not None:
                policy.begin()

    def _act(self, observation: Vector32) -> Vector32:
        new, good = self._new, self._good
        assert new is not None
        if good is None or self._failure is not None:
            return (good or new).call(observation)
        action = np.asarray(new.call(observation), np.float32)
        if action.shape != (self._size,) or not np.isfinite(action).all():
            self._failure = f'its action must be {self._size} finite numbers, is {action}'
            return good.call(observation)
        self._acted += 1
        if self._acted <= self._blend_steps:
            share = np.float32(smoothstep(self._acted / (self._blend_steps + 1)))
            action = (1 - share) * good.call(observation) + share * action
        elif self._acted > self._blend_steps + self._probation_steps:
            self.settle()
        return action
