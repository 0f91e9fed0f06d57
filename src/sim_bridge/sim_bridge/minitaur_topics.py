# SPDX-License-Identifier: Apache-2.0
"""The simulated Minitaur on Ghost Robotics' topics; where there are none, on ros2_control's."""

from __future__ import annotations

from threading import RLock
from typing import Any

from geometry_msgs.msg import Point, Pose, Quaternion, Twist, Vector3
from nav_msgs.msg import Odometry
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import BatteryState, Imu, JointState
from std_msgs.msg import Float64MultiArray, UInt32

from maxent_robot.robots.minitaur import motor_angles
from maxent_robot.types import CommandMode, Vector
from maxent_ros import qos, topics
from maxent_ros.conversions import to_doubles, to_stamp
from sim_bridge.bridge_topics import (
    ClockTopic,
    PositionCommands,
    Schedule,
    fill_joint_state,
    listen,
)
from sim_bridge.minitaur_simulation import MinitaurSimulation

IMU_FRAME, WORLD_FRAME, BODY_FRAME = 'imu', 'odom', 'base'
STOPPED, COMMANDED = 0, 1  # behaviour modes
# Joints of pybullet's minitaur_rainbow_dash.urdf, in the order of the simulation: each motor's
# angle (see robots/minitaur.py), then that of the knee it carries.
URDF_NAMES = tuple(
    f'{joint}_{leg}{side}_joint'
    for leg in ('front_left', 'back_left', 'front_right', 'back_right')
    for side in 'LR'
    for joint in ('motor', 'knee')
)


class MinitaurTopics(PositionCommands):
    """RobotTopics of the Minitaur. Joint states, IMU and odometry come with every tick."""

    command = PositionCommands.message, topics.MINITAUR_COMMAND
    trajectory = topics.MINITAUR_TRAJECTORY

    def __init__(self, node: Node, simulation: MinitaurSimulation) -> None:
        """Offer the topics."""
        super().__init__(simulation)
        self._node, self._robot = node, simulation
        self._clock = ClockTopic(node)
        self._joint_state = JointState(name=list(simulation.robot.joint_names))
        self._joints = node.create_publisher(JointState, topics.MINITAUR_JOINT, qos.RECORDED)
        tick_rate = 1e9 / simulation.robot.guard_period_ns
        self._schedule = Schedule()
        for kind, name, rate, build in (
            (Imu, topics.MINITAUR_IMU, tick_rate, self._imu),
            (Odometry, topics.MINITAUR_ODOMETRY, tick_rate, self._odometry),
            (JointState, topics.MINITAUR_JOINT_URDF, 50.0, self._joint_urdf),
            (JointState, 'joint_states', 50.0, self._joint_urdf),
            (Pose, topics.MINITAUR_POSE, 100.0, self._pose),
            (BatteryState, topics.MINITAUR_BATTERY, 1.0, self._battery),
            (UInt32, topics.MINITAUR_BEHAVIOR_ID, 10.0, lambda _now: UInt32(data=0)),
            (UInt32, topics.MINITAUR_BEHAVIOR_MODE, 10.0, self._behavior_mode),
        ):
            self._schedule.add(node.create_publisher(kind, name, qos.RECORDED), rate, build)

    def listen(self, lock: RLock) -> None:
        """Take behaviour modes and leg commands."""
        for kind, topic, profile, change in (
            (UInt32, topics.MINITAUR_SET_BEHAVIOR_MODE, qos.EVENTS, self._set_mode),
            (Float64MultiArray, topics.MINITAUR_LEG_COMMAND, qos.COMMAND, self._leg_command),
            (Twist, topics.MINITAUR_CMD_VEL, qos.EVENTS, _no_gait),
            (UInt32, topics.MINITAUR_SET_BEHAVIOR_ID, qos.EVENTS, _no_gait),
        ):
            listen(self._node, lock, kind, topic, profile, change)

    def publish(self, *, every_state: bool) -> None:
        """Publish what is due."""
        del every_state  # there is one at each tick
        self._publish(every=False)

    def republish(self) -> None:
        """Publish everything again."""
        self._publish(every=True)

    def restarted(self) -> None:
        """Publish everything with the first state."""
        self._schedule.restart(self._robot.time_ns)

    def goal_shown(self, point: Vector) -> None:
        """Do nothing: the marker in the picture is enough."""

    def _publish(self, *, every: bool) -> None:
        fill_joint_state(self._joint_state, self._robot.joint_sample())
        self._schedule.publish(self._robot.time_ns, every=every)
        self._joints.publish(self._joint_state)
        self._clock.publish(self._robot.time_ns)

    def _set_mode(self, message: UInt32) -> str | None:
        if message.data not in (STOPPED, COMMANDED):
            return f'behaviour mode {message.data} is unknown; known are 0 (stop) and 1 (commands)'
        self._robot.enable(message.data == COMMANDED)
        return None

    def _leg_command(self, message: Float64MultiArray) -> str | None:
        values = np.array(message.data)
        if values.shape != (8,):
            return f'8 numbers are needed, 4 swings and 4 extensions in rad, got {len(values)}'
        names = self._robot.robot.joint_names
        motors = motor_angles(values[:4], values[4:])
        return self._robot.set_command(CommandMode.POSITION, names, motors)

    def _imu(self, now_ns: int) -> Imu:
        values = self._robot.signal('imu').tolist()
        message = Imu(
            orientation=_quaternion(values[:4]),
            angular_velocity=_vector(values[4:7]),
            linear_acceleration=_vector(values[7:]),
        )
        message.header.stamp, message.header.frame_id = to_stamp(now_ns), IMU_FRAME
        return message

    def _odometry(self, now_ns: int) -> Odometry:
        values = self._robot.signal('odometry').tolist()
        message = Odometry(child_frame_id=BODY_FRAME)
        message.header.stamp, message.header.frame_id = to_stamp(now_ns), WORLD_FRAME
        message.pose.pose = _pose(values)
        message.twist.twist.linear = _vector(values[7:10])
        message.twist.twist.angular = _vector(values[10:])
        return message

    def _pose(self, _now_ns: int) -> Pose:
        return _pose(self._robot.signal('odometry').tolist())

    def _joint_urdf(self, now_ns: int) -> JointState:
        _, position, velocity = self._robot.urdf_joints()
        message = JointState(
            name=URDF_NAMES, position=to_doubles(position), velocity=to_doubles(velocity)
        )
        message.header.stamp = to_stamp(now_ns)
        return message

    def _battery(self, now_ns: int) -> BatteryState:
        message = BatteryState(voltage=self._robot.battery_voltage, present=True)
        message.header.stamp = to_stamp(now_ns)
        return message

    def _behavior_mode(self, _now_ns: int) -> UInt32:
        return UInt32(data=COMMANDED if self._robot.state.can_move else STOPPED)


def _no_gait(_message: object) -> str:
    """Refuse what only Ghost's own firmware can do."""
    return f'a simulated Minitaur has no gait of its own: send joints to {topics.MINITAUR_COMMAND}'


def _quaternion(values: list[float]) -> Quaternion:
    w, x, y, z = values
    return Quaternion(w=w, x=x, y=y, z=z)


def _vector(values: list[float]) -> Vector3:
    x, y, z = values
    return Vector3(x=x, y=y, z=z)


def _pose(values: list[Any]) -> Pose:
    x, y, z = values[:3]
    return Pose(position=Point(x=x, y=y, z=z), orientation=_quaternion(values[3:7]))
