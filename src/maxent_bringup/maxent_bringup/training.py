# SPDX-License-Identifier: Apache-2.0
"""Runs a training to its end or to Ctrl-C, over the ROS graph or in this process."""

from __future__ import annotations

import sys
import time

from maxent_msgs.msg import LearnerStatus
from rclpy.time import Time
from rich.console import Console

from maxent_bringup.interrupts import stop_requested
from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig, describe
from maxent_bringup.training_view import TrainingView
from maxent_learner.in_process import train_in_process as train
from maxent_learner.learner_status import Rates, State, status_message
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer import ResumeError
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.diverged import DivergedError

POLL_S = 0.25


class TrainingError(RuntimeError):
    """The learner gave up; the text says why."""


def train_over_ros(config: SystemConfig) -> bool:
    """Bring the system up and train; returns whether the training is finished.

    Raises:
        TrainingError: the learner says so.
        SystemRunsError: nodes of these names are on the graph.
        SupervisionError: a node cannot be started, or died.
    """
    specs = describe(config)
    with stop_requested() as stop, Monitor(config.namespace) as monitor:
        monitor.refuse_second_system({spec.full_name for spec in specs})
        with (
            Supervisor(specs, config.run_folder) as system,
            TrainingView(Console()) as view,
        ):
            system.start()
            while not stop.wait(POLL_S):
                monitor.poll()
                status = monitor.learner
                if status is not None:
                    safety = monitor.safety
                    view.show(status, None if safety is None else safety.interventions)
                    if status.state == LearnerStatus.FAILED:
                        raise TrainingError(f'the learner failed: {status.message}')
                    if status.state == LearnerStatus.FINISHED:
                        return True
                system.check()
    return False


def train_in_process(config: SystemConfig) -> bool:
    """Train in this process, without a graph; returns whether the training is finished.

    Raises:
        TrainingError: learning diverges, or the run cannot be resumed with these settings.
    """
    rates = Rates()
    with stop_requested() as stop, TrainingView(Console()) as view:

        def show(run: Run, _row: Row) -> None:
            rates.add(time.monotonic(), run.trainer.steps, run.trainer.updates)
            view.show(status_message(run, State.TRAINING, '', rates, Time()))

        try:
            run = train(*configs(config), show, stop.is_set, complain)
        except (DivergedError, ResumeError, ValueError) as error:
            raise TrainingError(str(error)) from error
    return run.trainer.finished


def configs(config: SystemConfig, bag_namespace: str = '') -> tuple[RunConfig, TrainerConfig]:
    """Return what a run in this process is told of a system."""
    return (
        RunConfig(
            robot=config.robot,
            task=config.task,
            task_options=config.task_options,
            world=config.world,
            bags=config.bags,
            bag_namespace=bag_namespace,
            skill=config.skill,
            run_folder=str(config.run_folder),
            skills_folder=str(config.skills),
            resume=config.resume,
        ),
        TrainerConfig(
            algorithm=config.algorithm,
            algorithm_options=config.algorithm_options,
            max_steps=config.max_steps,
            updates_per_step=config.updates_per_step,
            bag_share=config.bag_share,
            seed=config.seed,
        ),
    )


def complain(text: str) -> None:
    """Tell of trouble that does not end a training."""
    print(text, file=sys.stderr)
