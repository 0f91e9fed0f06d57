# SPDX-License-Identifier: Apache-2.0
"""Bags of every writer are read alike; what cannot be right is refused by name."""

import importlib
import json
from pathlib import Path

from maxent_msgs.msg import Step
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from maxent_learner.bag_reader import BagError, BagReader, MalformedMessageError
from maxent_ros import topics
from maxent_ros.conversions import from_step_record

COUNT = 60


@pytest.fixture
def bags(monkeypatch):
    """Give bag_writing.py."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module('bag_writing')


@pytest.fixture
def items(bags, source):
    """Return steps and joint states in the order of their log times."""
    return sorted(
        bags.step_messages(source.steps(5)) + bags.joint_messages(COUNT), key=lambda item: item[1]
    )


def content(reader, messages=None):
    """Return (topic, log time, message) of what a reader gives."""
    found = reader.messages() if messages is None else messages
    return [(m.topic, m.received_ns, reader.decode(m)) for m in found]


@pytest.mark.parametrize(
    ('storage', 'mode'),
    [
        *(('mcap', mode) for mode in ('none', 'storage', 'message', 'file')),
        *(('sqlite3', mode) for mode in ('none', 'message', 'file')),
    ],
)
def test_a_rosbag2_folder_gives_what_was_written(bags, items, tmp_path, storage, mode):
    reader = BagReader(bags.write_rosbag2(tmp_path / 'bag', items, storage, mode))
    assert content(reader) == items
    assert reader.topics == {
        '/policy/step': 'maxent_msgs/msg/Step',
        '/robot/joint_states': 'sensor_msgs/msg/JointState',
    }
    assert reader.damage == []
    assert 'checksums' in ''.join(reader.notes)


@pytest.mark.parametrize('compression', ['zstd', 'lz4', 'none'])
def test_a_single_mcap_file_gives_what_was_written(bags, items, tmp_path, compression):
    path = bags.write_mcap(tmp_path / 'a.mcap', items, compression=compression)
    reader = BagReader(path)
    assert content(reader) == items
    assert reader.files == (path,)
    assert (reader.damage, reader.notes) == ([], [])
    numbers = [m.sequence for m in reader.messages(['/robot/joint_states'])]
    assert numbers == list(range(1, COUNT + 1))


def test_a_file_without_chunks_gives_what_was_written(bags, items, tmp_path):
    path = bags.write_mcap(tmp_path / 'a.mcap', items, use_chunking=False)
    reader = BagReader(path)
    assert content(reader) == items
    assert reader.damage == []
    assert 'checksums' in ''.join(reader.notes)


def test_only_the_topics_asked_for_are_given(bags, items, tmp_path):
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))
    assert content(reader, reader.messages({'/policy/step'})) == [
        item for item in items if item[0] == '/policy/step'
    ]
    assert list(reader.messages({'/nothing'})) == []
    assert list(reader.messages([])) == []


@pytest.mark.parametrize('summary_crc', [True, False])
def test_chunks_that_overlap_in_time_are_merged(bags, tmp_path, summary_crc):
    early, late = bags.joint_messages(COUNT), bags.joint_messages(COUNT, '/late')
    path = bags.write_mcap(tmp_path / 'a.mcap', early + late, enable_crcs=summary_crc)
    reader = BagReader(path)
    # Equal times stay in the order of the file.
    assert content(reader) == sorted(early + late, key=lambda item: item[1])
    assert content(reader, reader.as_received()) == early + late


def test_a_clock_that_is_set_back_does_not_change_the_order_of_reception(bags, tmp_path):
    items = bags.joint_messages(COUNT, start_ns=10**12) + bags.joint_messages(COUNT)
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))
    assert content(reader, reader.as_received()) == items
    assert content(reader) == sorted(items, key=lambda item: item[1])


def test_without_metadata_the_files_of_a_folder_are_read_as_people_count(bags, tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    parts = {n: bags.joint_messages(5, f'/part{n}') for n in (0, 1, 2, 10)}  # at equal times
    for number, part in parts.items():
        bags.write_mcap(folder / f'bag_{number}.mcap', part)
    reader = BagReader(folder)
    assert [path.name for path in reader.files] == [f'bag_{n}.mcap' for n in (0, 1, 2, 10)]
    found = content(reader)
    assert [topic for topic, _, _ in found[:4]] == ['/part0', '/part1', '/part2', '/part10']
    assert len(found) == 20
    assert reader.damage == []


def test_a_rosbag2_folder_whose_metadata_is_lost_or_broken_is_read(bags, items, tmp_path):
    folder = bags.write_rosbag2(tmp_path / 'bag', items)
    (folder / 'metadata.yaml').write_text('rosbag2_bagfile_information: {version: [9')
    reader = BagReader(folder)
    assert content(reader) == items
    assert 'metadata.yaml' in reader.damage[0]
    (folder / 'metadata.yaml').unlink()
    reader = BagReader(folder)
    assert content(reader) == items
    assert reader.damage == []


def test_a_sqlite_bag_without_metadata_is_read(bags, items, tmp_path):
    folder = bags.write_rosbag2(tmp_path / 'bag', items, 'sqlite3')
    (folder / 'metadata.yaml').unlink()
    assert content(BagReader(folder)) == items


def test_a_missing_part_of_a_split_bag_is_told(bags, items, tmp_path):
    folder = bags.write_rosbag2(tmp_path / 'bag', items)
    bags.write_mcap(folder / 'bag_1.mcap', bags.joint_messages(3))
    text = (folder / 'metadata.yaml').read_text()
    (folder / 'metadata.yaml').write_text(text.replace('- bag.mcap', '- bag.mcap\n  - gone.mcap'))
    reader = BagReader(folder)
    assert 'gone.mcap is missing' in reader.damage[0]
    assert len(list(reader.messages())) == len(items) + 3


def test_names_are_found_in_the_only_namespace(bags, source, tmp_path):
    steps = bags.step_messages(source.steps(1), '/left/policy/step')
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', steps))
    assert reader.name(topics.STEP) == '/left/policy/step'
    assert reader.name(topics.GOAL) == '/task/goal'  # not recorded
    assert reader.name(topics.CLOCK) == '/clock'


def test_of_several_namespaces_one_must_be_chosen(bags, source, tmp_path):
    both = [bags.step_messages(source.steps(1), f'/{n}/policy/step') for n in ('left', 'right')]
    path = bags.write_mcap(tmp_path / 'a.mcap', both[0] + both[1])
    with pytest.raises(BagError, match="choose one of the namespaces 'left', 'right'"):
        BagReader(path).name(topics.STEP)
    assert BagReader(path, '/right').name(topics.STEP) == '/right/policy/step'


def changed(bags, old, new):
    """Return the definition of Step with other text in it."""
    text = bags.definition(Step)[0]
    assert old in text
    return {Step: text.replace(old, new)}


@pytest.mark.parametrize(
    ('old', 'new', 'reason'),
    [
        ('uint32 index', 'uint64 index', 'index is uint64 in the bag, uint32 here'),
        ('string skill', 'string policy', 'policy is only in the bag, skill is only installed'),
        ('bool terminated', 'bool terminated\nfloat64 temperature', 'temperature is only in the'),
        ('int32 sec', 'int64 sec', 'builtin_interfaces/msg/Time: sec is int64 in the bag'),
        ('float32[] observation', 'float32[17] observation', r'observation is float32\[17\] in'),
    ],
)
def test_a_type_recorded_with_another_definition_is_refused(
    bags, items, tmp_path, old, new, reason
):
    path = bags.write_mcap(tmp_path / 'a.mcap', items, texts=changed(bags, old, new))
    reader = BagReader(path)
    by_topic = {m.topic: m for m in reader.messages()}
    with pytest.raises(BagError, match=reason) as caught:
        reader.decode(by_topic['/policy/step'])
    assert 'maxent_msgs/msg/Step' in str(caught.value)
    assert 'Read the bag with the version' in str(caught.value)
    reader.decode(by_topic['/robot/joint_states'])  # only what is decoded must agree


def test_comments_and_white_space_of_a_definition_do_not_matter(bags, items, tmp_path):
    texts = changed(bags, 'uint32 index', '# the number\n\nuint32   index  # of the step')
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items, texts=texts))
    assert content(reader) == items


def test_a_type_that_is_not_installed_is_listed_and_refused(bags, items, tmp_path, monkeypatch):
    monkeypatch.setitem(bags.TYPES, JointState, 'nowhere_msgs/msg/Thing')
    texts = {JointState: 'int32 a', Step: None}
    path = bags.write_mcap(tmp_path / 'a.mcap', items, texts=texts)
    reader = BagReader(path)
    assert reader.topics['/robot/joint_states'] == 'nowhere_msgs/msg/Thing'
    with pytest.raises(BagError, match='nowhere_msgs/msg/Thing cannot be decoded'):
        reader.decode(next(reader.messages(['/robot/joint_states'])))


def test_bytes_that_are_no_message_are_refused(bags, items, tmp_path):
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))
    message = next(reader.messages(['/policy/step']))
    with pytest.raises(MalformedMessageError, match='/policy/step'):
        reader.decode(type(message)(message.topic, message.type_name, 5, message.data[:50], 0))


def test_what_is_no_bag_is_refused_by_name(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.mcap').write_text('this is no bag at all')
    (tmp_path / 'text.db3').write_text('this is no bag at all')
    for name, reason in [
        ('nothing', 'there is no bag'),
        ('empty', 'holds no .mcap'),
        ('text.mcap', 'does not begin like an MCAP file'),
        ('text.db3', 'cannot be opened'),
    ]:
        with pytest.raises(BagError, match=reason) as caught:
            BagReader(tmp_path / name)
        assert name in str(caught.value)


def test_about_is_what_the_recorder_has_written(bags, items, tmp_path):
    folder = bags.write_rosbag2(tmp_path / 'bag', items)
    assert BagReader(folder).about == {}
    about = {'robot': 'sawyer', 'task_options': ['goal=x']}
    (folder / 'about.json').write_text(json.dumps(about))
    assert BagReader(folder).about == {'robot': 'sawyer', 'task_options': '["goal=x"]'}
    (folder / 'about.json').write_text('{"robot": ')
    reader = BagReader(folder)
    assert reader.about == {}
    assert 'about.json' in reader.damage[0]


def test_messages_are_those_that_were_serialised(bags, source, tmp_path):
    steps = source.steps(2)
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', bags.step_messages(steps)))
    raw = [m.data for m in reader.messages()]
    assert raw == [serialize_message(from_step_record(step)) for step in steps]
