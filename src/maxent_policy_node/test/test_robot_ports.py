# SPDX-License-Identifier: Apache-2.0
"""What reaches each robot from its guard (the Sawyer's settings and stop: test_guard_node.py)."""

from dataclasses import replace

from intera_core_msgs.msg import JointCommand
import numpy as np
import pytest
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, UInt32
from std_srvs.srv import SetBool

from maxent_policy_node.robot_ports import ROBOT_PORTS, open_port
from maxent_robot.robots import DCLAW, MINITAUR, ROBOTS, SAWYER
from maxent_robot.types import Command, CommandMode
from maxent_ros import conversions, qos
from maxent_ros.testing import RosFixture

POSITION = CommandMode.POSITION
COMMANDS = {
    'sawyer': ('/robot/limb/right/joint_command', JointCommand),
    'minitaur': ('/robot0/joint_position_controller/commands', Float64MultiArray),
    'dclaw': ('/dclaw/joint_position_controller/commands', Float64MultiArray),
}


def receive(ros: RosFixture, topic: str, kind: type, profile=qos.COMMAND) -> list:
    """Messages of a topic, of which there is a publisher already."""
    node, messages = ros.add(Node, 'robot'), []
    node.create_subscription(kind, topic, messages.append, profile)
    ros.spin_until(lambda: node.count_publishers(topic) > 0, reason=topic)
    return messages


def arrives(ros: RosFixture, send, messages: list):
    """Send until something arrives: publisher and subscriber may not have met yet."""
    seen = len(messages)

    def sent() -> bool:
        send()
        ros.executor.spin_once(timeout_sec=0.02)
        return len(messages) > seen

    ros.spin_until(sent)
    return messages[-1]


def test_a_robot_without_known_topics_is_refused_by_name(ros) -> None:
    spec = replace(SAWYER, name='baxter')
    known = r"\['dclaw', 'minitaur', 'sawyer'\]"
    with pytest.raises(ValueError, match=f"robot 'baxter'; known robots: {known}"):
        open_port(ros.add(Node, 'guard'), spec)


def test_every_robot_has_topics() -> None:
    assert set(ROBOTS) == set(ROBOT_PORTS) == set(COMMANDS)


@pytest.mark.parametrize('name', sorted(ROBOTS))
def test_publishers_of_the_command_topic_are_counted(ros, name: str) -> None:
    port = open_port(ros.add(Node, 'guard'), ROBOTS[name])
    assert port.command_publishers() == 1
    topic, kind = COMMANDS[name]
    other = ros.add(Node, 'rogue').create_publisher(kind, topic, qos.COMMAND)
    ros.spin_until(lambda: port.command_publishers() == 2)
    del other


@pytest.mark.parametrize('spec', [MINITAUR, DCLAW], ids=lambda spec: spec.name)
def test_positions_arrive_in_the_order_of_the_joints_with_the_stamp_they_answer(ros, spec) -> None:
    port = open_port(ros.add(Node, 'guard'), spec)
    messages = receive(ros, *COMMANDS[spec.name])
    values = spec.start + 0.01 * np.arange(len(spec.start))
    command = Command(6_000_000, POSITION, values)
    message = arrives(ros, lambda: port.send(command), messages)
    np.testing.assert_array_equal(message.data, values)
    assert conversions.answered_stamp(message) == 6_000_000


def test_a_minitaur_is_stopped_by_behaviour_mode_0_and_released_by_1(ros) -> None:
    port = open_port(ros.add(Node, 'guard'), MINITAUR)
    messages = receive(ros, '/robot0/command/behaviorMode', UInt32, qos.EVENTS)
    assert arrives(ros, port.stop, messages).data == 0
    assert arrives(ros, port.release, messages).data == 1


def test_a_dclaw_has_its_servos_switched_off_and_on(ros) -> None:
    node = ros.add(Node, 'guard')
    port, calls = open_port(node, DCLAW), []

    def engage(request, response):
        calls.append(request.data)
        response.success = True
        return response

    ros.add(Node, 'robot').create_service(SetBool, '/dclaw/set_motors_engaged', engage)
    ros.spin_until(port._engage.service_is_ready)
    port.stop()
    ros.spin_until(lambda: calls == [False])
    port.release()
    ros.spin_until(lambda: calls == [False, True])


def test_a_dclaw_whose_service_is_not_there_is_stopped_without_waiting_for_it(ros) -> None:
    port = open_port(ros.add(Node, 'guard'), DCLAW)
    port.stop()
    port.release()


@pytest.mark.parametrize('name', sorted(ROBOTS))
def test_robots_of_two_namespaces_do_not_meet(ros, name: str) -> None:
    topic, _ = COMMANDS[name]
    left = open_port(ros.add(Node, 'guard', namespace='left'), ROBOTS[name])
    right = open_port(ros.add(Node, 'guard', namespace='right'), ROBOTS[name])
    node = ros.add(Node, 'observer')
    ros.spin_until(lambda: node.count_publishers(f'/left{topic}') == 1)
    assert (left.command_publishers(), right.command_publishers()) == (1, 1)
