# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that run the bridge over DDS."""

from __future__ import annotations

import threading

from intera_core_msgs.msg import JointCommand
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState

from maxent_ros import qos, topics
from maxent_ros.conversions import to_ns
from maxent_ros.testing import ros as ros  # the fixture
from sim_bridge.bridge_node import BridgeNode


class Peer(Node):
    """Stands for the guard: notes joint states and may answer each with a command."""

    def __init__(self, **options):
        super().__init__('peer', **options)
        self.states: list[JointState] = []
        self.stamps: list[int] = []
        self.answer = None  # JointState -> JointCommand | None
        self.commands = self.create_publisher(JointCommand, topics.JOINT_COMMAND, qos.COMMAND)
        self.create_subscription(JointState, topics.JOINT_STATES, self._on_state, qos.COMMAND)

    def _on_state(self, message):
        self.states.append(message)
        self.stamps.append(to_ns(message.header.stamp))
        command = self.answer(message) if self.answer is not None else None
        if command is not None:
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
def add_peer(ros):
    def add(namespace=''):
        return ros.add(Peer, namespace=namespace)

    return add
