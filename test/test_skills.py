# SPDX-License-Identifier: Apache-2.0
"""The user's core sentence: composed policies are swapped in at run time, on a moving arm."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
import shutil
import signal

from maxent_msgs.msg import AppliedCommand
import numpy as np
import pytest
import torch

from maxent_bringup.monitor import Monitor
from maxent_rl.recipe import make_recipe, save_recipe
from maxent_rl.skill import load_skill, save_skill
from maxent_robot.robots import SAWYER
from maxent_ros import qos, topics

pytestmark = pytest.mark.system


def test_skills_are_swapped_and_composed_on_a_moving_arm(maxent, trained) -> None:
    skills = maxent.folder / 'skills'
    shutil.copytree(trained.skills / 'mine', skills / 'mine')
    mine = load_skill(skills / 'mine')
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: tensor + 0.02 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in mine.tensors.items()
    }
    save_skill(skills / 'other', replace(mine, metadata=replace(mine.metadata, name='other'),
                                         tensors=tensors))  # fmt: skip
    steps, applied = [], []
    with Monitor(on_step=steps.append) as monitor:
        monitor.node.create_subscription(
            AppliedCommand, topics.APPLIED_COMMAND, applied.append, qos.EVENTS
        )
        process = maxent.start('run', 'mine')
        try:
            monitor.until(lambda: len(steps) > 20)
            assert 'other acts, version 1' in maxent.run('activate', 'other')
            monitor.until(lambda: steps[-1].skill == 'other')
            output = maxent.run(
                'compose', 'mine', 'other', '--name', 'both', '--weights', '0.7', '0.3'
            )
            assert 'both acts as version 2' in output
            assert 'nats' in output
            monitor.until(lambda: steps[-1].skill == 'both')
            count = len(steps)
            monitor.until(lambda: len(steps) > count + 20)
            refused = maxent.start('activate', 'juggling')
            assert "no skill 'juggling'" in refused.communicate(timeout=30.0)[0]
            assert refused.returncode == 1
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30.0)
        finally:
            process.kill()
    assert process.returncode == 0, output
    # Skills of some hundred steps may leave the box, fail the probation and give way again.
    order = [name for name, _ in groupby(step.skill for step in steps)]
    assert order[:3] == ['mine', 'other', 'both']
    assert order[3:] in ([], ['mine'], ['other'])
    assert 'both = 0.7 mine AND 0.3 other' in maxent.run('skills')
    assert max(command.level for command in applied) < AppliedCommand.LEVEL_ESTOP
    torques = np.array([command.applied for command in applied])
    assert (np.abs(torques) <= SAWYER.limits.effort).all()


def test_a_composition_can_be_run_from_the_start(maxent, trained) -> None:
    skills = maxent.folder / 'skills'
    shutil.copytree(trained.skills / 'mine', skills / 'mine')
    mine = load_skill(skills / 'mine')
    save_skill(skills / 'other', replace(mine, metadata=replace(mine.metadata, name='other')))
    parts = [load_skill(skills / name) for name in ('mine', 'other')]
    save_recipe(skills, make_recipe('both', parts, None, 'and'))
    steps = []
    with Monitor(on_step=steps.append) as monitor:
        process = maxent.start('run', 'both')
        try:
            monitor.until(lambda: len(steps) > 20)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30.0)
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert {step.skill for step in steps} == {'both'}


def test_a_composition_is_extracted_without_a_running_system(maxent, trained) -> None:
    skills = maxent.folder / 'skills'
    shutil.copytree(trained.skills / 'mine', skills / 'mine')
    mine = load_skill(skills / 'mine')
    save_skill(skills / 'other', replace(mine, metadata=replace(mine.metadata, name='other')))
    offline = ('--extract', '--no-activate', '--steps', '50')
    output = maxent.run('compose', 'mine', 'other', '--name', 'both', *offline)
    assert '50/50' in output
    assert 'both is a skill in' in output
    assert load_skill(skills / 'both').metadata.provenance['extracted_from'].keys() == {
        'mine',
        'other',
    }
    again = maxent.start('compose', 'mine', 'other', '--name', 'both', *offline)
    assert 'there is a skill called both already' in again.communicate(timeout=60.0)[0]
    assert again.returncode == 1
