# SPDX-License-Identifier: Apache-2.0
"""Row B1: the replay buffer of a live learner against one that is fed from the bag of its run."""

from __future__ import annotations

import hashlib
from pathlib import Path
import shutil
from typing import Any

from job_workspace import Workspace
from maxent_msgs.msg import LearnerStatus
from maxent_msgs.srv import ActivateSkill
import numpy as np
from running_system import now_and_then, running, wait
from std_srvs.srv import Trigger

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_steps import StepCounts, read_steps
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task
from maxent_ros import topics

SKILL = Path(__file__).resolve().parent.parent / 'skills' / 'sawyer_reach'
OPTIONS = ('hidden=[64,64]',)
STEPS = 1_500
SWAP_AT, STOP_AT = 600, 1_000
PUBLISH_EVERY = 100
TIMEOUT_S = 300.0


def compare_buffers(workspace: Workspace) -> dict[str, Any]:
    """Train over ROS with a policy swap and an emergency stop; hashes of both buffers."""
    folder = workspace.folder.resolve()
    for name in ('runs', 'skills'):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(SKILL, folder / 'skills' / SKILL.name)
    config = SystemConfig(
        skill='recorded',
        runs=folder / 'runs',
        skills=folder / 'skills',
        algorithm_options=OPTIONS,
        updates_per_step=0.5,
        max_steps=STEPS,
        record=True,
    )
    parameters = {
        'policy': {'skills_dir': str(folder / 'skills')},
        'learner': {'publish_every': PUBLISH_EVERY},  # so that the other skill acts for a while
    }
    with running(config, parameters=parameters) as (system, monitor):
        _disturb(system, monitor)
    live, skills, versions = _live(config), set(), set()
    fed, counts = _trainer(), StepCounts()
    for step in read_steps(BagReader(config.run_folder / 'bag'), counts):
        if fed.steps == live.steps:
            break  # the robot was a few steps ahead of the learner when that had enough
        fed.observe(step)
        skills.add(step.skill)
        versions.add(step.policy_version)
    return {
        'equal': _hash(live) == _hash(fed),
        'sha256': _hash(live),
        'transitions': fed.steps,
        'gaps': counts.gaps,
        'episodes': counts.episodes,
        'skills': sorted(skills),
        'policy_versions': len(versions),
        'bag': str(config.run_folder / 'bag'),
    }


def _disturb(system: Supervisor, monitor: Monitor) -> None:
    """Let another skill act for a while, later stop the robot and clear the stop."""

    def until(steps: int) -> None:
        def reached() -> bool:
            return monitor.learner is not None and monitor.learner.steps >= steps

        wait(system, monitor, reached, TIMEOUT_S, f'{steps} steps', now_and_then)

    def ask(kind: type, service: str, **fields: Any) -> None:
        client = monitor.node.create_client(kind, service)
        wait(system, monitor, client.service_is_ready, TIMEOUT_S, service)
        answer = client.call_async(kind.Request(**fields))
        wait(system, monitor, answer.done, TIMEOUT_S, f'an answer of {service}')
        if not answer.result().success:
            raise RuntimeError(f'{service}: {answer.result().message}')

    until(SWAP_AT)
    ask(ActivateSkill, topics.ACTIVATE_SKILL, name=SKILL.name)
    until(STOP_AT)
    ask(Trigger, topics.EMERGENCY_STOP_SERVICE)
    _pause(monitor)
    ask(Trigger, topics.CLEAR_EMERGENCY_STOP_SERVICE)
    until(STEPS)

    def finished() -> bool:
        return monitor.learner is not None and monitor.learner.state == LearnerStatus.FINISHED

    wait(system, monitor, finished, TIMEOUT_S, 'the end', now_and_then)


def _pause(monitor: Monitor) -> None:
    for _ in range(10):
        now_and_then(monitor)


def _trainer() -> Trainer:
    task = make_task(get_robot('sawyer'), 'reach')
    return Trainer('sawyer', task, TrainerConfig(algorithm_options=OPTIONS))


def _live(config: SystemConfig) -> Trainer:
    trainer = _trainer()
    if not trainer.resume(config.run_folder / 'checkpoint'):
        raise RuntimeError('the learner has left no checkpoint')
    return trainer


def _hash(trainer: Trainer) -> str:
    """Return SHA-256 of all that the replay buffer holds: its slots and the policy versions."""
    digest = hashlib.sha256()
    for name, array in sorted(trainer._buffer.state().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
