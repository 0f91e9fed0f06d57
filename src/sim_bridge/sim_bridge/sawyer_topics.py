# SPDX-License-Identifier: Apache-2.0
"""The simulated Sawyer on the topics of the real one: what it takes; see state_publishers too."""

from __future__ import annotations

from threading import RLock

from intera_core_msgs.msg import JointCommand
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool, Empty, Float64, UInt16

from maxent_robot.types import Vector
from maxent_ros import qos, topics
from maxent_ros.conversions import to_ns
from sim_bridge.bridge_topics import Change, listen
from sim_bridge.sawyer_controller import ControlMode
from sim_bridge.simulation import SawyerSimulation
from sim_bridge.state_publishers import LIMB, StatePublishers

COMMAND_FIELDS = {
    ControlMode.POSITION: 'position',
    ControlMode.VELOCITY: 'velocity',
    ControlMode.TORQUE: 'effort',
    ControlMode.TRAJECTORY: 'position',
}


class SawyerTopics:
    """RobotTopics of the Sawyer."""

    command = JointCommand, topics.JOINT_COMMAND
    trajectory = topics.FOLLOW_JOINT_TRAJECTORY

    def __init__(self, node: Node, simulation: SawyerSimulation) -> None:
        """Offer the topics."""
        self._node, self._simulation = node, simulation
        self._states = StatePublishers(node, simulation)

    def listen(self, lock: RLock) -> None:
        """Connect the robot's own topics; each change may be refused with a reason."""
        simulation, controller = self._simulation, self._simulation.controller
        table: tuple[tuple[type, str, QoSProfile, Change], ...] = (
            (Float64, topics.JOINT_COMMAND_TIMEOUT, qos.LATCHED,
             lambda message: controller.set_timeout(message.data)),
            (Float64, topics.SET_SPEED_RATIO, qos.LATCHED,
             lambda message: controller.set_speed_ratio(message.data)),
            (Empty, LIMB + 'suppress_gravity_compensation', qos.COMMAND,
             lambda _message: simulation.suppress_gravity_compensation()),
            (Bool, topics.SET_SUPER_ENABLE, qos.EVENTS,
             lambda message: simulation.enable(message.data)),
            (Empty, topics.SET_SUPER_STOP, qos.EVENTS, lambda _message: simulation.stop()),
            (Empty, topics.SET_SUPER_RESET, qos.EVENTS, lambda _message: simulation.clear_stop()),
            (UInt16, topics.JOINT_STATE_PUBLISH_RATE, qos.COMMAND,
             lambda message: self._states.set_joint_state_rate(message.data)),
        )  # fmt: skip
        for kind, topic, profile, change in table:
            listen(self._node, lock, kind, topic, profile, change)

    def publish(self, *, every_state: bool) -> None:
        """Publish what is due, joint states at once if `every_state`."""
        self._states.publish(every_state=every_state)

    def republish(self) -> None:
        """Publish everything again."""
        self._states.republish()

    def restarted(self) -> None:
        """Do nothing: all topics keep their pace."""

    def goal_shown(self, point: Vector) -> None:
        """Do nothing: the marker in the picture is enough."""

    def answered_stamp(self, message: JointCommand) -> int | None:
        """Stamp in ns of the state that a command answers."""
        return to_ns(message.header.stamp)

    def obey(self, message: JointCommand) -> str | None:
        """Give the robot a command in whichever mode it names."""
        name = COMMAND_FIELDS.get(message.mode, 'position')
        values = np.array(getattr(message, name))
        return self._simulation.set_command(message.mode, message.names, values)
