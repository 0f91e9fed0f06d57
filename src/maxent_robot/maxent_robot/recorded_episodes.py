# SPDX-License-Identifier: Apache-2.0
"""What recorded steps of the policy say of the states around them: episode and chosen action."""

from __future__ import annotations

from dataclasses import dataclass

from maxent_robot.layout import Vector32

Episode = tuple[str, int]  # session and number


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """As much of a recorded step as does not depend on the task."""

    stamp_ns: int
    session_id: str
    episode: int
    action: Vector32  # (m,) that led to the state of this stamp; empty at index 0

    @property
    def key(self) -> Episode:
        """Session and number of the episode."""
        return self.session_id, self.episode


class RecordedEpisodes:
    """Collects recorded steps by their stamps."""

    def __init__(self) -> None:
        """Start without any."""
        self._steps: dict[int, RecordedStep] = {}

    def on_step(self, step: RecordedStep) -> None:
        """Take a step."""
        self._steps[step.stamp_ns] = step

    def at(self, stamp_ns: int) -> RecordedStep | None:
        """Return the step of a state; older ones are forgotten."""
        while self._steps and (first := next(iter(self._steps))) < stamp_ns:
            del self._steps[first]
        return self._steps.get(stamp_ns)

    def episode_at(self, stamp_ns: int, present: Episode | None, until_ns: int) -> Episode | None:
        """Return the episode of a state, None between episodes.

        Where the step of a state was lost, it is the present one if that goes on by `until_ns`.
        """
        step = self.at(stamp_ns)
        if step is not None:
            return step.key
        later = (s for s in self._steps.values() if stamp_ns < s.stamp_ns <= until_ns)
        return present if any(s.key == present for s in later) else None

    def forget(self) -> None:
        """Drop everything: the clock was set back."""
        self._steps.clear()
