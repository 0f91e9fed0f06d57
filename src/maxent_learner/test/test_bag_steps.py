# SPDX-License-Identifier: Apache-2.0
"""Recorded steps come as the learner took them; what is amiss is counted, never mixed in."""

import dataclasses
import importlib
from pathlib import Path
import random

from maxent_msgs.msg import PolicyAction, Step
import numpy as np
import pytest

from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.bag_steps import joint_names, read_steps
from maxent_learner.step_order import WINDOW, StepCounts
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_ros.conversions import from_step_record


@pytest.fixture
def bags(monkeypatch):
    """Give bag_writing.py."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module('bag_writing')


@pytest.fixture
def read(bags, tmp_path):
    """Return a function that writes steps in some order and reads them: steps, counts."""

    def read(steps):
        path = bags.write_mcap(tmp_path / 'bag.mcap', bags.step_messages(steps))
        counts = StepCounts()
        return list(read_steps(BagReader(path), counts)), counts

    return read


@pytest.fixture
def buffer_of(source, small_options):
    """Return a function that gives the replay buffer of a trainer that was fed with steps."""

    def buffer_of(steps):
        trainer = Trainer('sawyer', source.task, TrainerConfig(algorithm_options=small_options))
        for step in steps:
            trainer.observe(step)
        return trainer._buffer.state(), trainer.gaps

    return buffer_of


def places(steps):
    return [(step.session_id, step.episode, step.index) for step in steps]


def amiss(counts):
    """Return the counts that are not zero, without those of what is in order."""
    found = {name: n for name, n in dataclasses.asdict(counts).items() if n}
    found.pop('steps', None)
    found.pop('episodes', None)
    return found


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        theirs = np.asarray(other[name])
        assert np.asarray(array).tobytes() == theirs.tobytes(), name


def test_a_buffer_filled_from_a_bag_is_bitwise_that_of_a_live_learner(read, buffer_of, source):
    steps = source.steps(20)
    found, counts = read(steps)
    assert_same_state(buffer_of(found)[0], buffer_of(steps)[0])
    assert counts == StepCounts(steps=len(steps), episodes=20)


def test_every_field_of_a_step_survives(read, source):
    steps = source.steps(2)
    found, _ = read(steps)
    assert [from_step_record(s) for s in found] == [from_step_record(s) for s in steps]


def test_a_missing_step_leaves_a_gap_and_is_counted(read, buffer_of, source):
    steps = source.steps(4)
    lossy = steps[:15] + steps[17:]
    found, counts = read(lossy)
    assert places(found) == places(lossy)
    assert amiss(counts) == {'gaps': 1, 'missing': 2}
    state, gaps = buffer_of(found)
    assert gaps == 1
    assert_same_state(state, buffer_of(lossy)[0])


def test_a_bag_that_begins_within_an_episode_has_a_gap_there(read, source):
    steps = source.steps(4)[7:]
    found, counts = read(steps)
    assert places(found) == places(steps)
    assert amiss(counts) == {'gaps': 1, 'missing': 7}


def test_steps_out_of_order_are_put_in_order(read, buffer_of, source):
    steps = source.steps(6)
    mixed = list(steps)
    for at in (2, 9, 10, 30, 50):  # also across the border of two episodes
        mixed[at], mixed[at + 1] = mixed[at + 1], mixed[at]
    found, counts = read(mixed)
    assert places(found) == places(steps)
    assert amiss(counts) == {'reordered': counts.reordered}
    assert counts.reordered > 0
    assert_same_state(buffer_of(found)[0], buffer_of(steps)[0])


def test_within_the_window_any_order_is_put_right(read, source):
    steps = source.episode(length=200)
    shuffler = random.Random(0)
    # Each step is at most WINDOW places from where it should be.
    mixed = sorted(steps, key=lambda step: step.index + shuffler.uniform(0, WINDOW - 1))
    found, counts = read(mixed)
    assert places(found) == places(steps)
    assert (counts.missing, counts.late) == (0, 0)


def test_a_step_that_comes_too_late_is_dropped_and_counted(read, source):
    steps = source.episode(length=60)
    late = steps[:10] + steps[11:40] + [steps[10]] + steps[40:]
    found, counts = read(late)
    assert places(found) == places(steps[:10] + steps[11:])
    assert amiss(counts) == {'gaps': 1, 'missing': 1, 'late': 1}


def test_a_step_of_an_episode_that_was_left_is_dropped_and_counted(read, source):
    one, two = source.episode(length=30), source.episode(length=60)
    found, counts = read(one[:20] + two[:40] + one[20:] + two[40:])
    assert places(found) == places(one[:20] + two)
    assert amiss(counts) == {'late': len(one[20:])}


def test_a_repeated_step_is_given_once(read, source):
    steps = source.steps(3)
    doubled = [step for step in steps for _ in range(2)]
    found, counts = read(doubled)
    assert places(found) == places(steps)
    assert amiss(counts) == {'duplicates': len(steps)}


@pytest.mark.parametrize('cut', [33, 27])
def test_a_replay_in_a_loop_is_given_once_and_no_step_joins_its_end_to_its_start(
    read, buffer_of, source, cut
):
    steps = source.steps(3)[:cut]  # whole, or ending within an episode
    found, counts = read(steps * 3)
    assert places(found) == places(steps)
    assert amiss(counts) == {'duplicates': 2 * cut}
    assert_same_state(buffer_of(found)[0], buffer_of(steps)[0])


def test_a_recording_that_began_within_a_loop_is_completed_by_the_next_round(read, source):
    steps = source.steps(4)
    found, counts = read(steps[16:] + steps)  # from index 5 of the second episode on
    assert places(found) == places(steps[16:] + steps[:11])
    assert amiss(counts) == {'gaps': 1, 'missing': 5, 'late': 5, 'duplicates': 28}


def test_a_clock_that_is_set_back_mixes_nothing(bags, read, source, tmp_path):
    steps = source.steps(4)
    items = bags.step_messages(steps[:20], start_ns=10**13) + bags.step_messages(steps[20:])
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))
    assert places(read_steps(reader)) == places(steps)


def test_a_new_session_begins_a_new_episode(read, source):
    steps = source.episode('one')[:6] + source.episode('two')
    found, counts = read(steps)
    assert places(found) == places(steps)
    assert (amiss(counts), counts.episodes) == ({}, 2)


def test_two_observation_layouts_in_one_bag_are_refused(read, source, change):
    steps = source.steps(2)
    steps += [change(step, layout_hash='another') for step in source.episode('later')]
    with pytest.raises(BagError, match=r'layouts on /policy/step.*session.*another.*later'):
        read(steps)


def test_two_robots_in_two_namespaces_are_read_apart(bags, source, change, tmp_path):
    left = source.steps(2)
    right = [change(step, layout_hash='another') for step in source.steps(3)]
    items = bags.step_messages(left, '/left/policy/step')
    items += bags.step_messages(right, '/right/policy/step')
    path = bags.write_mcap(tmp_path / 'a.mcap', items)
    assert places(read_steps(BagReader(path, 'left'))) == places(left)
    assert places(read_steps(BagReader(path, 'right'))) == places(right)
    with pytest.raises(BagError, match="'left', 'right'"):
        list(read_steps(BagReader(path)))


def test_joint_names_are_those_of_all_actions(bags, tmp_path):
    items = [('/policy/action', n, PolicyAction(joint_names=['a', 'b'])) for n in range(3)]
    assert joint_names(BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))) == ('a', 'b')
    items.append(('/policy/action', 9, PolicyAction(joint_names=['b', 'a'])))
    with pytest.raises(BagError, match='a, b first and b, a later'):
        joint_names(BagReader(bags.write_mcap(tmp_path / 'b.mcap', items)))


def test_a_step_that_contradicts_itself_is_counted(bags, source, tmp_path):
    items = bags.step_messages(source.steps(2))
    items[4][2].reward_term_names = ['one name', 'too many']
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', items))
    counts = StepCounts()
    assert len(list(read_steps(reader, counts))) == len(items) - 1
    assert amiss(counts) == {'malformed': 1, 'gaps': 1, 'missing': 1}


def test_numbers_that_are_not_finite_are_left_to_the_trainer(read, source, change):
    steps = source.steps(1)
    steps[3] = change(steps[3], observation=np.full(17, np.nan, np.float32))
    found, _ = read(steps)
    assert np.isnan(found[3].observation).all()


def test_a_bag_without_steps_gives_none(bags, tmp_path):
    reader = BagReader(bags.write_mcap(tmp_path / 'a.mcap', bags.joint_messages(3)))
    counts = StepCounts()
    assert list(read_steps(reader, counts)) == []
    assert (counts, joint_names(reader)) == (StepCounts(), ())


def test_another_type_on_the_topic_of_steps_is_refused(bags, tmp_path):
    path = bags.write_mcap(tmp_path / 'a.mcap', bags.joint_messages(3, '/policy/step'))
    with pytest.raises(BagError, match='carries sensor_msgs/msg/JointState and not maxent_msgs'):
        list(read_steps(BagReader(path)))


def test_steps_of_another_definition_are_refused(bags, source, tmp_path):
    text = bags.definition(Step)[0].replace('uint32 index', 'uint64 index')
    path = bags.write_mcap(
        tmp_path / 'a.mcap', bags.step_messages(source.steps(1)), texts={Step: text}
    )
    with pytest.raises(BagError, match='index is uint64 in the bag'):
        list(read_steps(BagReader(path)))
