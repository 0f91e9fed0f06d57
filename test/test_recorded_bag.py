# SPDX-License-Identifier: Apache-2.0
"""A recorded run, replayed through policy and guard, comes out as it was (reliability 7, no. 83).

The bag in test/data is a regression test of the guard. It may have been recorded on another kind
of processor, which rounds differently: there it must agree to 1e-9 N m, and actions, in single
precision, to 1e-5. What this machine has recorded must agree to the bit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maxent_bringup.bag_checks import replay
from maxent_learner.bag_policy_replay import replay_policy, skill_policies
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_replay import replay_guard
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

RECORDED = Path(__file__).parent / 'data' / 'sawyer_lockstep'
SKILLS = Path(__file__).parents[1] / 'skills'
SAWYER = get_robot('sawyer')


def test_the_guard_of_today_gives_the_recorded_commands() -> None:
    report = replay_guard(BagReader(RECORDED), SAWYER)
    assert (report.compared, report.left_out, report.ended) == (840 + 84, 0, '')
    assert report.largest < 1e-9, report.sentence('commands')


def test_the_policy_of_today_gives_the_recorded_actions() -> None:
    report = replay_policy(BagReader(RECORDED), skill_policies(SKILLS))
    assert (report.compared, report.left_out, report.ended) == (84, 0, '')
    assert report.largest < 1e-5, report.sentence('actions')


@pytest.mark.parametrize(
    ('figure', 'value'),
    [
        ('slew_rate', 19.9),
        ('velocity_fraction', 0.69),
        ('box_stiffness', 401.0),
        ('box_damping', 39.0),
        ('braking_gain', 0.24),
        ('box_exceeded', 0.06),
    ],
)
def test_another_figure_of_the_guard_is_noticed(figure: str, value: float) -> None:
    report = replay_guard(BagReader(RECORDED), SAWYER, replace(SAWYER.guard, **{figure: value}))
    assert report.different > 0
    assert report.largest > 1e-6
    assert 'recorded was' in report.first_difference


@pytest.mark.system
def test_a_run_recorded_now_is_the_same_to_the_bit(maxent) -> None:
    common = ('--pacing', 'lockstep', '--record', '--seed', '3', '--runs', 'runs')
    skill = ('run', str(SKILLS / 'sawyer_reach'), '--episodes', '2')
    maxent.run(*skill, '--task-options', 'episode_steps=40', *common)
    bag = maxent.folder / 'runs' / 'sawyer_reach' / 'bag'
    told = maxent.run('bag', str(bag), '--replay', '--skills', str(SKILLS))
    reports = list(replay(BagReader(bag), 'sawyer', make_task(SAWYER, 'reach'), SKILLS))
    for what, report in reports:
        assert report.compared in (80, 880), what  # actions; commands and accounts of the guard
        assert (report.different, report.left_out) == (0, 0), report.sentence(what)
        assert report.sentence(what) in told


@pytest.mark.system
def test_drawn_actions_of_a_training_are_the_same_to_the_bit(trained) -> None:
    reader = BagReader(trained.folder / 'runs' / 'mine' / 'bag')
    for what, report in replay(reader, 'sawyer', make_task(SAWYER, 'reach'), trained.skills):
        assert report.different == 0, report.sentence(what)
