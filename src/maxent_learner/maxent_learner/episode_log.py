# SPDX-License-Identifier: Apache-2.0
"""Adds steps up to episodes: return, length and what the task measured at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxent_robot.episode_outputs import StepRecord


@dataclass(frozen=True)
class EpisodeResult:
    """A finished episode."""

    session_id: str
    episode: int  # as numbered by the actor
    steps: int  # transitions received
    episode_return: float  # sum of their rewards
    measures: dict[str, float]  # at the last observation, in the task's order
    terminated: bool
    whole: bool  # no transition was lost on the way

    @property
    def final_measure(self) -> float:
        """The task's first measure at the end, for reaching the distance in m; NaN if none."""
        return next(iter(self.measures.values()), float('nan'))


@dataclass
class _Running:
    session_id: str
    episode: int
    steps: int = 0
    episode_return: float = 0.0
    whole: bool = True


@dataclass
class EpisodeLog:
    """Follows one stream of steps; remembers the last finished episode."""

    count: int = 0
    last: EpisodeResult | None = None
    _running: _Running | None = field(default=None, repr=False)

    def add(self, step: StepRecord, transition: bool) -> EpisodeResult | None:
        """Take a step; returns the episode's result if it was the last step.

        Args:
            step: In the order received.
            transition: Whether the step was usable as a transition. The first step of an
                episode is none by nature; a later one that is none was cut off by a loss.
        """
        running = self._running
        if running is None or (running.session_id, running.episode) != _key(step):
            running = self._running = _Running(step.session_id, step.episode)
            running.whole = step.index == 0
        elif not transition:
            running.whole = False
        if transition:
            running.steps += 1
            running.episode_return += step.reward
        if not (step.terminated or step.truncated):
            return None
        self._running = None
        self.count += 1
        self.last = EpisodeResult(
            running.session_id,
            running.episode,
            running.steps,
            running.episode_return,
            dict(step.measures),
            step.terminated,
            running.whole,
        )
        return self.last

    def state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            'count': self.count,
            'last': None if self.last is None else dict(vars(self.last)),
            'running': None if self._running is None else dict(vars(self._running)),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> EpisodeLog:
        """Return the log that `state()` was taken from."""
        last, running = state['last'], state['running']
        return cls(
            state['count'],
            None if last is None else EpisodeResult(**last),
            None if running is None else _Running(**running),
        )


def _key(step: StepRecord) -> tuple[str, int]:
    return step.session_id, step.episode
