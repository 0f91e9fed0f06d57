# SPDX-License-Identifier: Apache-2.0
"""Finding and checking skills (each kind of mismatch: test_policy_node.py)."""

import pytest

from maxent_policy_node.skill_source import find_skill, open_skill
from maxent_rl.skill import SkillError
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task


def test_a_skill_is_found_by_name_and_by_path(skill_folder) -> None:
    root = str(skill_folder.parent)
    assert find_skill('random_reach', root) == skill_folder
    assert find_skill(str(skill_folder), 'elsewhere') == skill_folder


def test_a_skill_for_the_task_is_opened(skill_folder, task) -> None:
    assert open_skill(skill_folder, SAWYER, task).metadata.name == 'random_reach'


def test_a_skill_of_another_layout_is_refused_with_both_hashes(skill_folder, task) -> None:
    other = make_task(SAWYER, 'reach_random')
    with pytest.raises(SkillError) as error:
        open_skill(skill_folder, SAWYER, other)
    assert task.layout.hash in str(error.value)
    assert other.layout.hash in str(error.value)


def test_damaged_weights_are_refused(skill_folder, task) -> None:
    weights = skill_folder / 'weights.safetensors'
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(SkillError):
        open_skill(skill_folder, SAWYER, task)
