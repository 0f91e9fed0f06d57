# SPDX-License-Identifier: Apache-2.0
"""A policy that waits for a recorder begins when that hears everything, and not before."""

import time

from geometry_msgs.msg import PoseStamped
from maxent_msgs.msg import AppliedCommand, PolicyAction, Step
import pytest
from rclpy.node import Node

from maxent_policy_node.guard_node import GuardNode
from maxent_policy_node.policy_node import PolicyNode
from maxent_ros import node_names, qos, topics

HEARD = (
    (PolicyAction, topics.POLICY_ACTION, qos.COMMAND),
    (AppliedCommand, topics.APPLIED_COMMAND, qos.EVENTS),
    (PoseStamped, topics.GOAL, qos.LATCHED),
    (Step, topics.STEP, qos.EXPERIENCE),
)


class Listener(Node):
    """Subscribes as a recorder does."""

    def __init__(self, name=node_names.RECORDER, count=4, **options):
        super().__init__(name, **options)
        self.steps = []
        for kind, topic, profile in HEARD[:count]:
            kept = self.steps if kind is Step else []
            self.create_subscription(kind, topic, kept.append, profile)


@pytest.fixture
def acting(ros, robot, skill_folder):
    ros.add(GuardNode)
    parameters = {
        'skill': str(skill_folder),
        'episodes': 1,
        'task.episode_steps': 5,
        'wait_for_recorder': True,
    }
    node = ros.add(PolicyNode, parameters=parameters)
    robot.start()
    return node


@pytest.mark.parametrize(('name', 'count'), [('somebody', len(HEARD)), ('recorder', 3)])
def test_it_does_not_act_for_others_or_for_half_a_recorder(ros, robot, acting, name, count):
    ros.add(lambda **options: Listener(name, count, **options))
    ros.spin_until(lambda: acting._acting is not None)
    later = time.monotonic() + 1.5
    ros.spin_until(lambda: time.monotonic() > later)
    assert robot.commands == []
    assert acting._report().message == 'waiting for the recorder'


def test_the_recorder_hears_the_first_step(ros, acting):
    ros.spin_until(lambda: acting._recorder is not None)
    recorder = ros.add(Listener)
    ros.spin_until(lambda: len(recorder.steps) == 6, 20.0)
    assert [step.index for step in recorder.steps] == list(range(6))
    assert [step.episode for step in recorder.steps] == [0] * 6
