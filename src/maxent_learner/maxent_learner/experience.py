# SPDX-License-Identifier: Apache-2.0
"""Steps, checked and made transitions of a replay buffer; live or out of a bag, the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from maxent_rl.pixels import are_pixels, pixel_count
from maxent_rl.replay_buffer import ReplayBuffer

if TYPE_CHECKING:
    from maxent_robot.episode_outputs import StepRecord
    from maxent_robot.tasks import Task


class StepError(ValueError):
    """A step that cannot be learned from; the text says why."""


class Experience:
    """Takes steps in the order in which they were made."""

    def __init__(self, task: Task, capacity: int) -> None:
        """Start empty, for observations and actions of `task`, with `capacity` observations."""
        self._task = task
        obs_dim, act_dim, image = task.layout.size, task.mapping.size, task.layout.image
        self.buffer = ReplayBuffer(capacity, obs_dim, act_dim, image)
        self._vector_dim = obs_dim - pixel_count(image)
        self._cursor: tuple[str, int, int] | None = None  # session, episode, index of last step
        self._stamp_ns = 0  # of that step
        self.transitions = 0
        self.robot_time_ns = 0  # that they took
        self.gaps = 0  # segments cut off by lost or refused steps
        self.refused = 0

    def take(self, step: StepRecord) -> bool | None:
        """Take a step; whether a transition led to it, None if it was delivered twice.

        What is stored is the applied action. Across a gap in `index`, or a change of session or
        episode, nothing is: the observation begins a new segment.

        Raises:
            StepError: wrong layout or size, a number that is not finite, or an image that is
                none.
        """
        reason = self._fault(step)
        if reason is not None:
            self.refused += 1
            self._cursor = None
            raise StepError(f'step {step.index} of episode {step.episode}: {reason}')
        place = (step.session_id, step.episode, step.index)
        if place == self._cursor:
            return None
        follows = step.index > 0 and self._cursor == (*place[:2], step.index - 1)
        if follows:
            self._add(step)
        else:
            self.gaps += step.index > 0
            self.buffer.begin(step.observation)
        self._cursor = None if step.terminated or step.truncated else place
        self._stamp_ns = step.stamp_ns
        return follows

    def state(self) -> dict[str, Any]:
        """Return all but the buffer, JSON-ready."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state` was taken; call it when the buffer has been restored."""
        for name in _STATE:
            setattr(self, name, state[name])
        cursor = state['_cursor']
        # No step may follow one whose observation is gone.
        whole = cursor is not None and self.buffer.is_open
        self._cursor = (cursor[0], cursor[1], cursor[2]) if whole else None

    def _fault(self, step: StepRecord) -> str | None:
        """Say what is wrong with a step, None if nothing is."""
        task = self._task
        if step.layout_hash != task.layout.hash:
            return (
                f'observation layout {step.layout_hash} is not {task.layout.hash} of task '
                f'{task.name}: policy and learner must be given the same task'
            )
        if step.observation.shape != (task.layout.size,):
            return f'observation has shape {step.observation.shape}'
        if not np.all(np.isfinite(step.observation)):
            return 'observation is not finite'
        if not are_pixels(step.observation[self._vector_dim :]):
            return 'its image holds numbers that are not n/255'
        if step.index == 0:
            return None
        if step.applied_action.shape != (task.mapping.size,):
            return f'applied_action has shape {step.applied_action.shape}'
        if not (np.all(np.abs(step.applied_action) <= 1.0) and np.isfinite(step.reward)):
            return 'applied_action is outside [-1, 1] or the reward is not finite'
        return None

    def _add(self, step: StepRecord) -> None:
        self.buffer.add(
            step.applied_action,
            step.reward,
            step.observation,
            step.terminated,
            step.truncated,
            step.policy_version,
        )
        self.transitions += 1
        self.robot_time_ns += step.stamp_ns - self._stamp_ns


_STATE = ('_cursor', '_stamp_ns', 'transitions', 'robot_time_ns', 'gaps', 'refused')
