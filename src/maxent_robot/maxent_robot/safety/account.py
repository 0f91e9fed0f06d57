# SPDX-License-Identifier: Apache-2.0
"""P8: what became of each action over its control period."""

from __future__ import annotations

import numpy as np

from maxent_robot.types import ActionSample, AppliedAction, CommandMode, Level


class ActionAccount:
    """Sums up one action from the tick that first serves it until its period is over."""

    def __init__(self, ticks_per_action: int) -> None:
        """Take the number of guard ticks in a policy period."""
        self._whole = ticks_per_action
        self._action: ActionSample | None = None
        self._open = False
        self._begin(None, [])

    def _begin(self, action: ActionSample | None, desired: list[float]) -> None:
        self._action, self._desired = action, desired
        self._sums = [0.0] * len(desired)
        self._newest = desired
        self._ticks = self._flags = 0
        self._level = Level.NORMAL
        self._open = action is not None

    def serve(self, action: ActionSample, desired: list[float]) -> AppliedAction | None:
        """Open the account of the action that this tick serves; the one that it supersedes."""
        if action is self._action:
            return None
        superseded = self.close()
        self._begin(action, desired)
        return superseded

    def add(self, applied: list[float], flags: int, level: Level) -> AppliedAction | None:
        """Enter a tick's command (n,); the result if it was the last of the period."""
        if not self._open:
            return None
        self._sums = [s + x for s, x in zip(self._sums, applied, strict=True)]
        self._newest = applied
        self._ticks += 1
        self._flags |= flags
        self._level = max(self._level, level)
        return self.close() if self._ticks >= self._whole else None

    def close(self) -> AppliedAction | None:
        """End the account early; None if it is closed or no tick has served the action."""
        if not self._open or self._action is None or self._ticks == 0:
            return None
        self._open = False
        return AppliedAction(
            stamp_ns=self._action.stamp_ns,
            session_id=self._action.session_id,
            seq=self._action.seq,
            mode=self._action.mode,
            desired=np.array(self._desired),
            applied=np.array(self._outcome(self._action.mode)),
            ticks=self._ticks,
            flags=int(self._flags),
            level=self._level,
        )

    def _outcome(self, mode: CommandMode) -> list[float]:
        """What was made of the action: the mean torque; of a motion, how far it came."""
        if mode is CommandMode.POSITION:
            return self._newest
        return [s / self._ticks for s in self._sums]
