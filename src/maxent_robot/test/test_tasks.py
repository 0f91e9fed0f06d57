# SPDX-License-Identifier: Apache-2.0
"""The task registry."""

import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.tasks import TASKS, OptionError, make_task


@pytest.mark.parametrize('name', sorted(TASKS))
def test_every_task_is_built_by_its_name(name):
    task = make_task(SAWYER, name)
    assert task.name == name
    assert task.episode_steps == 100
    assert task.mapping.joint_names == SAWYER.joint_names


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="'juggle'; known tasks: reach, reach_plane, reach_planes, reach_random"
    ):
        make_task(SAWYER, 'juggle')


def test_options_belong_to_their_variant():
    with pytest.raises(OptionError, match="'reach_random' has no option 'target'"):
        make_task(SAWYER, 'reach_random', target=(0.6, 0.0, 0.3))
