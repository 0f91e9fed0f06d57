# SPDX-License-Identifier: Apache-2.0
"""What a skill says about its origin (its content is tested with the run that makes it)."""

import re

import numpy as np

from maxent_learner.skill_export import (
    STATES,
    STATES_BYTES,
    commit,
    layout_fields,
    limits,
    make_skill,
    state_count,
    training_metrics,
    versions,
)
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import load_skill, save_skill
from maxent_robot.layout import Field, ObservationLayout


def test_limits_are_plain_numbers_per_joint(source):
    found = limits(source.spec)
    assert found['effort'] == [80.0, 80.0, 40.0, 40.0, 9.0, 9.0, 9.0]
    assert all(len(values) == 7 for values in found.values())
    assert 'joint_names' not in found


def test_versions_name_what_shapes_a_result():
    assert {'python', 'torch', 'numpy'} <= versions().keys()


def test_the_commit_is_a_hash_or_unknown():
    found = commit()
    assert found is None or re.fullmatch(r'[0-9a-f]{40}(-dirty)?', found)


def test_metrics_are_means_of_the_last_ten_episodes(source, small_options):
    trainer = Trainer('sawyer', source.task, TrainerConfig(algorithm_options=small_options))
    rows = [{'episode_return': -float(k), 'final_measure': 0.1 * k} for k in range(30)]
    metrics = training_metrics(trainer, rows)
    assert metrics['mean_episode_return'] == -24.5
    assert training_metrics(trainer, []) == {}


def test_a_skill_that_sees_images_says_so_and_acts_as_the_trainer(
    make_source, small_options, tmp_path
):
    source = make_source(sees=True)
    trainer = Trainer('sawyer', source.task, TrainerConfig(algorithm_options=small_options))
    steps = source.steps(episodes=3)
    for step in steps:
        trainer.observe(step)
    for _ in range(5):
        trainer.update()
    created = '2026-11-26T18:00:00+00:00'
    save_skill(tmp_path / 'see', make_skill(trainer, source.spec, 'see', {}, {}, created))
    loaded = load_skill(tmp_path / 'see')
    assert loaded.metadata.layout[-1] == {'name': 'camera', 'size': 192, 'shape': (8, 8, 3)}
    assert all('shape' not in part for part in loaded.metadata.layout[:-1])
    assert loaded.states.shape == (len(steps), source.task.layout.size)
    policies = trainer.algorithm.policy, loaded.policy()
    runners = [PolicyRunner(policy, 0, deterministic=False) for policy in policies]
    for step in steps:
        np.testing.assert_array_equal(*(runner(step.observation) for runner in runners))


def test_states_with_images_are_few_enough_for_a_small_skill(source):
    numbers, side = Field('position', 27), 32
    camera = Field('camera', side * side * 3, 255.0, shape=(side, side, 3))
    seeing = ObservationLayout((numbers, camera))
    assert state_count(seeing) == 32
    assert state_count(seeing) * seeing.size * 2 <= STATES_BYTES  # of two bytes each, in a file
    assert state_count(source.task.layout) == STATES == 1024
    huge = Field('camera', 400 * 300, 255.0, shape=(400, 300, 1))
    assert state_count(ObservationLayout((huge,))) == 1


def test_parts_without_an_image_are_told_as_they_always_were(source):
    parts = layout_fields(source.task.layout)
    assert parts[0] == {'name': 'position', 'size': 7}
    assert all(part.keys() == {'name', 'size'} for part in parts)
