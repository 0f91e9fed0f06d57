# SPDX-License-Identifier: Apache-2.0
"""The lock-step graph and the in-process environment are the same to the last bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maxent_bringup.ros_evaluation import evaluate_over_ros
from maxent_bringup.system import SystemConfig
from maxent_learner.in_process import make_environment
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import load_skill
from maxent_robot import episode_seed

pytestmark = pytest.mark.system
SEED = 11


def test_eval_through_ros_prints_the_figures_of_the_evaluation_in_process(maxent, trained) -> None:
    skill = str(trained.skills / 'mine')
    common = ('eval', skill, '--episodes', '2', '--seed', str(SEED), '--json')
    there, here = json.loads(maxent.run(*common, '--ros')), json.loads(maxent.run(*common))
    assert (there.pop('path'), here.pop('path')) == ('ros', 'in_process')
    assert there == here
    assert {'skill', 'robot', 'task', 'episodes', 'seed', 'success_rate'} <= set(here)
    assert here['mean_final_distance'] > 0.0


@pytest.mark.parametrize('deterministic', [True, False])
def test_every_step_over_ros_equals_the_environment_bit_by_bit(
    deterministic: bool, domain: int, trained, tmp_path
) -> None:
    config = SystemConfig(
        purpose='run',
        skill='mine',
        skills=trained.skills,
        runs=tmp_path,
        pacing='lockstep',
        seed=SEED,
        episodes=2,
        deterministic=deterministic,
    )
    records = []
    evaluate_over_ros(config, on_step=records.append)

    skill = load_skill(trained.skills / 'mine')
    act = PolicyRunner(skill.policy(), SEED, deterministic)
    environment = make_environment('sawyer', 'reach', {})
    steps = iter(records)
    for episode in range(2):
        observation, info = environment.reset(seed=episode_seed(SEED, episode))
        record = next(steps)
        assert (record.episode, record.index) == (episode, 0)
        np.testing.assert_array_equal(record.observation, observation, strict=True)
        is_over = False
        while not is_over:
            action = act(observation)
            observation, reward, terminated, truncated, info = environment.step(action)
            record = next(steps)
            np.testing.assert_array_equal(record.action, action, strict=True)
            np.testing.assert_array_equal(record.applied_action, info['applied_action'])
            np.testing.assert_array_equal(record.observation, observation, strict=True)
            assert record.reward == reward
            assert record.measures == info['measures']
            assert (record.terminated, record.truncated) == (terminated, truncated)
            is_over = terminated or truncated
    environment.close()
    assert next(steps, None) is None
