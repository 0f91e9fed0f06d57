# SPDX-License-Identifier: Apache-2.0
"""The metadata.yaml of a rosbag2 folder: its files, their topics, counts and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v9
from ruamel.yaml import YAML

BAG_VERSION = 9  # as ROS 2 Jazzy writes
NO_START_NS = 2**63 - 1  # of a file without messages, as rosbag2 writes


@dataclass(frozen=True)
class Topic:
    """A recorded topic."""

    name: str
    type_name: str
    definition: str  # .msg text with all types in it
    type_hash: str  # RIHS01_...
    offered: tuple[Qos, ...] = ()  # by its publishers
    repeated: int = 0  # latched: so many newest messages are put at the start of each file

    @property
    def channel_metadata(self) -> dict[str, str]:
        """What rosbag2 writes into the channel of a topic."""
        return {
            'offered_qos_profiles': to_yaml(dump_qos_v9(list(self.offered))),
            'topic_type_hash': self.type_hash,
        }


@dataclass(frozen=True)
class FileSummary:
    """What one file of a bag holds; times are those of reception."""

    name: str
    counts: Mapping[str, int]  # by topic
    start_ns: int
    end_ns: int
    repeated: Mapping[str, int] = field(default_factory=dict)  # of these, from files before

    def own_count(self, topic: str) -> int:
        """Messages of a topic that no file before has."""
        return max(0, self.counts.get(topic, 0) - self.repeated.get(topic, 0))

    @property
    def message_count(self) -> int:
        """Messages of all topics."""
        return sum(self.counts.values())

    @property
    def timing(self) -> dict[str, Any]:
        """Start and duration as rosbag2 writes them."""
        start = self.start_ns if self.message_count else NO_START_NS
        return {
            'starting_time': {'nanoseconds_since_epoch': start},
            'duration': {'nanoseconds': self.end_ns - self.start_ns},
        }


def bag_information(
    topics: Sequence[Topic], files: Sequence[FileSummary], about: Mapping[str, str]
) -> dict[str, Any]:
    """Return rosbag2's description of a bag, or of one file of it."""
    filled = [file for file in files if file.message_count]
    whole = FileSummary(
        '',
        {t.name: sum(file.counts.get(t.name, 0) for file in files) for t in topics},
        min((file.start_ns for file in filled), default=0),
        max((file.end_ns for file in filled), default=0),
    )
    return {
        'version': BAG_VERSION,
        'storage_identifier': 'mcap',
        **whole.timing,
        'message_count': whole.message_count,
        'topics_with_message_count': [_topic(t, whole.counts[t.name]) for t in topics],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file.name for file in files],
        'files': [
            {'path': file.name, **file.timing, 'message_count': file.message_count}
            for file in files
        ],
        'custom_data': dict(about) or None,
        'ros_distro': 'jazzy',
    }


def to_yaml(content: Any) -> str:
    """Return YAML in block style."""
    text = StringIO()
    yaml = YAML(typ='safe')
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue().strip()


def _topic(topic: Topic, count: int) -> dict[str, Any]:
    return {
        'topic_metadata': {
            'name': topic.name,
            'type': topic.type_name,
            'serialization_format': 'cdr',
            'offered_qos_profiles': dump_qos_v9(list(topic.offered)),
            'type_description_hash': topic.type_hash,
        },
        'message_count': count,
    }
