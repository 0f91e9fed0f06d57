# SPDX-License-Identifier: Apache-2.0
"""Bags for tests, by the writers of `mcap` and `rosbags`."""

from array import array

from maxent_msgs.msg import PolicyAction, Step
from mcap.writer import CompressionType, Writer
from rclpy.serialization import serialize_message
from rosbags import rosbag2
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from rosbags.rosbag2.enums import CompressionFormat
from sensor_msgs.msg import JointState

from maxent_learner.message_definitions import Definitions
from maxent_ros.conversions import from_step_record

TYPES = {Step: 'maxent_msgs/msg/Step', JointState: 'sensor_msgs/msg/JointState'}
TYPES[PolicyAction] = 'maxent_msgs/msg/PolicyAction'
PERIOD_NS = 50_000_000


def step_messages(steps, topic='/policy/step', start_ns=1_000_000_000):
    """Return (topic, log time, message) of steps, one period apart."""
    return [
        (topic, start_ns + number * PERIOD_NS, from_step_record(step))
        for number, step in enumerate(steps)
    ]


def joint_messages(count, topic='/robot/joint_states', start_ns=1_000_000_001):
    """Return (topic, log time, message) of joint states that say their number."""
    return [
        (topic, start_ns + n * PERIOD_NS, JointState(name=['a'], position=array('d', [n])))
        for n in range(count)
    ]


def definition(kind):
    """Return the text and the hash of a type's definition."""
    return Definitions().text_and_hash(TYPES[kind])


def write_mcap(path, items, *, chunk_size=4000, compression='zstd', texts=None, **options):
    """Write (topic, log time, message) with the `mcap` package.

    Messages are sequence numbers 1, 2, ... of their topic; `texts` replaces definitions by type.
    """
    channels, numbers = {}, {}
    writer = Writer(
        str(path),
        chunk_size=chunk_size,
        compression=CompressionType[compression.upper()],
        **options,
    )
    writer.start('ros2', 'test')
    for topic, log_time, message in items:
        kind = type(message)
        if topic not in channels:
            text = (texts or {}).get(kind) or definition(kind)[0]
            schema = writer.register_schema(TYPES[kind], 'ros2msg', text.encode())
            channels[topic] = writer.register_channel(topic, 'cdr', schema)
        numbers[topic] = numbers.get(topic, 0) + 1
        data = serialize_message(message)
        writer.add_message(channels[topic], log_time, data, log_time, numbers[topic])
    writer.finish()
    return path


def write_rosbag2(folder, items, storage='mcap', mode='none'):
    """Write (topic, log time, message) with the `rosbags` package."""
    store = Definitions()
    writer = rosbag2.Writer(folder, version=9, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(CompressionMode[mode.upper()], CompressionFormat.ZSTD)
    connections = {}
    with writer:
        for topic, log_time, message in items:
            name = TYPES[type(message)]
            if topic not in connections:
                store.require(name)
                connections[topic] = writer.add_connection(topic, name, typestore=store.store)
            writer.write(connections[topic], log_time, serialize_message(message))
    return folder
