# SPDX-License-Identifier: Apache-2.0
"""Records the topics of a system to a rosbag2 folder in MCAP, as `ros2 bag record` would.

Serialised messages are stored as they come; none is decoded. Types and quality of service come
from the graph, so nodes may start in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import importlib
from pathlib import Path
import shutil
import sys
import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from maxent_learner.bag_file import BagFile, UnknownTypeError
from maxent_learner.trainer_config import setting
from maxent_ros import qos, topics
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.parameters import ParameterError, declare
from maxent_ros.runtime import run_node

SYSTEM_TOPICS = (
    topics.CLOCK,
    topics.JOINT_STATES,
    topics.ENDPOINT_STATE,
    topics.ROBOT_STATE,
    topics.JOINT_LIMITS,
    topics.JOINT_COMMAND,
    topics.SET_SPEED_RATIO,
    topics.JOINT_COMMAND_TIMEOUT,
    topics.SET_SUPER_ENABLE,
    topics.SET_SUPER_STOP,
    topics.SET_SUPER_RESET,
    topics.MINITAUR_JOINT,
    topics.MINITAUR_IMU,
    topics.MINITAUR_ODOMETRY,
    topics.MINITAUR_COMMAND,
    topics.MINITAUR_LEG_COMMAND,
    topics.MINITAUR_SET_BEHAVIOR_MODE,
    topics.MINITAUR_BEHAVIOR_MODE,
    topics.MINITAUR_BATTERY,
    topics.DCLAW_JOINT_STATES,
    topics.DCLAW_VALVE,
    topics.DCLAW_VALVE_GOAL,
    topics.DCLAW_IMAGE,
    topics.DCLAW_CAMERA_INFO,
    topics.DCLAW_COMMAND,
    topics.POLICY_ACTION,
    topics.STEP,
    topics.APPLIED_COMMAND,
    topics.SAFETY_STATUS,
    topics.EMERGENCY_STOP,
    topics.LEARNER_STATUS,
    topics.POLICY_CHUNK,
    topics.GOAL,
    topics.DIAGNOSTICS,
)
DISCOVERY_PERIOD_S = 0.1
FLUSH_PERIOD_S = 1.0  # what a killed recorder loses at most
MEGABYTE = 1e6


@dataclass(frozen=True)
class RecorderConfig:
    """Settings of the recorder."""

    folder: str = setting('bag', 'rosbag2 folder to make; if it exists, a number is added')
    topics: tuple[str, ...] = setting(
        SYSTEM_TOPICS, 'topics to record once somebody publishes them, relative to the namespace'
    )
    minimum_free_megabytes: float = setting(
        1000.0, 'the bag is closed when less than this is left on the disk', 0.0
    )


class BagRecorder(Node):
    """Subscribes to every wanted topic that has a publisher."""

    def __init__(self, **node_options: object) -> None:
        """Open the bag.

        Raises:
            ParameterError: the bag cannot be written, or a parameter cannot be.
        """
        super().__init__('recorder', **node_options)
        config = declare(self, RecorderConfig)
        self._minimum_free = config.minimum_free_megabytes * MEGABYTE
        self._wanted = {self.resolve_topic_name(topic) for topic in config.topics}
        path = free_path(Path(config.folder))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._bag: BagFile | None = BagFile(path)
        except OSError as error:
            raise ParameterError(
                f"parameter 'folder': cannot record in {path}: {error}"
            ) from error
        self._path, self._counts = path, self._bag.counts
        self._trouble = ''
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # /clock may stand still
        self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self.create_timer(FLUSH_PERIOD_S, self._flush, clock=steady)
        self._diagnostics = Diagnostics(self, 'recording', self._report)
        self._discover()
        self.get_logger().info(f'recording to {path}')

    @property
    def counts(self) -> dict[str, int]:
        """Messages recorded, by topic."""
        return dict(self._counts)

    @property
    def path(self) -> Path:
        """The bag's folder."""
        return self._path

    def close(self) -> None:
        """Complete the bag and says what is in it."""
        if self._bag is not None:
            bag, self._bag = self._bag, None
            bag.close()
            self.get_logger().info(f'{self._path}: {summary(self._counts)}')

    def _discover(self) -> None:
        for topic in sorted(self._wanted):
            if self._bag is None:
                return
            publishers = self.get_publishers_info_by_topic(topic)
            if publishers:
                self._wanted.discard(topic)
                self._subscribe(topic, publishers)

    def _subscribe(self, topic: str, publishers: list[TopicEndpointInfo]) -> None:
        type_name = publishers[0].topic_type
        assert self._bag is not None
        try:
            message_type = message_class(type_name)
            self._bag.add_topic(topic, type_name, [_to_rosbags(p.qos_profile) for p in publishers])
        except (UnknownTypeError, AttributeError, ModuleNotFoundError, ValueError) as error:
            self.get_logger().error(f'not recorded: {topic} of type {type_name}: {error}')
            return
        self.create_subscription(
            message_type, topic, self._writer_of(topic), matching_qos(publishers), raw=True
        )

    def _writer_of(self, topic: str) -> Callable[[bytes, dict[str, Any]], None]:
        def write(data: bytes, info: dict[str, Any]) -> None:
            if self._bag is not None:
                received_ns = info['received_timestamp'] or time.time_ns()
                self._guarded(lambda bag: bag.write(topic, received_ns, data))

        return write

    def _flush(self) -> None:
        if self._bag is None:
            return
        self._guarded(BagFile.flush)
        free = shutil.disk_usage(self._path).free
        if free < self._minimum_free:
            self._stop(f'only {free / MEGABYTE:.0f} MB are left on the disk')

    def _guarded(self, write: Callable[[BagFile], None]) -> None:
        """Write; a fault of the disk ends the recording, never the process."""
        if self._bag is None:
            return
        try:
            write(self._bag)
        except OSError as error:
            self._stop(str(error))

    def _stop(self, reason: str) -> None:
        self._trouble = f'recording to {self._path} has stopped: {reason}'
        self.get_logger().error(self._trouble)
        try:
            self.close()
        except OSError as error:
            self.get_logger().error(f'{self._path} has no index ({error}): use `mcap recover`')

    def _report(self) -> Report:
        if self._trouble:
            return Report(Health.ERROR, self._trouble, self.counts)
        return Report(Health.OK, f'recording to {self._path}', self.counts)


def free_path(path: Path) -> Path:
    """Return the path, or path_2, path_3, ... if it exists."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f'{path.name}_{number}')
        number += 1
    return free


def message_class(type_name: str) -> type:
    """Return the Python class of a type such as 'std_msgs/msg/Empty'.

    Raises:
        ModuleNotFoundError, AttributeError: the type is not installed.
    """
    package, kind, name = type_name.split('/')
    found: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return found


def summary(counts: dict[str, int]) -> str:
    """Return a line of text such as '120 messages: 100 /a, 20 /b'."""
    parts = ', '.join(f'{count} {topic}' for topic, count in sorted(counts.items()))
    return f'{sum(counts.values())} messages' + (f': {parts}' if parts else '')


def matching_qos(publishers: list[TopicEndpointInfo]) -> QoSProfile:
    """Return the strictest profile that still hears every one of the publishers."""
    offered = [publisher.qos_profile for publisher in publishers]
    reliable = all(q.reliability == ReliabilityPolicy.RELIABLE for q in offered)
    latched = all(q.durability == DurabilityPolicy.TRANSIENT_LOCAL for q in offered)
    return QoSProfile(
        depth=qos.EXPERIENCE.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _to_rosbags(profile: QoSProfile) -> Qos:
    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        _to_time(profile.deadline),
        _to_time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        _to_time(profile.liveliness_lease_duration),
        profile.avoid_ros_namespace_conventions,
    )


def _to_time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 1_000_000_000))


def main() -> None:
    """Record until Ctrl-C."""
    sys.exit(run_node(BagRecorder))
