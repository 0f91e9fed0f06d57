# SPDX-License-Identifier: Apache-2.0
"""Lock-step pacing of the guard: one tick per state stamp, inside the callbacks.

A state is answered once; a repeated state gets the same command again. At a state where an action
is due the guard waits for it, so simulated time stands still while the policy thinks
(docs/design.md, "One control period, lock-step").
"""

from __future__ import annotations

from collections.abc import Callable

from maxent_policy_node.lateness import LatenessSummary
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.types import ActionSample, Command, JointSample, Level


class LockStep:
    """Everything happens in the caller's thread; time is the stamp of the newest state."""

    def __init__(
        self,
        guard: Guard,
        emit: Callable[[TickResult], None],
        repeat: Callable[[Command], None],
        refused: Callable[[str, str], None],
    ) -> None:
        """Take the guard and what to do with results.

        Args:
            guard: Decides.
            emit: Gets the result of each tick.
            repeat: Gets the command of a state that was repeated.
            refused: Gets what was refused ('state' or 'action') and why.
        """
        self._guard = guard
        self._emit, self._repeat, self._refused = emit, repeat, refused
        self._stamp: int | None = None  # of the newest accepted state
        self._answer: Command | None = None  # to that state, None if it waits
        self._early: ActionSample | None = None  # came before the state that it answers
        self._newest: tuple[str, int] | None = None  # session and seq of the accepted action
        self._stopped = False  # on ESTOP: states are answered without waiting for actions

    def start(self) -> None:
        """Do nothing: the callbacks set the pace."""

    def stop(self) -> None:
        """Do nothing: there is no thread."""

    def now_ns(self) -> int:
        """Return the stamp of the newest accepted state, 0 before the first."""
        return 0 if self._stamp is None else self._stamp

    def lateness(self) -> LatenessSummary:
        """Return zeros: in lock-step nothing is late."""
        return LatenessSummary()

    def on_state(self, sample: JointSample) -> None:
        """Answer a state, or wait for the action that is due at it."""
        if sample.stamp_ns == self._stamp:
            if self._answer is not None:
                self._repeat(self._answer)
            return
        reason = self._guard.on_state(sample, sample.stamp_ns)
        if reason is not None:
            self._refused('state', reason)
            return
        self._stamp, self._answer = sample.stamp_ns, None
        early, self._early = self._early, None
        if early is not None:
            self.on_action(early)
        self._tick_unless_due()

    def on_action(self, action: ActionSample) -> None:
        """Take an action and tick if it is what the guard waits for."""
        if self._newest == (action.session_id, action.seq):
            return  # repeated, because a state was
        if self._stamp is None or action.stamp_ns > self._stamp:
            self._early = action
            return
        reason = self._guard.on_action(action, self._stamp)
        if reason is not None:
            self._refused('action', reason)
            return
        self._newest = (action.session_id, action.seq)
        self._tick_unless_due()

    def estop(self, reason: str) -> None:
        """Latch the emergency stop, answer a waiting state with it, and report it in any case."""
        self._guard.estop(reason)
        self._stopped = True
        ticks = self._guard.counters.ticks
        self._tick_unless_due()
        if self._guard.counters.ticks == ticks:
            flags = int(Flag.EMERGENCY_STOP)
            self._emit(TickResult(None, None, Level.ESTOP, flags, f'emergency_stop: {reason}'))

    def clear_estop(self) -> tuple[bool, str]:
        """Lift the emergency stop if the guard allows it; returns success and why (not)."""
        answer = self._guard.clear_estop(self.now_ns())
        if answer[0] and self._guard.idle:
            # The next tick waits for an action, and the policy waits for this report. Otherwise
            # the ticks go on without actions until the ladder is below ESTOP.
            self._stopped = False
            self._emit(TickResult(None, None, Level.NORMAL, 0, ''))
        return answer

    def _tick_unless_due(self) -> None:
        if self._stamp is None or self._answer is not None:
            return
        # A stopped robot must not make time stand still: it could never come to rest.
        if not self._stopped and self._guard.action_due(self._stamp):
            return
        result = self._guard.tick(self._stamp)
        self._stopped = result.level is Level.ESTOP
        self._answer = result.command
        self._emit(result)
