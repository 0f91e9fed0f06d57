# SPDX-License-Identifier: Apache-2.0
"""Bags hold every message as it was sent, and can be read by two independent readers."""

import contextlib
import json
import signal
import subprocess
import sys

from maxent_msgs.msg import PolicyChunk, Step
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel, Message
from mcap.stream_reader import StreamReader
import numpy as np
import pytest
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from maxent_learner.bag_recorder import BagRecorder, free_path
from maxent_learner.recording_summary import RecordingSummary, TopicSummary
from maxent_ros import qos, topics
from maxent_ros.conversions import from_step_record
from maxent_ros.parameters import ParameterError
from maxent_ros.weights_transport import split

pytestmark = pytest.mark.ros

TIMEOUT_S = 60.0  # processes start slowly where tests of several packages run side by side

PROGRAM = 'from maxent_learner.bag_recorder import main; main()'


class Talker(Node):
    """Publishes on topics of the system with their own quality of service."""

    def __init__(self, **options):
        super().__init__('talker', **options)
        self.steps = self.create_publisher(Step, topics.STEP, qos.EXPERIENCE)
        self.states = self.create_publisher(JointState, topics.JOINT_STATES, qos.COMMAND)
        self.chunks = self.create_publisher(PolicyChunk, topics.POLICY_CHUNK, qos.WEIGHTS)
        self.clock = self.create_publisher(Clock, topics.CLOCK, qos.CLOCK)

    def heard(self):
        """Whether somebody subscribes to everything."""
        ours = (self.steps, self.states, self.chunks, self.clock)
        return all(publisher.get_subscription_count() > 0 for publisher in ours)


@pytest.fixture
def talker(ros):
    return ros.add(Talker)


def read_bag(path):
    """Return topic -> messages, decoded by rosbags with the definitions in the bag."""
    with AnyReader([path]) as reader:
        found = {connection.topic: [] for connection in reader.connections}
        for connection, _, raw in reader.messages():
            found[connection.topic].append(reader.deserialize(raw, connection.msgtype))
    return found


def test_what_is_published_is_in_the_bag_for_rosbags_and_for_mcap(ros, talker, source, tmp_path):
    chunk = split(bytes(200_000), 'run', 1, 'layout', Clock().clock)
    for part in chunk:
        talker.chunks.publish(part)  # latched: published before the recorder is there
    recorder = ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'bag')})
    ros.spin_until(talker.heard, TIMEOUT_S, 'the recorder subscribes')
    steps = source.steps(episodes=3)
    messages = [from_step_record(step) for step in steps]
    for message in messages:
        talker.steps.publish(message)
    ros.spin_until(lambda: recorder.counts.get('/policy/step') == len(steps), TIMEOUT_S)
    ros.spin_until(lambda: recorder.counts.get('/learner/policy_chunk') == len(chunk), TIMEOUT_S)
    ros.remove(recorder)

    found = read_bag(tmp_path / 'bag')
    assert len(found['/policy/step']) == len(steps)
    for ours, theirs in zip(steps, found['/policy/step'], strict=True):
        assert (ours.episode, ours.index) == (theirs.episode, theirs.index)
        np.testing.assert_array_equal(ours.observation, theirs.observation)
        np.testing.assert_array_equal(ours.applied_action, theirs.applied_action)
    assert [part.index for part in found['/learner/policy_chunk']] == list(range(len(chunk)))
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as file:
        raw = [
            message.data
            for _, channel, message in make_reader(file).iter_messages()
            if channel.topic == '/policy/step'
        ]
    assert [deserialize_message(data, Step) for data in raw] == messages


def test_the_bag_says_what_quality_of_service_was_offered(ros, talker, tmp_path):
    recorder = ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'bag')})
    ros.spin_until(talker.heard, TIMEOUT_S)
    ros.remove(recorder)
    with Reader(tmp_path / 'bag') as reader:
        offered = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}
    assert offered['/learner/policy_chunk'].durability.name == 'TRANSIENT_LOCAL'
    assert offered['/policy/step'].durability.name == 'VOLATILE'
    assert offered['/clock'].reliability.name == 'BEST_EFFORT'


def test_topics_are_those_of_the_recorders_own_namespace(ros, tmp_path):
    for namespace in ('left', 'right'):
        ros.add(Talker, namespace=namespace)
    recorder = ros.add(BagRecorder, namespace='left', parameters={'folder': str(tmp_path / 'bag')})
    ros.spin_until(lambda: len(recorder.counts) >= 6, TIMEOUT_S)
    assert set(recorder.counts) == {
        '/clock',
        '/diagnostics',
        '/left/learner/policy_chunk',
        '/left/policy/step',
        '/left/robot/joint_states',
        '/rosout',
    }


def test_only_the_topics_asked_for_are_recorded(ros, talker, tmp_path):
    recorder = ros.add(
        BagRecorder,
        parameters={'folder': str(tmp_path / 'bag'), 'topics': ['robot/joint_states']},
    )
    ros.spin_until(lambda: recorder.counts, TIMEOUT_S)
    talker.states.publish(JointState(name=['right_j0'], position=[0.5], velocity=[0.0]))
    ros.spin_until(lambda: recorder.counts['/robot/joint_states'] == 1, TIMEOUT_S)
    assert list(recorder.counts) == ['/robot/joint_states']


def test_an_existing_bag_is_never_overwritten(tmp_path):
    assert free_path(tmp_path / 'bag') == tmp_path / 'bag'
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag_2').mkdir()
    assert free_path(tmp_path / 'bag') == tmp_path / 'bag_3'


def test_a_folder_that_cannot_be_written_is_refused_by_name(ros, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ParameterError, match="parameter 'folder'"):
        ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'file' / 'bag')})


def test_a_nearly_full_disk_ends_the_recording_with_a_whole_bag(ros, talker, tmp_path):
    recorder = ros.add(
        BagRecorder,
        parameters={
            'folder': str(tmp_path / 'bag'),
            'topics': ['policy/step'],
            'minimum_free_megabytes': 1e15,
        },
    )
    ros.spin_until((tmp_path / 'bag' / 'metadata.yaml').exists, TIMEOUT_S, 'the bag is closed')
    ros.remove(recorder)
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 0


def test_the_summary_counts_each_topic():
    found = RecordingSummary({'/b': TopicSummary(20, lost=3), '/a': TopicSummary(100)})
    assert str(found) == '120 messages: 100 /a, 20 /b (3 lost)'
    assert str(RecordingSummary({})) == '0 messages'


@contextlib.contextmanager
def recording(ros, folder):
    # Only what the talker publishes: what is flushed first must be what the test has sent.
    values = {'folder': folder, 'topics': ['policy/step', 'robot/joint_states', '/clock']}
    values['topics'].append('learner/policy_chunk')
    command = [sys.executable, '-c', PROGRAM, '--ros-args']
    for name, value in values.items():
        command += ['-p', f'{name}:={json.dumps(value)}']
    process = subprocess.Popen(command, env=ros.environment())
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for_flush(ros, folder):
    mcap = folder / 'bag' / 'bag.mcap'
    ros.spin_until(lambda: mcap.stat().st_size > 1000, TIMEOUT_S, 'the first flush')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_with_a_whole_bag(ros, talker, source, tmp_path, number):
    with recording(ros, str(tmp_path / 'bag')) as process:
        ros.spin_until(talker.heard, TIMEOUT_S)
        for step in source.steps(episodes=1):
            talker.steps.publish(from_step_record(step))
        wait_for_flush(ros, tmp_path)
        process.send_signal(number)
        ros.spin_until(lambda: process.poll() is not None, TIMEOUT_S)
        assert process.returncode == 0
    assert (tmp_path / 'bag' / 'metadata.yaml').exists()
    found = read_bag(tmp_path / 'bag')
    assert [step.index for step in found['/policy/step']] == list(range(11))
    assert found['/robot/joint_states'] == []


def test_a_killed_recorder_leaves_what_it_had_flushed(ros, talker, source, tmp_path):
    with recording(ros, str(tmp_path / 'bag')) as process:
        ros.spin_until(talker.heard, TIMEOUT_S)
        for step in source.steps(episodes=1):
            talker.steps.publish(from_step_record(step))
        wait_for_flush(ros, tmp_path)
        process.kill()
    # No index and no footer, as `mcap recover` would find it.
    steps, indices = set(), []
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as file, contextlib.suppress(McapError):
        for record in StreamReader(file).records:
            if isinstance(record, Channel) and record.topic == '/policy/step':
                steps.add(record.id)
            if isinstance(record, Message) and record.channel_id in steps:
                indices.append(deserialize_message(record.data, Step).index)
    assert indices == list(range(11))
