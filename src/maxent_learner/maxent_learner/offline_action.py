# SPDX-License-Identifier: Apache-2.0
"""The action that learns a skill from bags alone."""

from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
import tempfile
import time

from maxent_msgs.action import TrainOffline
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from maxent_learner.bag_reader import BagReader
from maxent_learner.extraction_action import free_folder
from maxent_learner.long_action import FEEDBACK_S, CancelledError, LongAction, Stop
from maxent_learner.offline import train_offline
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import load_skill
from maxent_ros import topics

MAX_UPDATES = 10_000_000


class OfflineAction(LongAction):
    """Serves TrainOffline; nothing is kept of what was cancelled."""

    def __init__(self, node: Node, skills_folder: Path) -> None:
        """Offer the action beside `node`; the skill is saved in `skills_folder`."""
        self._root = skills_folder
        super().__init__(node, TrainOffline, topics.TRAIN_OFFLINE, 'offline_training', self._train)

    def _train(self, handle: ServerGoalHandle, should_stop: Stop) -> tuple[str, str]:
        """Return SHA-256 of the new skill and where it is."""
        goal = handle.request
        folder = free_folder(self._root, goal.new_name)
        if not 1 <= goal.updates <= MAX_UPDATES:
            raise ValueError(f'updates must be 1 to {MAX_UPDATES}, is {goal.updates}')
        if not goal.bags:
            raise ValueError('no bags were given to learn from')
        with tempfile.TemporaryDirectory(prefix='maxent_offline_') as scratch:
            run = train_offline(
                _run_config(goal, folder.parent, Path(scratch)),
                TrainerConfig(
                    algorithm=goal.algorithm,
                    algorithm_options=tuple(goal.algorithm_options),
                    seed=goal.seed,
                ),
                goal.updates,
                _teller(handle),
                should_stop,
                self._logger.info,
            )
        if run.trainer.updates < goal.updates:
            raise CancelledError
        sha256 = load_skill(folder).metadata.sha256
        return sha256, f'{goal.new_name} is a skill in {folder}'


def _run_config(goal: TrainOffline.Goal, skills: Path, scratch: Path) -> RunConfig:
    """Return what is learned; robot and task are what the first bag says, unless the goal does."""
    about = BagReader(Path(goal.bags[0])).about
    same_task = goal.task in ('', about.get('task'))
    options = list(goal.task_options) or (about.get('task_options', '').split() * same_task)
    defaults = RunConfig()
    return RunConfig(
        robot=goal.robot or about.get('robot', defaults.robot),
        task=goal.task or about.get('task', defaults.task),
        task_options=tuple(options),
        bags=tuple(goal.bags),
        skill=goal.new_name,
        run_folder=str(scratch / 'run'),
        skills_folder=str(skills),
    )


def _teller(handle: ServerGoalHandle) -> Callable[[Run], None]:
    told_s = -math.inf

    def tell(run: Run) -> None:
        nonlocal told_s
        done = run.trainer.updates
        if time.monotonic() - told_s < FEEDBACK_S and done < handle.request.updates:
            return
        told_s = time.monotonic()
        metrics = run.trainer.metrics
        handle.publish_feedback(
            TrainOffline.Feedback(
                transitions=run.trainer.recorded_transitions,
                updates=done,
                total=handle.request.updates,
                q_loss=metrics.get('q_loss', math.nan),
                q_mean=metrics.get('q_mean', math.nan),
            )
        )

    return tell
