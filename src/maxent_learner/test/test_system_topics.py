# SPDX-License-Identifier: Apache-2.0
"""A recording holds all that a robot was told and told."""

import pytest

from maxent_learner.bag_recorder import SYSTEM_TOPICS
from maxent_robot.robots import ROBOTS
from maxent_ros import topics
from maxent_ros.robot_topics import ROBOT_TOPICS


@pytest.mark.parametrize('robot', ROBOTS)
def test_state_signals_and_commands_of_every_robot_are_recorded(robot: str) -> None:
    known = ROBOT_TOPICS[robot]
    wanted = {known.joint_states, *(s.topic for s in known.signals.values()), known.command}
    assert wanted <= set(SYSTEM_TOPICS)


SERVICES_AND_ACTIONS = {
    topics.FOLLOW_JOINT_TRAJECTORY,
    topics.MINITAUR_TRAJECTORY,
    topics.DCLAW_TRAJECTORY,
    topics.DCLAW_ENGAGE,
    topics.EMERGENCY_STOP_SERVICE,
    topics.CLEAR_EMERGENCY_STOP_SERVICE,
    topics.GET_LATEST_POLICY,
    topics.SAVE_CHECKPOINT,
    topics.EXTRACT_COMPOSITION,
    topics.TRAIN_OFFLINE,
    topics.LIST_SKILLS,
    topics.ACTIVATE_SKILL,
    topics.COMPOSE_SKILLS,
    topics.RESET_SIMULATION,
}


def test_no_topic_of_the_system_is_forgotten() -> None:
    named = {value for name, value in vars(topics).items() if name.isupper()}
    assert named - SERVICES_AND_ACTIONS <= set(SYSTEM_TOPICS)
