# SPDX-License-Identifier: Apache-2.0
"""Records the topics of a system to a rosbag2 folder in MCAP, as `ros2 bag record` would.

Serialised messages are stored as they come; none is decoded. Types and quality of service come
from the graph, so nodes may start in any order. Callbacks only put messages into a queue, which
another thread writes. What did not arrive or was dropped is counted by topic: in /diagnostics, in
the last line of the log and in recording.json, which the folder holds beside the bag.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import sys
import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from maxent_learner.bag_file import BagFile, Split
from maxent_learner.bag_metadata import Topic
from maxent_learner.mcap_output import Message
from maxent_learner.message_definitions import Definitions, UnknownTypeError, message_class
from maxent_learner.recorder_config import (
    LATCHED_DEPTHS,
    MEGABYTE,
    SYSTEM_TOPICS,
    RecorderConfig,
)
from maxent_learner.recorder_qos import is_latched, is_stricter, matching_qos, to_rosbags
from maxent_learner.recording import Recording
from maxent_learner.recording_summary import RecordingSummary, TopicSummary, write_summary
from maxent_learner.sequence_gaps import SequenceGaps
from maxent_learner.software import commit
from maxent_ros import node_names
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.lean_node import LeanNode
from maxent_ros.parameters import ParameterError, declare
from maxent_ros.runtime import run_node

__all__ = ['SYSTEM_TOPICS', 'BagRecorder', 'RecorderConfig', 'free_path', 'main']

DISCOVERY_PERIOD_S = 0.1
WATCH_PERIOD_S = 1.0


class BagRecorder(LeanNode):
    """Subscribes to every wanted topic that has a publisher."""

    def __init__(self, **node_options: object) -> None:
        """Open the bag.

        Raises:
            ParameterError: the bag cannot be written, or a parameter cannot be.
        """
        super().__init__(node_names.RECORDER, **node_options)
        config = declare(self, RecorderConfig)
        self._wanted = {self.resolve_topic_name(topic) for topic in config.topics}
        self._depths = {self.resolve_topic_name(t): n for t, n in LATCHED_DEPTHS.items()}
        self._subscribed: dict[str, Subscription] = {}
        self._gaps: dict[str, SequenceGaps] = {}
        self._definitions = Definitions()
        self._path = free_path(Path(config.folder))
        self._recording = Recording(
            self._make_bag(config),
            config.queue_megabytes * MEGABYTE,
            config.minimum_free_megabytes * MEGABYTE,
        )
        self._is_closed = False
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # /clock may stand still
        self._own_timers = [
            self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady),
            self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady),
        ]
        self._diagnostics = Diagnostics(self, 'recording', self._report)
        self._discover()
        self.get_logger().info(f'recording to {self._path}')

    @property
    def counts(self) -> dict[str, int]:
        """Messages recorded, by topic."""
        return self._recording.counts

    @property
    def path(self) -> Path:
        """The bag's folder."""
        return self._path

    @property
    def trouble(self) -> str:
        """Why the recording ended by itself; empty if it did not."""
        return self._recording.trouble

    @property
    def summary(self) -> RecordingSummary:
        """What has been recorded, and what is missing."""
        dropped = self._recording.dropped
        by_topic = {
            topic: TopicSummary(
                count, self._gaps[topic].lost, dropped.get(topic, 0), self._gaps[topic].unclear
            )
            for topic, count in sorted(self.counts.items())
        }
        return RecordingSummary(by_topic, *self._recording.extent, self.trouble)

    def close(self) -> None:
        """Complete the bag and say what is in it."""
        if self._is_closed:
            return
        self._is_closed = True
        self._recording.close()
        self.get_logger().info(f'{self._path}: {self.summary}')
        try:
            write_summary(self._path, self.summary)
        except OSError as error:
            self.get_logger().error(f'no summary in {self._path}: {error}')

    def _make_bag(self, config: RecorderConfig) -> BagFile:
        about = {'commit': commit() or '', **config.about_values}
        split = Split(config.split_megabytes * MEGABYTE, config.split_seconds)
        try:
            return BagFile(self._path, about, split)
        except OSError as error:
            raise ParameterError(
                f"parameter 'folder': cannot record in {self._path}: {error}"
            ) from error

    def _discover(self) -> None:
        """Subscribe to what somebody publishes; end when the recording did."""
        if self.trouble:
            self._stop()
            return
        there = {name for name, _ in self.get_topic_names_and_types()}
        for topic in sorted(self._wanted & there):
            publishers = self.get_publishers_info_by_topic(topic)
            if publishers:
                self._wanted.discard(topic)
                self._record(topic, publishers)

    def _record(self, topic: str, publishers: list[TopicEndpointInfo]) -> None:
        type_name = publishers[0].topic_type
        try:
            message_type = message_class(type_name)
            text, installed_hash = self._definitions.text_and_hash(type_name)
        except (UnknownTypeError, AttributeError, ModuleNotFoundError, ValueError) as error:
            self.get_logger().error(f'not recorded: {topic} of type {type_name}: {error}')
            return
        type_hash = str(publishers[0].topic_type_hash)
        if type_hash != installed_hash:
            self.get_logger().error(
                f'{topic}: {type_name} of {publishers[0].node_name} is {type_hash}, the one '
                f'installed here {installed_hash}: the bag cannot be decoded without the former'
            )
        offered = tuple(to_rosbags(each.qos_profile) for each in publishers)
        kept = max(self._depths.get(topic, 1), len(publishers)) if is_latched(publishers) else 0
        self._gaps[topic] = SequenceGaps(lambda: self._publishers_of(topic))
        self._recording.add_topic(Topic(topic, type_name, text, type_hash, offered, kept))
        self._subscribe(topic, message_type, matching_qos(publishers))

    def _subscribe(self, topic: str, message_type: type, profile: QoSProfile) -> None:
        former = self._subscribed.pop(topic, None)
        if former is not None:
            self.destroy_subscription(former)
        self._subscribed[topic] = self.create_subscription(
            message_type, topic, self._writer_of(topic), profile, raw=True
        )

    def _writer_of(self, topic: str) -> Callable[[bytes, dict[str, Any]], None]:
        gaps, offer = self._gaps[topic], self._recording.offer

        def write(data: bytes, info: dict[str, Any]) -> None:
            received_ns = info['received_timestamp'] or time.time_ns()
            sequence = info['publication_sequence_number'] or 0
            gaps.see(sequence)
            published_ns = info['source_timestamp'] or received_ns
            offer(Message(topic, received_ns, published_ns, sequence, data))

        return write

    def _publishers_of(self, topic: str) -> frozenset[bytes]:
        return frozenset(
            bytes(each.endpoint_gid) for each in self.get_publishers_info_by_topic(topic)
        )

    def _watch(self) -> None:
        """Hear also publishers that came later and offer less than those before."""
        for topic, subscription in list(self._subscribed.items()):
            publishers = self.get_publishers_info_by_topic(topic)
            if publishers and is_stricter(subscription.qos_profile, matching_qos(publishers)):
                self._subscribe(topic, subscription.msg_type, matching_qos(publishers))

    def _stop(self) -> None:
        """Hear nothing more; the process goes on, for a launcher would end the robot with it."""
        for timer in self._own_timers:
            timer.cancel()
        for subscription in self._subscribed.values():
            self.destroy_subscription(subscription)
        self._subscribed.clear()
        self.get_logger().error(f'recording to {self._path} has stopped: {self.trouble}')
        self.close()

    def _report(self) -> Report:
        summary = self.summary
        values = {topic: str(each) for topic, each in summary.topics.items()}
        if self.trouble:
            text = f'recording to {self._path} has stopped: {self.trouble}'
            return Report(Health.ERROR, text, values)
        if summary.missing:
            text = f'recording to {self._path}; {summary.missing} messages are missing'
            return Report(Health.WARN, text, values)
        return Report(Health.OK, f'recording to {self._path}', values)


def free_path(path: Path) -> Path:
    """Return the path, or path_2, path_3, ... if it exists."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f'{path.name}_{number}')
        number += 1
    return free


def main() -> None:
    """Record until Ctrl-C."""
    sys.exit(run_node(BagRecorder))
