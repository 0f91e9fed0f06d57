# SPDX-License-Identifier: Apache-2.0
"""What the bridge needs of the topics of a robot, and what all robots' topics share."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, ClassVar, Protocol

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Float64MultiArray

from maxent_robot.types import NANOSECONDS, CommandMode, JointSample, Vector
from maxent_ros import qos, topics
from maxent_ros.conversions import answered_stamp, to_doubles, to_stamp
from sim_bridge.robot_simulation import RobotSimulation

Change = Callable[[Any], str | None]  # of a message; the reason if it is refused


class RobotTopics(Protocol):
    """The topics of one robot. All methods are called with the simulation's lock held."""

    command: tuple[type, str]  # of the newest command, which is polled
    trajectory: str  # name of its FollowJointTrajectory action

    def listen(self, lock: RLock) -> None:
        """Subscribe to everything but the command."""

    def publish(self, *, every_state: bool) -> None:
        """Publish what is due at the simulation's time; joint states if `every_state` at once."""

    def republish(self) -> None:
        """Publish everything again, due or not."""

    def restarted(self) -> None:
        """Take note of a reset: what is published from time to time starts with it."""

    def goal_shown(self, point: Vector) -> None:
        """Take note of the goal, a point (3,) in m in the base frame."""

    def answered_stamp(self, message: Any) -> int | None:
        """Stamp in ns of the state that a command answers."""

    def obey(self, message: Any) -> str | None:
        """Give the robot a command; the reason if it refuses."""


def listen(
    node: Node, lock: RLock, kind: type, topic: str, profile: QoSProfile, change: Change
) -> None:
    """Subscribe; each message may change the robot, or is refused with a warning."""

    def receive(message: Any) -> None:
        with lock:
            reason = change(message)
        if reason is not None:
            node.get_logger().warning(f'{topic} refused: {reason}', throttle_duration_sec=1.0)

    node.create_subscription(kind, topic, receive, profile)


class ClockTopic:
    """/clock, for who listens."""

    def __init__(self, node: Node) -> None:
        """Offer the topic."""
        self._publisher = node.create_publisher(Clock, topics.CLOCK, qos.CLOCK)

    def publish(self, time_ns: int) -> None:
        """Publish the time; in lock-step nobody listens."""
        if self._publisher.get_subscription_count() > 0:
            self._publisher.publish(Clock(clock=to_stamp(time_ns)))


class Schedule:
    """Topics that are published every so often, and only if somebody listens."""

    def __init__(self) -> None:
        """Start without topics."""
        self._entries: list[tuple[Publisher, int, Callable[[int], Any]]] = []
        self._last_ns: int | None = None
        self._origin_ns = 0

    def add(self, publisher: Publisher, rate_hz: float, build: Callable[[int], Any]) -> None:
        """Publish what `build` makes of the time in ns, at a rate of the robot's time."""
        self._entries.append((publisher, round(NANOSECONDS / rate_hz), build))

    def restart(self, now_ns: int) -> None:
        """Let every topic be due now, and count its periods from now on."""
        self._origin_ns, self._last_ns = now_ns, None

    def publish(self, now_ns: int, *, every: bool = False) -> None:
        """Publish what is due, or all again."""
        last, self._last_ns = self._last_ns, now_ns
        for publisher, period_ns, build in self._entries:
            is_due = every or last is None
            if not is_due and last is not None:
                since = now_ns - self._origin_ns, last - self._origin_ns
                is_due = since[0] // period_ns != since[1] // period_ns
            if is_due and publisher.get_subscription_count() > 0:
                publisher.publish(build(now_ns))


class PositionCommands:
    """Commands of robots that take positions as ros2_control's forward controllers do."""

    message: ClassVar[type] = Float64MultiArray

    def __init__(self, simulation: RobotSimulation) -> None:
        """Take who obeys."""
        self._simulation = simulation

    def answered_stamp(self, message: Float64MultiArray) -> int | None:
        """Stamp in ns of the state that a command answers, None if it names none."""
        return answered_stamp(message)

    def obey(self, message: Float64MultiArray) -> str | None:
        """Give the robot the positions, in the order of its joints."""
        names = self._simulation.robot.joint_names
        return self._simulation.set_command(CommandMode.POSITION, names, list(message.data))


def fill_joint_state(message: Any, sample: JointSample) -> None:
    """Write a sample into a sensor_msgs/JointState that has its names already."""
    message.header.stamp = to_stamp(sample.stamp_ns)
    message.position = to_doubles(sample.position)
    message.velocity = to_doubles(sample.velocity)
    if sample.effort is not None:
        message.effort = to_doubles(sample.effort)
