# SPDX-License-Identifier: Apache-2.0
"""Recordings whose process is killed or stopped, whose disk is full, or that get too much."""

import importlib.util
import json
from pathlib import Path
import signal
import subprocess

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from maxent_msgs.msg import PolicyChunk
from mcap.reader import make_reader
import pytest
from rclpy.node import Node
from rosbags.rosbag2 import Reader
from std_msgs.msg import Empty, Float64

from maxent_learner.bag_recorder import BagRecorder
from maxent_ros import qos, topics

pytestmark = pytest.mark.ros

TIMEOUT_S = 60.0
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def kills():
    path = ROOT / 'benchmarks' / 'recorder_kills.py'
    spec = importlib.util.spec_from_file_location('recorder_kills', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Talker(Node):
    """Publishes numbers, big messages and a latched limit."""

    def __init__(self, **options):
        super().__init__('talker', **options)
        self.sent = 0
        self.numbers = self.create_publisher(Float64, 'numbers', qos.EVENTS)
        self.chunks = self.create_publisher(PolicyChunk, topics.POLICY_CHUNK, qos.EXPERIENCE)
        self.limits = self.create_publisher(Float64, 'limit', qos.LATCHED)
        self.health = {}
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._keep, qos.EVENTS)

    def heard(self):
        ours = (self.numbers, self.chunks, self.limits)
        return all(publisher.get_subscription_count() > 0 for publisher in ours)

    def send(self):
        self.sent += 1
        self.numbers.publish(Float64(data=float(self.sent)))

    def send_noise(self, size):
        self.chunks.publish(PolicyChunk(data=random_bytes(size)))

    def _keep(self, message):
        for status in message.status:
            if status.name == 'recorder: recording':
                self.health = {'level': status.level, 'text': status.message}
                self.health |= {each.key: each.value for each in status.values}


def random_bytes(size):
    with Path('/dev/urandom').open('rb') as file:
        return file.read(size)


@pytest.fixture
def talker(ros):
    return ros.add(Talker)


TOPICS = ['numbers', 'limit', topics.POLICY_CHUNK]


def numbers_in(folder, topic='/numbers'):
    """Return the numbers of publication in all files, in order."""
    found = []
    for path in sorted(folder.glob('*.mcap')):
        with path.open('rb') as file:
            found += [m.sequence for _, _, m in make_reader(file).iter_messages(topics=[topic])]
    return found


def summary_of(folder):
    return json.loads((folder / 'recording.json').read_text())['topics']


def test_a_killed_recorder_loses_less_than_a_second(ros, kills, tmp_path):
    for number, after_s in enumerate((0.8, 1.5, 2.3)):
        lost_s = kills.kill_once(tmp_path / f'bag{number}', after_s, ros.environment())
        assert 0.0 <= lost_s < 1.0


@pytest.fixture
def small_disk(tmp_path):
    """Give a file system of 8 MB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f'no small disk can be made: {error}')
    if done.returncode:
        pytest.skip(f'no small disk can be made: {done.stderr.strip()}')
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


@pytest.mark.parametrize(
    ('free_mb', 'reason'), [(4.0, 'MB are left on the disk'), (0.0, 'No space left on device')]
)
def test_a_full_disk_ends_the_recording_with_a_whole_bag_and_nothing_else(
    small_disk, ros, talker, free_mb, reason
):
    folder = small_disk / 'bag'
    parameters = {'folder': str(folder), 'topics': TOPICS, 'minimum_free_megabytes': free_mb}
    recorder = ros.add(BagRecorder, parameters=parameters)
    ros.spin_until(talker.heard, TIMEOUT_S)

    def fill():
        talker.send()
        talker.send_noise(20_000)
        return reason in talker.health.get('text', '')

    ros.spin_until(fill, TIMEOUT_S, 'the recorder tells why it has stopped')
    assert talker.health['level'] == DiagnosticStatus.ERROR
    assert reason in recorder.trouble
    ros.remove(recorder)
    found = numbers_in(folder)
    assert found == list(range(found[0], found[0] + len(found)))
    assert len(found) > 10
    with (folder / 'bag.mcap').open('rb') as file:
        assert file.read()[-8:] == b'\x89MCAP0\r\n', 'the file has its end'
    if free_mb:
        with Reader(folder) as reader:
            assert reader.message_count == len(list(reader.messages()))
        assert summary_of(folder)['/numbers']['messages'] == len(found)


def test_what_the_queue_cannot_take_is_counted_and_told(ros, talker, tmp_path):
    parameters = {'folder': str(tmp_path / 'bag'), 'topics': TOPICS, 'queue_megabytes': 0.05}
    recorder = ros.add(BagRecorder, parameters=parameters)
    ros.spin_until(talker.heard, TIMEOUT_S)
    for _ in range(3):
        talker.send_noise(60_000)
        talker.send()
    ros.spin_until(lambda: recorder.counts.get('/numbers') == 3, TIMEOUT_S)
    ros.spin_until(lambda: '3 messages' in talker.health.get('text', ''), TIMEOUT_S)
    assert talker.health['level'] == DiagnosticStatus.WARN
    assert talker.health['/learner/policy_chunk'] == '0, 3 dropped'
    ros.remove(recorder)
    assert summary_of(tmp_path / 'bag')['/learner/policy_chunk']['dropped'] == 3
    assert numbers_in(tmp_path / 'bag') == [1, 2, 3]


def test_what_a_stopped_recorder_does_not_get_is_counted_as_lost(ros, kills, talker, tmp_path):
    process = kills.start_recorder(tmp_path / 'bag', ros.environment(), topics=TOPICS)
    try:
        ros.spin_until(talker.heard, TIMEOUT_S)
        mcap = tmp_path / 'bag' / 'bag.mcap'
        begin = mcap.stat().st_size
        talker.send()
        ros.spin_until(lambda: mcap.stat().st_size > begin, TIMEOUT_S, 'the first flush')
        process.send_signal(signal.SIGSTOP)
        for _ in range(5000):  # the publisher keeps ten of them
            talker.send()
        process.send_signal(signal.SIGCONT)
        size = mcap.stat().st_size

        def grows():
            talker.send()
            return mcap.stat().st_size > size

        ros.spin_until(grows, TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        ros.spin_until(lambda: process.poll() is not None, TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    found = numbers_in(tmp_path / 'bag')
    missing = found[-1] - found[0] + 1 - len(found)
    assert missing > 1000
    told = summary_of(tmp_path / 'bag')['/numbers']
    assert told == {'messages': len(found), 'lost': missing, 'dropped': 0, 'unclear': 0}


def test_a_recording_in_several_files_loses_and_doubles_nothing(ros, talker, tmp_path):
    talker.limits.publish(Float64(data=7.0))
    parameters = {'folder': str(tmp_path / 'bag'), 'topics': TOPICS, 'split_seconds': 0.3}
    recorder = ros.add(BagRecorder, parameters=parameters)
    ros.spin_until(talker.heard, TIMEOUT_S)
    ros.spin_until(lambda: recorder.counts.get('/limit') == 1, TIMEOUT_S)

    def enough():
        talker.send()
        return recorder.summary.files > 3

    ros.spin_until(enough, TIMEOUT_S)
    ros.spin_until(lambda: recorder.counts['/numbers'] == talker.sent, TIMEOUT_S)
    ros.remove(recorder)
    assert numbers_in(tmp_path / 'bag') == list(range(1, talker.sent + 1))
    files = sorted((tmp_path / 'bag').glob('*.mcap'))
    assert numbers_in(tmp_path / 'bag', '/limit') == [1] * len(files)
    assert recorder.summary.topics['/limit'].messages == 1
    assert recorder.summary.missing == 0


def test_a_later_publisher_that_offers_less_is_recorded_too(ros, tmp_path):
    first, second = ros.add(Node, 'first'), ros.add(Node, 'second')
    first.create_publisher(Empty, 'events', qos.LATCHED)
    recorder = ros.add(
        BagRecorder, parameters={'folder': str(tmp_path / 'bag'), 'topics': ['events']}
    )
    ros.spin_until(lambda: '/events' in recorder.counts, TIMEOUT_S)
    later = second.create_publisher(Empty, 'events', qos.SENSOR)
    ros.spin_until(lambda: later.get_subscription_count() > 0, TIMEOUT_S)
    later.publish(Empty())
    ros.spin_until(lambda: recorder.counts['/events'] == 1, TIMEOUT_S)


def test_a_broken_about_is_refused_by_name(ros, tmp_path):
    from maxent_ros.parameters import ParameterError

    with pytest.raises(ParameterError, match='robot'):
        ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'bag'), 'about': ['robot']})


def test_about_is_written_before_the_first_message(ros, tmp_path):
    about = ['robot=sawyer', 'task_options=axis=z value=0.3']
    ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'bag'), 'about': about})
    found = json.loads((tmp_path / 'bag' / 'about.json').read_text())
    assert (found['robot'], found['task_options']) == ('sawyer', 'axis=z value=0.3')
    assert len(found['commit'].removesuffix('-dirty')) in (0, 40)
