# SPDX-License-Identifier: Apache-2.0
"""A run without a name for its skill gets one; settings that cannot be are refused by name."""

import pytest

from maxent_learner.run_config import RunConfig


def test_a_skill_is_called_after_robot_and_task_unless_it_has_a_name():
    assert RunConfig(robot='sawyer', task='reach_random').skill == 'sawyer_reach_random'
    assert RunConfig(skill='poke').skill == 'poke'


def test_task_options_are_parsed():
    assert RunConfig(task_options=('axis=z', 'value=0.3')).options == {'axis': 'z', 'value': 0.3}


@pytest.mark.parametrize(
    'setting', [{'run_folder': ''}, {'skills_folder': ''}, {'torch_threads': 0}]
)
def test_a_setting_that_cannot_be_is_refused_by_name(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        RunConfig(**setting)
