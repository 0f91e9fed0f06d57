# SPDX-License-Identifier: Apache-2.0
"""Books the steps of an episode: numbers them without gaps and judges the transitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maxent_robot.episode_outputs import ActivePolicy, StepRecord, Vector32
from maxent_robot.tasks.task import Task
from maxent_robot.types import ActionSample, AppliedAction, RobotState


@dataclass(frozen=True, eq=False)
class Flight:
    """A policy's action on its way through the guard."""

    sent: ActionSample
    action: Vector32  # (m,) normalised


@dataclass(frozen=True, eq=False)
class Arrival:
    """The state that an action led to, while it is not known what was applied of the action."""

    state: RobotState
    observation: Vector32
    flight: Flight
    last: bool  # the episode is cut here


class StepBook:
    """Makes the StepRecords of one actor. A segment is a run of indices 0, 1, 2, ..."""

    def __init__(self, task: Task, session_id: str) -> None:
        """Start outside any episode."""
        self._task, self._session_id = task, session_id
        self._episode = -1
        self._index: int | None = None
        self._nothing = np.zeros(0, np.float32)

    def begin(self, episode: int) -> None:
        """Begin an episode and its first segment."""
        self._episode, self._index = episode, None

    def break_segment(self) -> None:
        """Say that it is not known how the robot came to its next state."""
        self._index = None

    @property
    def started(self) -> bool:
        """Whether the segment has its index 0."""
        return self._index is not None

    def first(self, state: RobotState, observation: Vector32, policy: ActivePolicy) -> StepRecord:
        """Index 0 of a segment: an observation without a transition."""
        return self._first(state, observation, policy.name, policy.version, truncated=False)

    def arrived(self, arrival: Arrival, applied: AppliedAction | None) -> StepRecord:
        """Book the step of an arrival, or index 0 of a new segment if what was applied is lost.

        An AppliedAction of another mode or size, or that is not finite, counts as lost.
        """
        sent = arrival.flight.sent
        if applied is None or not self._usable(applied) or self._index is None:
            return self._first(
                arrival.state, arrival.observation, sent.skill, sent.policy_version, arrival.last
            )
        chosen = arrival.flight.action
        executed = self._task.mapping.executed(chosen, sent.values, applied.applied)
        outcome = self._task.evaluate(arrival.state, executed)
        self._index += 1
        return StepRecord(
            stamp_ns=arrival.state.stamp_ns,
            session_id=self._session_id,
            episode=self._episode,
            index=self._index,
            skill=sent.skill,
            policy_version=sent.policy_version,
            layout_hash=self._task.layout.hash,
            observation=arrival.observation,
            action=arrival.flight.action,
            applied_action=executed,
            reward=outcome.reward,
            reward_terms=outcome.terms,
            measures=outcome.measures,
            terminated=outcome.terminated,
            truncated=arrival.last and not outcome.terminated,
        )

    def _first(
        self, state: RobotState, observation: Vector32, skill: str, version: int, truncated: bool
    ) -> StepRecord:
        self._index = 0
        return StepRecord(
            stamp_ns=state.stamp_ns,
            session_id=self._session_id,
            episode=self._episode,
            index=0,
            skill=skill,
            policy_version=version,
            layout_hash=self._task.layout.hash,
            observation=observation,
            action=self._nothing,
            applied_action=self._nothing,
            reward=0.0,
            reward_terms={},
            measures=self._task.begin(state),
            terminated=False,
            truncated=truncated,
        )

    def _usable(self, applied: AppliedAction) -> bool:
        mapping = self._task.mapping
        return (
            applied.mode == mapping.mode
            and applied.applied.shape == (mapping.size,)
            and bool(np.isfinite(applied.applied).all())
        )
