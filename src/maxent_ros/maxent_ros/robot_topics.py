# SPDX-License-Identifier: Apache-2.0
"""Where each robot tells its state and is commanded: topics, their types and what they mean.

A robot is added by one entry in ROBOT_TOPICS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nav_msgs.msg import Odometry
import numpy as np
from numpy.typing import NDArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, Imu, JointState

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.state_assembly import StateAssembler
from maxent_robot.types import JointSample
from maxent_ros import conversions, qos, topics

PERIODS = 3  # of a signal: it is too old when it is older
UNIT = 0.1  # by which the square of a quaternion may differ from 1


@dataclass(frozen=True)
class SignalTopic:
    """A topic that carries a signal."""

    topic: str
    kind: type
    values: Callable[[Any], NDArray[Any]]  # of a message
    period_ns: int  # nominal, of a running robot


@dataclass(frozen=True)
class RobotTopics:
    """Topics by which a robot tells its state, and the one by which it is commanded."""

    joint_states: str
    command: str
    signals: Mapping[str, SignalTopic] = field(default_factory=dict)


def imu_values(message: Imu) -> NDArray[np.float64]:
    """Orientation w, x, y, z; angular velocity in rad/s, acceleration in m/s^2: (10,).

    The orientation is NaN where the message tells none: a first covariance of -1 (REP 145), or
    numbers that are no orientation. An identity there would look like a robot that stands upright.
    """
    q, w, a = message.orientation, message.angular_velocity, message.linear_acceleration
    values = np.array([q.w, q.x, q.y, q.z, w.x, w.y, w.z, a.x, a.y, a.z])
    norm = float(values[:4] @ values[:4])
    if message.orientation_covariance[0] == -1.0 or not 1.0 - UNIT < norm < 1.0 + UNIT:
        values[:4] = np.nan
    return values


def odometry_values(message: Odometry) -> NDArray[np.float64]:
    """Position in m, orientation w, x, y, z, velocities in the body frame, m/s, rad/s: (13,)."""
    p, q = message.pose.pose.position, message.pose.pose.orientation
    v, w = message.twist.twist.linear, message.twist.twist.angular
    return np.array([p.x, p.y, p.z, q.w, q.x, q.y, q.z, v.x, v.y, v.z, w.x, w.y, w.z])


def valve_values(message: JointState) -> NDArray[np.float64]:
    """Angle in rad and speed in rad/s of the only joint: (2,); empty if malformed."""
    if len(message.position) != 1 or len(message.velocity) != 1:
        return np.empty(0)
    return np.array([message.position[0], message.velocity[0]])


def image_values(message: Image) -> NDArray[np.uint8]:
    """Pixels of an rgb8 image, row by row: (height * width * 3,); empty if of another kind."""
    row = 3 * message.width
    if (
        message.encoding != 'rgb8'
        or message.step != row
        or len(message.data) != message.height * row
    ):
        return np.empty(0, np.uint8)
    return np.frombuffer(message.data, np.uint8)


ROBOT_TOPICS: Mapping[str, RobotTopics] = {
    'sawyer': RobotTopics(topics.JOINT_STATES, topics.JOINT_COMMAND),
    'minitaur': RobotTopics(
        topics.MINITAUR_JOINT,
        topics.MINITAUR_COMMAND,
        {
            'imu': SignalTopic(topics.MINITAUR_IMU, Imu, imu_values, 6_000_000),
            'odometry': SignalTopic(
                topics.MINITAUR_ODOMETRY, Odometry, odometry_values, 10_000_000
            ),
        },
    ),
    'dclaw': RobotTopics(
        topics.DCLAW_JOINT_STATES,
        topics.DCLAW_COMMAND,
        {
            'valve': SignalTopic(topics.DCLAW_VALVE, JointState, valve_values, 10_000_000),
            'camera': SignalTopic(topics.DCLAW_IMAGE, Image, image_values, 100_000_000),
        },
    ),
}


class StateSource:
    """Subscriptions to the topics of a robot's state, put together for one listener."""

    def __init__(
        self,
        node: Node,
        spec: RobotSpec,
        signals: Sequence[str],
        on_state: Callable[[JointSample], None],
        *,
        lockstep: bool,
    ) -> None:
        """Subscribe to the joint states and to these signals of the robot.

        Raises:
            ValueError: no topics are known for the robot; names those that are.
        """
        if spec.name not in ROBOT_TOPICS:
            raise ValueError(
                f"no topics are known for robot '{spec.name}'; known robots: "
                f'{sorted(ROBOT_TOPICS)}'
            )
        known = ROBOT_TOPICS[spec.name]
        self._node = node
        wanted = {name: known.signals[name] for name in signals}
        ages = {name: PERIODS * signal.period_ns for name, signal in wanted.items()}
        self._assembler = StateAssembler(ages, on_state, exact=lockstep)
        self._subscriptions: list[Subscription] = [
            node.create_subscription(
                JointState,
                known.joint_states,
                lambda m: self._assembler.on_joints(conversions.to_joint_sample(m)),
                qos.COMMAND,
                event_callbacks=SubscriptionEventCallbacks(),  # warn of another QoS
            ),
            *(self._subscribe(name, signal) for name, signal in wanted.items()),
        ]

    @property
    def incomplete(self) -> int:
        """Joint states that could not be used for want of another signal."""
        return self._assembler.incomplete

    def close(self) -> None:
        """End the subscriptions."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, name: str, signal: SignalTopic) -> Subscription:
        def receive(message: Any) -> None:
            stamp_ns = conversions.to_ns(message.header.stamp)
            self._assembler.on_signal(name, stamp_ns, signal.values(message))

        profile = qos.SENSOR if signal.kind is Image else qos.COMMAND
        return self._node.create_subscription(signal.kind, signal.topic, receive, profile)
