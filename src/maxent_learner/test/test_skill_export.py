# SPDX-License-Identifier: Apache-2.0
"""What a skill says about its origin (its content is tested with the run that makes it)."""

import re

from maxent_learner.skill_export import commit, limits, training_metrics, versions
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig


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
