# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that run the bridge over DDS."""

from __future__ import annotations

import threading

from intera_core_msgs.msg import JointCommand
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState

from maxent_robot.types import Command, CommandMode
from maxent_ros import qos
from maxent_ros.conversions import from_positions, to_ns
from maxent_ros.robot_topics import ROBOT_TOPICS
from maxent_ros.testing import ros as ros  # the fixture
from sim_bridge.bridge_node import TOPICS, BridgeNode


class Peer(Node):
    """Stands for the guard: notes joint states and may answer each with a command."""

    def __init__(self, robot='sawyer', **options):
        super().__init__('peer', **options)
        self.states: list[JointState] = []
        self.stamps: list[int] = []
        self.answer = None  # JointState -> command | None
        self.commands = self.create_publisher(*TOPICS[robot].command, qos.COMMAND)
        states = ROBOT_TOPICS[robot].joint_states
        self.create_subscription(JointState, states, self._on_state, qos.COMMAND)

    def _on_state(self, message):
        self.states.append(message)
        self.stamps.append(to_ns(message.header.stamp))
        command = self.answer(message) if self.answer is not None else None
        if command is not None:
            if isinstance(command, JointCommand):
                command.header.stamp = message.header.stamp
            self.commands.publish(command)


class Bridge:
    """A bridge whose control loop runs in a thread."""

    def __init__(self, ros, namespace, parameters):
        self.node = ros.add(BridgeNode, parameters=parameters, namespace=namespace)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.node.run, args=(self.stop,))
        self.thread.start()

    def end(self):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def start_bridge(ros):
    bridges = []

    def start(namespace='', **parameters):
        bridges.append(Bridge(ros, namespace, parameters))
        return bridges[-1]

    yield start
    for bridge in bridges:
        bridge.end()


@pytest.fixture
def send_to():
    """Make a peer send a robot with position servos to a pose: peer.answer = send_to(pose)."""

    def make(pose):
        values = np.asarray(pose, dtype=np.float64)
        return lambda state: from_positions(
            Command(to_ns(state.header.stamp), CommandMode.POSITION, values)
        )

    return make


@pytest.fixture
def add_peer(ros):
    def add(namespace='', robot='sawyer'):
        return ros.add(Peer, robot, namespace=namespace)

    return add
