# SPDX-License-Identifier: Apache-2.0
"""Another algorithm than SAC through the whole graph: its weights stream while it learns."""

from __future__ import annotations

import json

import pytest
import yaml

from maxent_bringup.system import SystemConfig
from maxent_bringup.training import train_over_ros
from maxent_rl.skill import load_skill

pytestmark = pytest.mark.system


def test_soft_q_learns_over_ros_and_leaves_a_skill(domain: int, tmp_path) -> None:
    early = tmp_path / 'early.yaml'
    learner = {'learning_starts': 40, 'publish_every': 10}
    early.write_text(yaml.safe_dump({'/learner': {'ros__parameters': learner}}))
    config = SystemConfig(
        algorithm='soft_q',
        algorithm_options=('hidden=[32,16]', 'batch_size=16', 'particles=8'),
        task_options=('episode_steps=60',),
        max_steps=120,
        updates_per_step=1.0,
        parameter_files=(early,),
        skill='soft',
        skills=tmp_path / 'skills',
        runs=tmp_path / 'runs',
    )
    assert train_over_ros(config)

    text = (config.run_folder / 'progress.jsonl').read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row['steps'], row['whole']) for row in rows] == [(60, True), (120, True)]
    assert rows[-1]['updates'] == 80
    assert rows[-1]['policy_version'] > 2
    skill = load_skill(config.skills / 'soft')
    assert (skill.metadata.algorithm, skill.metadata.hidden) == ('soft_q', (32, 16))
    assert 'W6' not in (config.run_folder / 'logs' / 'policy.log').read_text()
