# SPDX-License-Identifier: Apache-2.0
"""How far the policy is ahead of the learner, counted in transitions."""

from __future__ import annotations

STALL_S = 5.0  # a learner that reports but has not moved for so long has lost some of our steps


class LearnerPace:
    """Compares transitions sent with transitions the learner says it has received.

    Only differences count, so that a resumed learner (which starts with many steps) and a policy
    node that starts late agree. Times are seconds on any monotonic clock.
    """

    def __init__(self, max_steps_ahead: int) -> None:
        """Allow so many transitions that the learner has not received."""
        self._max = max_steps_ahead
        self._sent = 0
        self._base: int | None = None  # learner's count that corresponds to nothing sent
        self._run_id = ''
        self._received = 0
        self._moved_s = 0.0
        self.rebased = 0

    def on_sent(self) -> None:
        """Count a transition that was published."""
        self._sent += 1

    def on_status(self, run_id: str, steps: int, working: bool, now_s: float) -> None:
        """Take the learner's report.

        Args:
            run_id: of the training run; another one starts the comparison anew.
            steps: transitions that it has received.
            working: whether it is to be expected that `steps` grows.
            now_s: monotonic time.
        """
        if self._base is None or run_id != self._run_id or steps < self._received:
            self._rebase(steps, now_s)
        elif steps > self._received or not working or self._sent == 0:
            self._moved_s = now_s
        elif self.must_wait and now_s - self._moved_s > STALL_S:
            self.rebased += 1
            self._rebase(steps, now_s)
        self._run_id, self._received = run_id, steps

    @property
    def ahead(self) -> int:
        """Transitions sent that the learner has not reported."""
        return 0 if self._base is None else self._sent - (self._received - self._base)

    @property
    def must_wait(self) -> bool:
        """Whether the next action must wait: too far ahead, or no learner has been heard."""
        return self._base is None or self.ahead >= self._max

    def _rebase(self, steps: int, now_s: float) -> None:
        self._base, self._sent, self._moved_s = steps, 0, now_s
        self._received = steps
