# SPDX-License-Identifier: Apache-2.0
"""The learner: learns from the steps of a robot and streams better policies while it moves.

The training loop is the main thread. ROS is served in a background thread, whose callbacks only
append to queues; no gradient step is ever made inside one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING

from maxent_msgs.msg import LearnerStatus, Step
from rclpy.node import Node
import torch

from maxent_learner.checkpoint_service import CheckpointService
from maxent_learner.extraction_action import ExtractionAction
from maxent_learner.learner_status import Rates, State, status_message
from maxent_learner.offline_action import OfflineAction
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer import StepError
from maxent_learner.trainer_config import TrainerConfig, setting
from maxent_learner.weights_publisher import WeightsPublisher
from maxent_rl.diverged import DivergedError
from maxent_ros import qos, topics
from maxent_ros.conversions import to_step_record
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.parameters import ParameterError, declare
from maxent_ros.runtime import run_node

if TYPE_CHECKING:
    from maxent_robot.episode_outputs import StepRecord

STATUS_PERIOD_S = 1.0  # without steps
POLL_S = 0.1  # the longest that a stop or a request for a checkpoint waits for a step


@dataclass(frozen=True)
class LearnerConfig:
    """What only the node needs."""

    exit_when_finished: bool = setting(False, 'end the process when the skill is saved')


class LearnerNode(Node):
    """Connects a `Run` with the graph."""

    def __init__(self, **node_options: object) -> None:
        """Open the run.

        Raises:
            ParameterError: a parameter cannot be, or the run cannot be resumed with these.
        """
        super().__init__('learner', **node_options)
        config = declare(self, RunConfig)
        trainer_config = declare(self, TrainerConfig)
        self._config = declare(self, LearnerConfig)
        torch.set_num_threads(config.torch_threads)
        try:
            self._run = Run(config, trainer_config, self.get_logger().warning)
        except (ValueError, RuntimeError) as error:
            raise ParameterError(str(error)) from error
        self._trainer = self._run.trainer
        self._state, self._message = State.WAITING, 'waiting for steps'
        self._rates = Rates()
        self._status_at = 0.0
        self._steps: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self._status = self.create_publisher(LearnerStatus, topics.LEARNER_STATUS, qos.LATCHED)
        self._weights = WeightsPublisher(self, self._run.run_id, self._run.task.layout.hash)
        self._checkpoints = CheckpointService(self)
        skills = Path(config.skills_folder)
        self._offline = (ExtractionAction(self, skills), OfflineAction(self, skills))
        self._diagnostics = Diagnostics(self, 'learning', self._report)
        self.create_subscription(Step, topics.STEP, self._steps.put, qos.EXPERIENCE)

    def learn(self, stop: threading.Event) -> None:
        """Train until `stop` is set, or the run is finished and may end. Saves a checkpoint."""
        if self._run.resumed:
            self._trainer.next_version()
            self.get_logger().info(
                f'run {self._run.run_id} goes on after {self._trainer.steps} steps'
            )
        self._publish_policy()
        self._publish_status()
        while not stop.is_set():
            self._checkpoints.serve(self._save_checkpoint)
            step = self._next_step()
            if step is not None and self._is_learning:
                self._take(step, stop)
                self._publish_status()
            elif time.monotonic() - self._status_at >= STATUS_PERIOD_S:
                self._publish_status()
            if self._trainer.finished and self._is_learning and not stop.is_set():
                self._finish()
            if self._state is State.FINISHED and self._config.exit_when_finished:
                break
        self._end()

    def close(self) -> None:
        """Cancel what is worked on beside the training."""
        for action in self._offline:
            action.close()

    @property
    def _is_learning(self) -> bool:
        return self._state not in (State.FINISHED, State.FAILED)

    def _next_step(self) -> StepRecord | None:
        try:
            message = self._steps.get(timeout=POLL_S)
        except queue.Empty:
            return None
        try:
            return to_step_record(message)
        except ValueError as error:
            self._refuse(f'step {message.index} of episode {message.episode}: {error}')
            return None

    def _take(self, step: StepRecord, stop: threading.Event) -> None:
        """Learn from one step: buffer, the updates that it makes due, a new version."""
        try:
            result = self._trainer.observe(step)
        except StepError as error:
            self._refuse(str(error))
            return
        self._set_state(State.TRAINING if self._trainer.updates > 0 else State.COLLECTING, '')
        while self._trainer.updates_due() > 0 and self._is_learning and not stop.is_set():
            self._update()
        if self._trainer.publish_due and self._is_learning:
            self._trainer.next_version()
            self._publish_policy()
        if result is not None:
            self._run.episode_finished(result)
        self._run.step_finished()

    def _update(self) -> None:
        try:
            self._trainer.update()
        except DivergedError as error:
            message = f'learning diverged ({error}); rolled back to the last good state'
            self.get_logger().error(message)
            self._message = message
            if self._trainer.hopeless:
                self._set_state(State.FAILED, f'{message}, which diverged again and again')

    def _finish(self) -> None:
        self._set_state(State.SAVING, 'saving the skill')
        self._publish_status()
        self._trainer.next_version()
        self._publish_policy()
        self._run.checkpoint()
        failure = self._run.save_skill()
        if failure:
            self._set_state(State.FAILED, failure)
        else:
            self._set_state(State.FINISHED, f'skill saved in {self._run.skill_folder}')
            self.get_logger().info(self._message)
        self._publish_status()

    def _save_checkpoint(self) -> tuple[bool, str]:
        failure = self._run.checkpoint()
        saved = f'checkpoint after {self._trainer.steps} steps in {self._run.folder.checkpoints}'
        return not failure, failure or saved

    def _end(self) -> None:
        failure = self._run.close()
        self._checkpoints.close()
        self.get_logger().info(
            failure or f'checkpoint after {self._trainer.steps} steps: resume continues there'
        )

    def _publish_policy(self) -> None:
        self._weights.publish(self._trainer.version, self._trainer.policy_payload())
        self._run.note_version(self._trainer.version)

    def _publish_status(self) -> None:
        self._status_at = time.monotonic()
        self._rates.add(self._status_at, self._trainer.steps, self._trainer.updates)
        self._status.publish(
            status_message(
                self._run, self._state, self._message, self._rates, self.get_clock().now()
            )
        )

    def _set_state(self, state: State, message: str) -> None:
        # A message about trouble stays until the state changes.
        if state is not self._state:
            self._state, self._message = state, message

    def _refuse(self, reason: str) -> None:
        self.get_logger().warning(f'not learned from: {reason}', throttle_duration_sec=5.0)

    def _report(self) -> Report:
        trouble = self._state is State.FAILED
        return Report(
            Health.ERROR if trouble else Health.OK,
            self._message or self._state.name.lower(),
            {
                'steps': self._trainer.steps,
                'updates': self._trainer.updates,
                'steps waiting': self._steps.qsize(),
                'steps refused': self._trainer.refused,
                'gaps': self._trainer.gaps,
                'rollbacks': self._trainer.rollbacks,
                'policy version': self._trainer.version,
            },
        )


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(LearnerNode, work=LearnerNode.learn))
