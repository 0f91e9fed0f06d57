# SPDX-License-Identifier: Apache-2.0
"""A recording holds all that a robot was told and told."""

import pytest

from maxent_learner.bag_recorder import SYSTEM_TOPICS
from maxent_robot.robots import ROBOTS
from maxent_ros import topics
from maxent_ros.robot_topics import ROBOT_TOPICS

COMMANDS = {
    'sawyer': topics.JOINT_COMMAND,
    'minitaur': topics.MINITAUR_COMMAND,
    'dclaw': topics.DCLAW_COMMAND,
}


@pytest.mark.parametrize('robot', ROBOTS)
def test_state_signals_and_commands_of_every_robot_are_recorded(robot: str) -> None:
    known = ROBOT_TOPICS[robot]
    wanted = {known.joint_states, *(s.topic for s in known.signals.values()), COMMANDS[robot]}
    assert wanted <= set(SYSTEM_TOPICS)
