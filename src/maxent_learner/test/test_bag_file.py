# SPDX-License-Identifier: Apache-2.0
"""Bags that are being written: definitions, checksums, splits, and disks that are full."""

import errno
import json
from pathlib import Path
import random
import resource
import subprocess
import sys

from mcap.reader import make_reader
from mcap.records import Chunk, DataEnd, Footer, Metadata
from mcap.stream_reader import CRCValidationError, StreamReader
import pytest
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from std_msgs.msg import String
import yaml
from zstandard import ZstdError

from maxent_learner.bag_file import BagFile, Split
from maxent_learner.bag_metadata import Topic
from maxent_learner.bag_reader import BagReader
from maxent_learner.mcap_output import Message
from maxent_learner.message_definitions import Definitions, UnknownTypeError, read_definition

KNOWN = ['sensor_msgs/msg/JointState', 'maxent_msgs/msg/Step', 'maxent_msgs/msg/PolicyChunk']
PERIOD_NS = 5_000_000


@pytest.mark.parametrize('type_name', [*KNOWN, 'intera_core_msgs/msg/EndpointStates'])
def test_an_installed_type_is_known_with_all_types_in_it(type_name):
    definitions = Definitions()
    text, type_hash = definitions.text_and_hash(type_name)
    assert 'MSG: std_msgs/Header' in text
    assert type_hash.startswith('RIHS01_')
    definitions.require(type_name)  # again does no harm


def test_hashes_of_standard_types_are_those_of_jazzy():
    definitions = Definitions()
    _, type_hash = definitions.text_and_hash('sensor_msgs/msg/JointState')
    assert type_hash == get_typestore(Stores.ROS2_JAZZY).hash_rihs01('sensor_msgs/msg/JointState')


@pytest.mark.parametrize('type_name', ['nowhere_msgs/msg/Thing', 'std_msgs/msg/Nothing'])
def test_a_type_that_is_not_installed_is_refused_by_name(type_name):
    with pytest.raises(UnknownTypeError, match=type_name):
        read_definition(type_name)


def test_an_existing_folder_is_not_overwritten(tmp_path):
    with pytest.raises(FileExistsError, match='exists already'):
        BagFile(tmp_path)


def topic(name, repeated=0):
    text, type_hash = Definitions().text_and_hash('std_msgs/msg/String')
    return Topic(name, 'std_msgs/msg/String', text, type_hash, (), repeated)


def message(name, number, text=''):
    data = serialize_message(String(data=text or f'{name} {number}'))
    time_ns = 1_000_000_000 + number * PERIOD_NS
    return Message(name, time_ns, time_ns - 1000, number, data)


def record(path, count, split=None, text='', about=None):
    """Write /state `count` times, and the latched /goal at the first and at every 100th time."""
    bag = BagFile(path, about, split)
    bag.add_topic(topic('/state'))
    bag.add_topic(topic('/goal', repeated=1))
    for number in range(1, count + 1):
        if number % 100 == 1:
            bag.write(message('/goal', number))
        bag.write(message('/state', number, text))
    return bag


def numbers(path, name='/state'):
    with path.open('rb') as file:
        return [m.sequence for _, _, m in make_reader(file).iter_messages(topics=[name])]


def record_of(path, kind, name):
    with path.open('rb') as file:
        found = [r for r in StreamReader(file).records if isinstance(r, kind)]
    return [r.metadata for r in found if r.name == name]


def test_times_and_numbers_of_publication_are_kept(tmp_path):
    record(tmp_path / 'bag', 3).close()
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as file:
        found = [m for _, _, m in make_reader(file).iter_messages(topics=['/state'])]
    assert [m.sequence for m in found] == [1, 2, 3]
    assert [m.log_time - m.publish_time for m in found] == [1000] * 3


def test_every_part_of_a_file_has_a_checksum(tmp_path):
    record(tmp_path / 'bag', 300).close()
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as file:
        records = list(StreamReader(file, emit_chunks=True, validate_crcs=True).records)
    assert all(r.uncompressed_crc for r in records if isinstance(r, Chunk))
    assert all(r.data_section_crc for r in records if isinstance(r, DataEnd))
    assert all(r.summary_crc for r in records if isinstance(r, Footer))
    assert {Chunk, DataEnd, Footer} <= {type(r) for r in records}


def test_a_bit_that_flips_in_stored_messages_is_always_noticed(tmp_path):
    noise = random.Random(0).randbytes(300_000).hex()  # hardly compressible: zstd sees no fault
    record(tmp_path / 'bag', 1, text=noise).close()
    path = tmp_path / 'bag' / 'bag.mcap'
    good = path.read_bytes()
    kinds = []
    for place in range(len(good) // 4, len(good) // 4 * 3, 5_003):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with path.open('rb') as file, pytest.raises((CRCValidationError, ZstdError)) as end:
            list(StreamReader(file, validate_crcs=True).records)
        kinds.append(end.type)
    assert CRCValidationError in kinds


def test_about_is_in_the_folder_from_the_start_and_in_every_file(tmp_path):
    about = {'robot': 'sawyer', 'task_options': 'axis=z value=0.3'}
    bag = BagFile(tmp_path / 'bag', about, Split(duration_s=0.1))
    assert json.loads((tmp_path / 'bag' / 'about.json').read_text()) == about
    bag.add_topic(topic('/state'))
    for number in range(50):
        bag.write(message('/state', number))
    bag.close()
    files = sorted((tmp_path / 'bag').glob('*.mcap'))
    assert len(files) == 3
    for path in files:
        assert record_of(path, Metadata, 'maxent_about') == [about]
    text = (tmp_path / 'bag' / 'metadata.yaml').read_text()
    assert yaml.safe_load(text)['rosbag2_bagfile_information']['custom_data'] == about


@pytest.mark.parametrize(
    'split', [Split(duration_s=0.5), Split(size=20_000)], ids=['time', 'size']
)
def test_a_split_loses_and_doubles_nothing(tmp_path, split):
    bag = record(tmp_path / 'bag', 1000, split, text=''.join(map(chr, range(32, 4000))))
    while bag.files < 3:  # by size: chunks are compressed and reach the file when flushed
        bag.flush()
        bag.write(message('/state', bag.counts['/state'] + 1, str(list(range(20_000)))))
    count = bag.counts['/state']
    bag.close()
    files = sorted((tmp_path / 'bag').glob('*.mcap'))
    assert len(files) >= 3
    assert [n for path in files for n in numbers(path)] == list(range(1, count + 1))
    assert bag.counts == {'/state': count, '/goal': 10}


def test_after_a_split_each_file_can_be_read_alone(tmp_path):
    record(tmp_path / 'bag', 1000, Split(duration_s=0.9)).close()
    first, *later = sorted((tmp_path / 'bag').glob('*.mcap'))
    assert record_of(first, Metadata, 'maxent_repeated') == []
    assert len(later) == 5
    for path in later:
        with AnyReader([path]) as reader:
            found = [
                (time, reader.deserialize(raw, connection.msgtype).data)
                for connection, time, raw in reader.messages()
            ]
        number = next(int(text.split()[1]) for _, text in found if text.startswith('/state'))
        newest = (number - 1) // 100 * 100 + 1 if number % 100 != 1 else number - 100
        assert found[0] == (found[1][0], f'/goal {newest}'), 'first, at the time of the split'
        assert record_of(path, Metadata, 'maxent_repeated') == [{'/goal': '1'}]


@pytest.mark.parametrize('by_time', [True, False])
def test_a_reader_of_all_files_gets_a_repeated_message_once(tmp_path, by_time):
    record(tmp_path / 'bag', 1000, Split(duration_s=0.9)).close()
    reader = BagReader(tmp_path / 'bag')
    found = reader.messages({'/goal'}) if by_time else reader.as_received({'/goal'})
    assert [message.sequence for message in found] == list(range(1, 1000, 100))


def test_a_file_of_a_split_bag_says_by_itself_what_was_recorded(tmp_path):
    about = {'robot': 'sawyer'}
    record(tmp_path / 'bag', 300, Split(duration_s=0.9), about=about).close()
    assert BagReader(tmp_path / 'bag' / 'bag_0001.mcap').about == about


def test_a_repeated_message_is_known_by_its_own_number_and_time(tmp_path):
    record(tmp_path / 'bag', 1000, Split(duration_s=0.9)).close()
    with (tmp_path / 'bag' / 'bag_0001.mcap').open('rb') as file:
        repeated = next(m for _, _, m in make_reader(file).iter_messages(topics=['/goal']))
    assert repeated.sequence == 101
    assert repeated.publish_time == message('/goal', 101).published_ns


def test_metadata_lists_all_files_with_their_counts_and_times(tmp_path):
    record(tmp_path / 'bag', 500, Split(duration_s=1.0)).close()
    text = (tmp_path / 'bag' / 'metadata.yaml').read_text()
    information = yaml.safe_load(text)['rosbag2_bagfile_information']
    files = information['files']
    assert [f['path'] for f in files] == information['relative_file_paths']
    assert [f['path'] for f in files] == ['bag.mcap', 'bag_0001.mcap', 'bag_0002.mcap']
    assert [f['message_count'] for f in files] == [202, 203, 102]
    assert sum(f['message_count'] for f in files) == information['message_count']
    assert all(0 < f['duration']['nanoseconds'] <= 1e9 for f in files)
    by_topic = information['topics_with_message_count']
    assert {t['topic_metadata']['name']: t['message_count'] for t in by_topic} == {
        '/state': 500,
        '/goal': 7,
    }
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == len(list(reader.messages())) == 507


def test_an_empty_bag_is_a_whole_bag(tmp_path):
    BagFile(tmp_path / 'bag').close()
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 0


FILL = """
import itertools, pathlib, random, sys
sys.path.insert(0, sys.argv[2])
from test_bag_file import message, record

bag = record(pathlib.Path(sys.argv[1]), 100)
try:
    for number in itertools.count(101):
        bag.write(message('/state', number, random.randbytes(5000).hex()))
        if number % 50 == 0:
            bag.flush()
except OSError as error:
    print(error.errno)
bag.close()
print(bag.counts['/state'])
"""


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))


def test_what_was_flushed_before_a_write_failed_is_a_whole_bag(tmp_path):
    command = [sys.executable, '-c', FILL, str(tmp_path / 'bag'), str(Path(__file__).parent)]
    done = subprocess.run(command, preexec_fn=limit_file_size, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    number, written = map(int, done.stdout.split())
    assert number == errno.EFBIG
    assert written > 200
    assert numbers(tmp_path / 'bag' / 'bag.mcap') == list(range(1, written + 1))
    with Reader(tmp_path / 'bag') as reader:
        found = [c.topic for c, _, _ in reader.messages()]
    assert found.count('/state') == written
