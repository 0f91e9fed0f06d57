# SPDX-License-Identifier: Apache-2.0
"""What the learner says about itself in LearnerStatus, and how fast it is."""

from __future__ import annotations

from collections import deque
from enum import IntEnum
import math
from typing import TYPE_CHECKING

from maxent_msgs.msg import LearnerStatus
from rclpy.time import Time

if TYPE_CHECKING:
    from maxent_learner.run import Run

WINDOW_S = 5.0


class State(IntEnum):
    """The states of LearnerStatus."""

    WAITING = LearnerStatus.WAITING
    COLLECTING = LearnerStatus.COLLECTING
    TRAINING = LearnerStatus.TRAINING
    SAVING = LearnerStatus.SAVING
    FINISHED = LearnerStatus.FINISHED
    FAILED = LearnerStatus.FAILED


class Rates:
    """Steps and updates per second of wall time, over the last seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        """Take the length of the window (s)."""
        self._window_s = window_s
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, now_s: float, steps: int, updates: int) -> None:
        """Take the counters at a time."""
        self._samples.append((now_s, steps, updates))
        while len(self._samples) > 2 and now_s - self._samples[1][0] >= self._window_s:
            self._samples.popleft()

    def per_second(self) -> tuple[float, float]:
        """Return steps and updates per second; 0 before there are two samples."""
        if len(self._samples) < 2:
            return 0.0, 0.0
        (t0, steps0, updates0), (t1, steps1, updates1) = self._samples[0], self._samples[-1]
        elapsed_s = t1 - t0
        if elapsed_s <= 0.0:
            return 0.0, 0.0
        return (steps1 - steps0) / elapsed_s, (updates1 - updates0) / elapsed_s


def status_message(run: Run, state: State, message: str, rates: Rates, now: Time) -> LearnerStatus:
    """Return the message for the present state of a run."""
    trainer = run.trainer
    metrics = trainer.metrics
    last = trainer.episodes.last
    steps_per_second, updates_per_second = rates.per_second()
    status = LearnerStatus(
        run_id=run.run_id,
        skill=run.config.skill,
        robot=run.config.robot,
        task=run.config.task,
        algorithm=trainer.config.algorithm,
        state=int(state),
        message=message,
        steps=trainer.steps,
        max_steps=trainer.config.max_steps,
        updates=trainer.updates,
        episodes=trainer.episodes.count,
        policy_version=trainer.version,
        robot_time=trainer.robot_time_s,
        steps_per_second=steps_per_second,
        updates_per_second=updates_per_second,
        temperature=trainer.algorithm.temperature,
        **{name: metrics.get(name, math.nan) for name in _METRICS},
    )
    status.header.stamp = now.to_msg()
    if last is not None:
        status.episode_return = last.episode_return
        status.measure = next(iter(last.measures), '')
        status.final_measure = last.final_measure
    return status


_METRICS = ('entropy', 'q_loss', 'policy_loss')  # not every algorithm has each
