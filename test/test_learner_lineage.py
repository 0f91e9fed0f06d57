# SPDX-License-Identifier: Apache-2.0
"""Faults 16, 18 and 19: a learner that is killed, resumed, or replaced by another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maxent_msgs.msg import Step
import pytest

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import NodeSpec, SystemConfig, describe

pytestmark = pytest.mark.system

QUICK = {'learning_starts': 20, 'checkpoint_every': 20}


def nodes(config: SystemConfig) -> list[NodeSpec]:
    return [
        replace(spec, parameters={**spec.parameters, **QUICK}) if spec.name == 'learner' else spec
        for spec in describe(config)
    ]


def learner_alone(config: SystemConfig, folder: Path) -> Supervisor:
    """Return a second learner, with a log of its own."""
    return Supervisor([spec for spec in nodes(config) if spec.name == 'learner'], folder)


def test_a_killed_learner_may_come_back_but_no_other_may_take_its_place(
    domain: int, tmp_path: Path
) -> None:
    config = SystemConfig(
        pacing='realtime',
        algorithm_options=('hidden=[16, 16]', 'batch_size=8'),
        runs=tmp_path / 'runs',
        skills=tmp_path / 'skills',
    )
    steps: list[Step] = []
    monitor = Monitor(on_step=steps.append)
    with monitor, Supervisor(nodes(config), config.run_folder) as system:
        system.start()
        monitor.until(
            lambda: steps and steps[-1].policy_version >= 3 and 30 < steps[-1].index < 60
        )
        run_id = steps[-1].skill
        system.process('learner').kill()  # it publishes a version every half a second
        killed_at = steps[-1]
        monitor.until(lambda: steps[-1].index >= killed_at.index + 20)
        assert steps[-1].episode == killed_at.episode  # the arm went on as if nothing was
        system.stop(['learner'])
        version = steps[-1].policy_version

        with learner_alone(replace(config, resume=True), tmp_path / 'resumed') as resumed:
            resumed.start()
            monitor.until(lambda: steps[-1].policy_version > version, check=resumed.check)
            assert steps[-1].skill == run_id

        with learner_alone(config, tmp_path / 'another') as another:
            another.start()
            monitor.until(lambda: monitor.learner.run_id != run_id, check=another.check)
            log = system.logs['policy']
            monitor.until(
                lambda: 'is not the accepted run' in log.read_text(), check=another.check
            )
            count = len(steps)
            monitor.until(lambda: len(steps) > count + 30, check=another.check)
            assert monitor.learner.run_id != run_id
            assert {step.skill for step in steps} == {run_id}
