# SPDX-License-Identifier: Apache-2.0
"""Steps of a bag for a task: as recorded where they are of that very task, else judged anew."""

import json
from pathlib import Path
import shutil

import numpy as np
import pytest

from maxent_learner.bag_experience import bag_steps, recorded_observations
from maxent_learner.bag_file import BagFile
from maxent_learner.bag_metadata import Topic
from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.bag_steps import read_steps
from maxent_learner.mcap_output import Message
from maxent_learner.message_definitions import Definitions
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
OPTIONS = {'axis': 'z', 'value': 0.15, 'start_noise': 0.2, 'episode_steps': 42}
SEED = 1  # of the recorded run
ARRAYS = ('observation', 'action', 'applied_action')
VALUES = ('stamp_ns', 'episode', 'index', 'layout_hash', 'reward', 'terminated', 'truncated')


@pytest.fixture
def read():
    """Return a function that gives a bag's steps for a task, and what was told of them."""

    def read(path, task='reach_plane', robot='sawyer', **options):
        options, told = options or (OPTIONS if task == 'reach_plane' else {}), []
        spec = get_robot(robot)
        made = make_task(spec, task, **options)
        return list(bag_steps(path, spec, made, options, SEED, told.append)), told

    return read


@pytest.fixture
def copy(tmp_path):
    """Return a function that copies the recorded bag; about.json and topics can be changed."""

    def copy(without=(), **about):
        reader = BagReader(RECORDED)
        values = {k: v for k, v in {**reader.about, **about}.items() if v is not None}
        bag = BagFile(tmp_path / 'copy', values)
        for name, kind in reader.topics.items():
            bag.add_topic(Topic(name, kind, *Definitions().text_and_hash(kind)))
        for item in reader.as_received():
            if item.topic not in without:
                stamp = item.received_ns
                bag.write(Message(item.topic, stamp, stamp, item.sequence, item.data))
        bag.close()
        return bag.path

    return copy


def assert_same(steps, others, names=(*VALUES, *ARRAYS)):
    assert len(steps) == len(others)
    for one, other in zip(steps, others, strict=True):
        for name in names:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def recorded():
    return list(read_steps(BagReader(RECORDED)))


def are_rebuilt(steps):
    return {step.session_id for step in steps} == {'rebuilt'}


def test_of_the_same_task_and_options_steps_are_taken_as_recorded(read):
    steps, told = read(RECORDED)
    assert_same(steps, recorded())
    assert not are_rebuilt(steps)
    assert told == [f'{RECORDED}: steps as recorded: steps 86, episodes 2']


def test_steps_alone_are_enough_where_they_fit(read, record_steps, source):
    steps = source.steps(3)
    path = record_steps(steps, robot='sawyer', task='reach', task_options='')
    assert_same(read(path, 'reach')[0], steps)


@pytest.mark.parametrize(
    'text',
    [
        'episode_steps=42 start_noise=0.2 value=0.15 axis=z',
        'axis="z" value=0.15 start_noise=0.2 episode_steps=42 tolerance=0.05',
    ],
)
def test_the_same_options_in_other_words_are_the_same(read, copy, text):
    assert not are_rebuilt(read(copy(task_options=text))[0])


def test_a_point_written_as_a_list_is_the_same_point(read, record_steps, source):
    path = record_steps(
        source.steps(1), robot='sawyer', task='reach', task_options='target=[0.65,0.15,0.2]'
    )
    steps, told = read(path, 'reach', episode_steps=100)
    assert len(steps) == 11
    assert 'as recorded' in told[0]


def test_a_bag_that_does_not_say_what_it_is_of_is_taken_as_recorded(read, copy):
    steps, _ = read(copy(robot=None, task=None, task_options=None))
    assert_same(steps, recorded())
    assert not are_rebuilt(steps)


def test_of_another_task_with_the_same_layout_rewards_are_made_anew(read):
    steps, told = read(RECORDED, 'reach', episode_steps=42, start_noise=0.2)
    assert are_rebuilt(steps)
    assert 'observations and rewards rebuilt for task reach' in told[0]
    assert 'transitions 84' in told[0]
    for one, other in zip(steps, recorded(), strict=True):
        np.testing.assert_array_equal(one.applied_action, other.applied_action)
        assert one.index == 0 or one.reward != other.reward


@pytest.mark.parametrize(
    'options', [{**OPTIONS, 'value': 0.3}, {**OPTIONS, 'axis': 'y'}, {'axis': 'z', 'value': 0.15}]
)
def test_of_other_options_they_are_made_anew(read, options):
    steps, told = read(RECORDED, **options)
    assert are_rebuilt(steps)
    assert 'rebuilt for task reach_plane' in told[0]


def test_options_that_cannot_be_read_are_taken_as_others(read, copy):
    assert are_rebuilt(read(copy(task_options='axis=w value'))[0])


def test_without_steps_the_same_ones_are_rebuilt(read, copy):
    steps, told = read(copy(without={'/policy/step', '/policy/action'}))
    assert are_rebuilt(steps)
    assert_same(steps, recorded(), (*VALUES, 'observation', 'applied_action'))
    assert 'choices inferred 84' in told[0]


def test_of_another_layout_they_are_rebuilt_whatever_the_bag_says(read, copy):
    steps, _ = read(copy(task=None, task_options=None), 'reach_random')
    assert are_rebuilt(steps)
    layout = make_task(get_robot('sawyer'), 'reach_random').layout
    assert {step.layout_hash for step in steps} == {layout.hash}


def test_what_cannot_be_rebuilt_is_refused_with_the_topic_that_is_missing(
    read, record_steps, source
):
    path = record_steps(source.steps(1), robot='sawyer', task='reach')
    with pytest.raises(BagError, match='/robot/joint_states'):
        read(path, 'reach_plane')


def test_another_robot_is_refused_and_both_are_named(read):
    with pytest.raises(BagError, match='with robot sawyer, this run is for dclaw'):
        read(RECORDED, 'turn', 'dclaw')


def test_no_bag_is_refused_by_its_name(read, tmp_path):
    with pytest.raises(BagError, match=r'there is no bag .*nowhere'):
        read(tmp_path / 'nowhere')


def test_messages_that_are_no_steps_are_counted_even_if_they_come_first(
    read, record_steps, source
):
    steps = source.steps(2)
    path = record_steps([b'\x00\x01\x00\x00junk', *steps], robot='sawyer', task='reach')
    found, told = read(path, 'reach')
    assert_same(found, steps)
    assert 'malformed 1' in told[0]


def test_of_a_damaged_bag_the_rest_is_taken_and_the_damage_told(read, tmp_path):
    bag = Path(shutil.copytree(RECORDED, tmp_path / 'cut'))
    content = (bag / 'sawyer_lockstep.mcap').read_bytes()
    (bag / 'sawyer_lockstep.mcap').write_bytes(content[: len(content) // 2])
    steps, told = read(bag)
    assert 0 < len(steps) < 86
    assert_same(steps, recorded()[: len(steps)])
    assert any('is damaged' in sentence for sentence in told)


def test_about_json_that_is_damaged_is_told_and_the_file_itself_says_what_it_is(read, tmp_path):
    bag = Path(shutil.copytree(RECORDED, tmp_path / 'bag'))
    (bag / 'about.json').write_text(json.dumps(dict(BagReader(bag).about))[:-20])
    steps, told = read(bag)
    assert_same(steps, recorded())
    assert any('about.json is not used' in sentence for sentence in told)


def test_observations_of_several_bags_come_in_their_order(record_steps, make_source):
    bags = [make_source(seed).steps(2) for seed in (1, 2)]
    paths = [record_steps(steps, f'bag{number}') for number, steps in enumerate(bags)]
    layout_hash = bags[0][0].layout_hash
    found = recorded_observations(paths, layout_hash)
    np.testing.assert_array_equal(found, [step.observation for steps in bags for step in steps])
    assert found.dtype == np.float32


def test_observations_that_are_not_finite_are_left_out(record_steps, source, change):
    steps = source.steps(1)
    bad = change(steps[4], observation=np.full(17, np.nan, np.float32))
    found = recorded_observations([record_steps([*steps[:4], bad, *steps[5:]])], bad.layout_hash)
    assert np.isfinite(found).all()
    assert len(found) == 10


def test_a_bag_without_observations_of_the_layout_is_refused_by_name(record_steps, source):
    steps = source.steps(1)
    one = record_steps(steps, 'one')
    layout_hash = make_task(get_robot('sawyer'), 'reach_random').layout.hash
    with pytest.raises(BagError, match=f'one holds no step with observation layout {layout_hash}'):
        recorded_observations([one], layout_hash)
    two = record_steps([], 'two')
    with pytest.raises(BagError, match='two holds no step'):
        recorded_observations([one, two], steps[0].layout_hash)
