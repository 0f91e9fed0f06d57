# SPDX-License-Identifier: Apache-2.0
"""Kills a recorder while messages come, and measures how much of them is not in its bag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

from mcap.exceptions import McapError
from mcap.records import Message
from mcap.stream_reader import StreamReader
from rclpy.context import Context
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from maxent_ros import qos, topics

RATE_HZ = 200.0
FOUND_S = 60.0  # processes start slowly on a busy machine
PROGRAM = 'from maxent_learner.bag_recorder import main; main()'


def start_recorder(
    folder: Path, ros_environment: Mapping[str, str], **parameters: Any
) -> subprocess.Popen[bytes]:
    """Start a recorder as a process of its own; it makes its bag in `folder`."""
    command = [sys.executable, '-c', PROGRAM, '--ros-args']
    for name, value in {'folder': str(folder), **parameters}.items():
        command += ['-p', f'{name}:={json.dumps(value)}']
    return subprocess.Popen(command, env=dict(ros_environment))


def kill_once(folder: Path, after_s: float, ros_environment: Mapping[str, str]) -> float:
    """Kill a recorder (SIGKILL) and return the seconds of messages that its bag lacks at the end.

    Args:
        folder: The bag that it makes; must not exist.
        after_s: From the first message to the kill; they come at 200 Hz.
        ros_environment: Of the recorder, with ROS_DOMAIN_ID; this process must have the same
            discovery range.

    Raises:
        TimeoutError: the recorder has not subscribed.
        ValueError: messages are missing before the end of the bag.
    """
    context = Context()
    context.init(domain_id=int(ros_environment['ROS_DOMAIN_ID']))
    node = Node('talker', context=context)
    recorder = start_recorder(folder, ros_environment, topics=[topics.JOINT_STATES])
    try:
        stamps = _publish(node, after_s)
    finally:
        recorder.kill()
        recorder.wait()
        node.destroy_node()
        context.try_shutdown()
    found = list(stamps_in(folder / f'{folder.name}.mcap'))
    if found != stamps[: len(found)]:
        raise ValueError(f'{folder}: what is there is not what was published first')
    return (stamps[-1] - (found[-1] if found else stamps[0])) / 1e9


def stamps_in(path: Path) -> Iterator[int]:
    """Yield the stamps in ns of the joint states in a file, up to where it is cut off."""
    with path.open('rb') as file:
        try:
            for record in StreamReader(file, validate_crcs=True).records:
                if isinstance(record, Message):
                    stamp = deserialize_message(record.data, JointState).header.stamp
                    yield stamp.sec * 1_000_000_000 + stamp.nanosec
        except (McapError, EOFError):
            return


def _publish(node: Node, duration_s: float) -> list[int]:
    """Publish joint states once somebody listens; return their stamps in ns."""
    publisher = node.create_publisher(JointState, topics.JOINT_STATES, qos.EXPERIENCE)
    deadline = time.monotonic() + FOUND_S
    while publisher.get_subscription_count() == 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f'no recorder has subscribed within {FOUND_S:.0f} s')
        time.sleep(0.01)
    stamps = []
    begin = time.monotonic()
    message = JointState(name=['right_j0'], position=[0.0], velocity=[0.0], effort=[0.0])
    while (passed := time.monotonic() - begin) < duration_s:
        stamps.append(time.time_ns())
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamps[-1], 1_000_000_000)
        publisher.publish(message)
        time.sleep(max(0.0, len(stamps) / RATE_HZ - passed))
    return stamps
