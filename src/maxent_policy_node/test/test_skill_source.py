# SPDX-License-Identifier: Apache-2.0
"""Finding and checking skills (each kind of mismatch: test_policy_node.py)."""

import pytest

from maxent_policy_node.skill_source import check_fit, find_skill
from maxent_rl.skill import SkillError, load_skill
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task


def test_a_skill_is_found_by_name_and_by_path(skill_folder) -> None:
    root = str(skill_folder.parent)
    assert find_skill('random_reach', root) == skill_folder
    assert find_skill(str(skill_folder), 'elsewhere') == skill_folder


def test_a_skill_of_another_layout_is_refused_with_both_hashes(skill_folder, task) -> None:
    other = make_task(SAWYER, 'reach_random')
    skill = load_skill(skill_folder)
    check_fit(skill.metadata, SAWYER, task)
    with pytest.raises(SkillError) as error:
        check_fit(skill.metadata, SAWYER, other)
    assert task.layout.hash in str(error.value)
    assert other.layout.hash in str(error.value)
