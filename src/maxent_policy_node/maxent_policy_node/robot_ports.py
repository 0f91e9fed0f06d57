# SPDX-License-Identifier: Apache-2.0
"""The guard's side of each robot's own topics: the only place that knows their names and types.

A robot is added by one class here and one line in ROBOT_PORTS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from intera_core_msgs.msg import JointCommand
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool, Empty, Float64, Float64MultiArray, UInt16, UInt32
from std_srvs.srv import SetBool

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import Command
from maxent_ros import conversions, qos, topics


class RobotPort(Protocol):
    """What the guard needs of a robot."""

    def send(self, command: Command) -> None:
        """Publish a command; called from one thread only."""

    def stop(self) -> None:
        """Stop the robot by its own means."""

    def release(self) -> None:
        """Lift the robot's own stop and let its motors follow commands again."""

    def command_publishers(self) -> int:
        """How many publishers, this one included, the robot's command topic has."""


class SawyerPort:
    """Sawyer's Intera topics (robots.md 5.1)."""

    def __init__(self, node: Node, spec: RobotSpec, profile: QoSProfile) -> None:
        """Ask the robot for its rate and command timeout."""
        self._node = node
        self._names = list(spec.joint_names)
        self._command = node.create_publisher(
            JointCommand,
            topics.JOINT_COMMAND,
            profile,
            event_callbacks=PublisherEventCallbacks(),  # a driver's QoS may not match: warn
        )
        self._rate = node.create_publisher(UInt16, topics.JOINT_STATE_PUBLISH_RATE, qos.LATCHED)
        self._timeout = node.create_publisher(Float64, topics.JOINT_COMMAND_TIMEOUT, qos.LATCHED)
        self._stop = node.create_publisher(Empty, topics.SET_SUPER_STOP, qos.EVENTS)
        self._reset = node.create_publisher(Empty, topics.SET_SUPER_RESET, qos.EVENTS)
        self._enable = node.create_publisher(Bool, topics.SET_SUPER_ENABLE, qos.EVENTS)
        self._rate.publish(UInt16(data=round(1e9 / spec.guard_period_ns)))
        self._timeout.publish(Float64(data=spec.command_timeout_s))

    def send(self, command: Command) -> None:
        """Publish a command."""
        self._command.publish(conversions.from_command(command, self._names))

    def stop(self) -> None:
        """Latch the robot's own emergency stop."""
        self._stop.publish(Empty())

    def release(self) -> None:
        """Reset the robot's stop, then enable its motors."""
        self._reset.publish(Empty())
        self._enable.publish(Bool(data=True))

    def command_publishers(self) -> int:
        """Count the publishers of the command topic."""
        return self._node.count_publishers(topics.JOINT_COMMAND)


class _PositionPort:
    """Robots that take joint positions as ros2_control's forward controllers do."""

    def __init__(self, node: Node, topic: str, profile: QoSProfile) -> None:
        self._node, self._topic = node, topic
        self._command = node.create_publisher(
            Float64MultiArray, topic, profile, event_callbacks=PublisherEventCallbacks()
        )

    def send(self, command: Command) -> None:
        """Publish a command."""
        self._command.publish(conversions.from_positions(command))

    def command_publishers(self) -> int:
        """Count the publishers of the command topic."""
        return self._node.count_publishers(self._topic)


class MinitaurPort(_PositionPort):
    """Minitaur's topics (robots.md 5.2): behaviour mode 0 lets the motors go, 1 takes commands."""

    def __init__(self, node: Node, _spec: RobotSpec, profile: QoSProfile) -> None:
        """Open the topics."""
        super().__init__(node, topics.MINITAUR_COMMAND, profile)
        self._mode = node.create_publisher(UInt32, topics.MINITAUR_SET_BEHAVIOR_MODE, qos.EVENTS)

    def stop(self) -> None:
        """Let the motors go."""
        self._mode.publish(UInt32(data=0))

    def release(self) -> None:
        """Let the motors follow commands."""
        self._mode.publish(UInt32(data=1))


class DClawPort(_PositionPort):
    """D'Claw's topics and the service that switches its servos (robots.md 5.3)."""

    def __init__(self, node: Node, _spec: RobotSpec, profile: QoSProfile) -> None:
        """Open the topics."""
        super().__init__(node, topics.DCLAW_COMMAND, profile)
        self._engage = node.create_client(SetBool, topics.DCLAW_ENGAGE)

    def stop(self) -> None:
        """Switch the servos off."""
        self._engage.call_async(SetBool.Request(data=False))

    def release(self) -> None:
        """Switch the servos on."""
        self._engage.call_async(SetBool.Request(data=True))


ROBOT_PORTS: dict[str, Callable[[Node, RobotSpec, QoSProfile], RobotPort]] = {
    'sawyer': SawyerPort,
    'minitaur': MinitaurPort,
    'dclaw': DClawPort,
}


def open_port(node: Node, spec: RobotSpec, profile: QoSProfile = qos.COMMAND) -> RobotPort:
    """Open the topics of a robot; commands are offered with this quality of service.

    Raises:
        ValueError: no topics are known for the robot; names those that are.
    """
    if spec.name not in ROBOT_PORTS:
        raise ValueError(
            f"no topics are known for robot '{spec.name}'; known robots: {sorted(ROBOT_PORTS)}"
        )
    return ROBOT_PORTS[spec.name](node, spec, profile)
