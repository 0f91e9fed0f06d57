# SPDX-License-Identifier: Apache-2.0
"""Measures a state -> command round trip over real DDS between two processes.

This process publishes joint states; a second one, started here with `python -m`, answers each
with a joint command of the same stamp, as a robot and a guard do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import statistics
import subprocess
import sys
import threading
import time
import uuid

from intera_core_msgs.msg import JointCommand
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

JOINTS = 7
_COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class RoundTripError(Exception):
    """The two processes did not find or did not hear each other."""


@dataclass(frozen=True)
class RoundTrip:
    """Times of a number of round trips, in seconds."""

    discovery: float
    median: float
    worst: float
    count: int


class _Asker(Node):
    """Publishes states and remembers the stamp of the newest answer."""

    def __init__(self, topic: str) -> None:
        super().__init__('maxent_doctor')
        self.publisher = self.create_publisher(JointState, f'{topic}/state', _COMMAND)
        self.create_subscription(JointCommand, f'{topic}/command', self._on_command, _COMMAND)
        self._answered = -1

    def _on_command(self, message: JointCommand) -> None:
        self._answered = message.header.stamp.nanosec

    def spin_until(self, predicate: Callable[[], bool], timeout: float, failure: str) -> float:
        """Serve callbacks until the predicate holds; return how long it took."""
        start = time.monotonic()
        while not predicate():
            if time.monotonic() - start > timeout:
                raise RoundTripError(failure)
            rclpy.spin_once(self, timeout_sec=0.1)
        return time.monotonic() - start

    def ask(self, number: int) -> float:
        """Make one round trip; return its time in seconds."""
        message = JointState(position=[0.0] * JOINTS, velocity=[0.0] * JOINTS)
        message.header.stamp.nanosec = number
        start = time.perf_counter()
        self.publisher.publish(message)
        failure = f'no answer to message {number} within 2 s'
        self.spin_until(lambda: self._answered == number, 2.0, failure)
        return time.perf_counter() - start


def measure(count: int = 200, timeout: float = 15.0) -> RoundTrip:
    """Measure round trips to a second process in the current ROS domain.

    Args:
        count: number of round trips.
        timeout: seconds within which the two processes have to find each other.

    Raises:
        RoundTripError: they did not find or did not hear each other.
    """
    topic = f'/maxent_doctor_{uuid.uuid4().hex[:8]}'
    command = [sys.executable, '-m', __spec__.name, topic]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE
    ):  # leaving closes the pipe, which ends it
        rclpy.init(args=[])
        asker = _Asker(topic)
        try:
            discovery = asker.spin_until(
                lambda: (
                    asker.publisher.get_subscription_count() > 0
                    and asker.count_publishers(f'{topic}/command') > 0
                ),
                timeout,
                f'the second process was not discovered within {timeout:.0f} s',
            )
            times = [asker.ask(number) for number in range(count)]
        finally:
            asker.destroy_node()
            rclpy.try_shutdown()
    return RoundTrip(discovery, statistics.median(times), max(times), count)


def answer(topic: str) -> None:
    """Answer joint states with joint commands until standard input ends.

    Not until a signal comes: rclpy 7.1.6 can miss the wake-up of a signal and spin on for ever.
    """
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('maxent_doctor_answer')
    publisher = node.create_publisher(JointCommand, f'{topic}/command', _COMMAND)

    def on_state(state: JointState) -> None:
        publisher.publish(JointCommand(header=state.header, effort=[0.0] * JOINTS))

    node.create_subscription(JointState, f'{topic}/state', on_state, _COMMAND)
    asker_left = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), asker_left.set()), daemon=True).start()
    while not asker_left.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    answer(sys.argv[1])
