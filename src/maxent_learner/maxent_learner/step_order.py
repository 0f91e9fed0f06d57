# SPDX-License-Identifier: Apache-2.0
"""Puts steps back into the order in which they were made, and counts what was amiss.

(session_id, episode, index) identifies a step.

- The step that comes next: given at once.
- Ahead of what should come next: held back until that has come or `WINDOW` more steps have. Then
  what has not come is counted as missing and the rest goes on: a gap in `index`, at which
  `Trainer.observe` begins a new segment.
- Missing and come after all: dropped and counted as late, for what follows it was given.
- Given or held already: dropped and counted as a duplicate, so that a replay in a loop gives
  nothing twice.
- At index 0 again in the present episode, with a later stamp: the policy node has begun a new
  segment there, for it lost a transition. It is given, and what follows it.
- Of another episode: that begins when the present one has ended or, as above, is given up. Steps
  of two episodes are never mixed, and an episode that was left is not returned to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from maxent_robot.episode_outputs import StepRecord

WINDOW = 16  # steps held back at most

Episode = tuple[str, int]  # session_id, episode


@dataclass
class StepCounts:
    """What was met so far; nothing is dropped without being counted here."""

    steps: int = 0  # given
    episodes: int = 0  # begun, be it not at index 0
    reordered: int = 0  # given, though they had come after later ones
    duplicates: int = 0  # dropped: given before
    late: int = 0  # dropped: later ones of their episode, or another episode, were given before
    gaps: int = 0  # interruptions of `index`
    restarts: int = 0  # segments begun within an episode
    missing: int = 0  # steps that those gaps lack
    malformed: int = 0  # dropped: no step, or one that contradicts itself


@dataclass
class _Progress:
    """How far an episode was given."""

    next_index: int = 0
    stamp_ns: int = 0  # of the step given last
    missing: list[range] = field(default_factory=list)  # indices that were given up
    ended: bool = False


class StepOrder:
    """Takes steps as they come; memory is bounded but for a note on each episode."""

    def __init__(self, counts: StepCounts) -> None:
        """Start with nothing; `counts` grows meanwhile."""
        self._counts = counts
        self._held: dict[tuple[Episode, int], StepRecord] = {}  # in the order of arrival
        self._episodes: dict[Episode, _Progress] = {}
        self._now: Episode | None = None

    def add(self, step: StepRecord) -> list[StepRecord]:
        """Take a step; returns those that are now due, in order."""
        episode = (step.session_id, step.episode)
        before = self._restart(episode, step)
        if not self._is_new(episode, step):
            return before
        was_held = len(self._held)
        self._held[episode, step.index] = step
        given = before + self._give_due()
        self._counts.reordered += was_held > 0 and len(given) > 0
        while len(self._held) > WINDOW:
            given += self._give_up()
        return given

    def finish(self) -> Iterator[StepRecord]:
        """Yield what is still held back: no more steps will come."""
        while self._held:
            yield from self._give_up()

    def _restart(self, episode: Episode, step: StepRecord) -> list[StepRecord]:
        """Begin a new segment if the step does; returns what was still held of the one before."""
        progress = self._episodes.get(episode)
        if step.index > 0 or episode != self._now or progress is None or progress.ended:
            return []
        if step.stamp_ns <= progress.stamp_ns:
            return []
        given: list[StepRecord] = []
        while any(place[0] == episode for place in self._held):
            given += self._give_up()
        self._episodes[episode] = _Progress(stamp_ns=progress.stamp_ns)
        self._counts.restarts += 1
        return given

    def _is_new(self, episode: Episode, step: StepRecord) -> bool:
        """Whether a step is still wanted; counts it if not."""
        index = step.index
        if (episode, index) in self._held:
            self._counts.duplicates += 1
            return False
        progress = self._episodes.get(episode)
        if progress is None:
            return True
        if index >= progress.next_index and step.stamp_ns > progress.stamp_ns:
            if episode == self._now and not progress.ended:
                return True
            if progress.ended:
                self._counts.malformed += 1
            else:
                self._counts.late += 1
        elif any(index in gap for gap in progress.missing):
            self._counts.late += 1
        else:
            self._counts.duplicates += 1
        return False

    def _due(self) -> tuple[Episode, int] | None:
        """Return which of the steps held comes next without a gap, None if none does."""
        if not self._held:
            return None
        if self._now is not None:
            progress = self._episodes[self._now]
            if not progress.ended:
                place = (self._now, progress.next_index)
                return place if place in self._held else None
        place = (next(iter(self._held))[0], 0)
        return place if place in self._held else None

    def _give_due(self) -> list[StepRecord]:
        given = []
        while (place := self._due()) is not None:
            given.append(self._give(place))
        return given

    def _give_up(self) -> list[StepRecord]:
        """Go on across a gap, or to the next episode."""
        present = [place for place in self._held if place[0] == self._now]
        episode = present[0][0] if present else next(iter(self._held))[0]
        first = self._give(min(place for place in self._held if place[0] == episode))
        return [first, *self._give_due()]

    def _give(self, place: tuple[Episode, int]) -> StepRecord:
        episode, index = place
        if episode != self._now:
            self._now, self._episodes[episode] = episode, _Progress()
            self._counts.episodes += 1
        progress = self._episodes[episode]
        if index > progress.next_index:
            progress.missing.append(range(progress.next_index, index))
            self._counts.gaps += 1
            self._counts.missing += index - progress.next_index
        progress.next_index = index + 1
        step = self._held.pop(place)
        progress.stamp_ns = step.stamp_ns
        progress.ended = step.terminated or step.truncated
        self._counts.steps += 1
        return step
