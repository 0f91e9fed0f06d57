# SPDX-License-Identifier: Apache-2.0
"""What the simulated Sawyer says about itself on its own topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import Point, Pose, Quaternion, Twist, Vector3
from intera_core_msgs.msg import (
    CollisionDetectionState,
    EndpointState,
    EndpointStates,
    JointLimits,
    RobotAssemblyState,
    SEAJointState,
)
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from maxent_robot.types import NANOSECONDS
from maxent_ros import qos, topics
from maxent_ros.conversions import to_doubles, to_stamp
from sim_bridge.simulation import TIP, SawyerSimulation

BASE_FRAME = 'base'
LIMB = 'robot/limb/right/'
DEFAULT_RATE = 100  # Hz


class StatePublishers:
    """Publishes the state of a simulation; all but time and joint states only on demand."""

    def __init__(self, node: Node, simulation: SawyerSimulation) -> None:
        """Offer the topics, and publish the joint limits, which are latched."""
        self._simulation = simulation
        robot = simulation.robot
        self._names = list(robot.joint_names)
        self._joint_state = JointState(name=self._names)
        self._joint_state.header.frame_id = BASE_FRAME
        self._joint_states = node.create_publisher(JointState, topics.JOINT_STATES, qos.RECORDED)
        self._clock = node.create_publisher(Clock, topics.CLOCK, qos.CLOCK)
        self._limits = node.create_publisher(JointLimits, topics.JOINT_LIMITS, qos.LATCHED)
        self._limits.publish(self._joint_limits())
        builders: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
            (JointState, 'joint_states', lambda _header: self._joint_state),
            (RobotAssemblyState, topics.ROBOT_STATE, self._assembly),
            (EndpointState, topics.ENDPOINT_STATE, self._endpoint),
            (EndpointStates, LIMB + 'tip_states', self._tips),
            (SEAJointState, LIMB + 'gravity_compensation_torques', self._gravity),
            (CollisionDetectionState, LIMB + 'collision_detection_state', self._collision),
        )
        self._on_demand: list[tuple[Publisher, Callable[[Any], Any]]] = [
            (node.create_publisher(kind, name, qos.RECORDED), build)
            for kind, name, build in builders
        ]
        self._period_ns = NANOSECONDS // DEFAULT_RATE
        self._joint_period_ns = self._period_ns
        self._last_ns: int | None = None

    def set_joint_state_rate(self, rate: int) -> str | None:
        """Set joint states per second of robot time (more than one per guard period cannot be).

        Returns the reason if the rate is refused.
        """
        if not 1 <= rate <= 1000:
            return f'the rate must be 1..1000 Hz, is {rate}'
        self._joint_period_ns = NANOSECONDS // rate
        return None

    def publish(self, *, every_state: bool) -> None:
        """Publish what is due at the simulation's time; joint states if `every_state` at once."""
        now, last = self._simulation.time_ns, self._last_ns
        self._last_ns = now
        is_due = [
            last is None or now // period != last // period
            for period in (self._joint_period_ns, self._period_ns)
        ]
        self._publish(joint_states=every_state or is_due[0], rest=is_due[1])

    def republish(self) -> None:
        """Publish everything again, due or not."""
        self._publish(joint_states=True, rest=True)

    def _publish(self, *, joint_states: bool, rest: bool) -> None:
        message, sample = self._joint_state, self._simulation.joint_sample()
        stamp = to_stamp(sample.stamp_ns)
        message.header.stamp = stamp
        message.position = to_doubles(sample.position)
        message.velocity = to_doubles(sample.velocity)
        message.effort = to_doubles(self._simulation.efforts())
        if joint_states:
            self._joint_states.publish(message)
        if self._clock.get_subscription_count() > 0:  # nobody listens in lock-step
            self._clock.publish(Clock(clock=stamp))
        if not rest:
            return
        header = Header(stamp=stamp, frame_id=BASE_FRAME)
        for publisher, build in self._on_demand:
            if publisher.get_subscription_count() > 0:
                publisher.publish(build(header))

    def _assembly(self, _header: Header) -> RobotAssemblyState:
        state = self._simulation.controller.state
        return RobotAssemblyState(
            homed=state.homed,
            ready=state.ready,
            enabled=state.enabled,
            stopped=state.stopped,
            error=state.error,
            estop_button=RobotAssemblyState.ESTOP_BUTTON_UNPRESSED,
            estop_source=int(state.estop_source),
        )

    def _endpoint(self, header: Header) -> EndpointState:
        tip = self._simulation.endpoint()
        w, x, y, z = tip.quaternion.tolist()
        position = Point(**dict(zip('xyz', tip.position.tolist(), strict=True)))
        linear, angular = (
            Vector3(**dict(zip('xyz', velocity.tolist(), strict=True)))
            for velocity in (tip.linear_velocity, tip.angular_velocity)
        )
        return EndpointState(
            header=header,
            pose=Pose(position=position, orientation=Quaternion(w=w, x=x, y=y, z=z)),
            twist=Twist(linear=linear, angular=angular),
            valid=True,
        )

    def _tips(self, header: Header) -> EndpointStates:
        return EndpointStates(header=header, names=[TIP], states=[self._endpoint(header)])

    def _gravity(self, header: Header) -> SEAJointState:
        simulation = self._simulation
        sample, gravity = simulation.joint_sample(), to_doubles(simulation.gravity_torques())
        effort = to_doubles(simulation.efforts())
        return SEAJointState(
            header=header,
            name=self._names,
            commanded_effort=effort,
            actual_position=to_doubles(sample.position),
            actual_velocity=to_doubles(sample.velocity),
            actual_effort=effort,
            gravity_model_effort=gravity,
            gravity_only=gravity,
        )

    def _collision(self, header: Header) -> CollisionDetectionState:
        return CollisionDetectionState(
            header=header, collision_state=self._simulation.in_collision()
        )

    def _joint_limits(self) -> JointLimits:
        limits = self._simulation.robot.limits
        return JointLimits(
            joint_names=self._names,
            position_lower=to_doubles(limits.position_lower),
            position_upper=to_doubles(limits.position_upper),
            velocity=to_doubles(limits.velocity),
            accel=to_doubles(limits.acceleration),
            effort=to_doubles(limits.effort),
        )
