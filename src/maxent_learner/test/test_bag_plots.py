# SPDX-License-Identifier: Apache-2.0
"""Plots of a recorded run: there, readable in size, and drawn from what was recorded."""

from pathlib import Path

import numpy as np
from PIL import Image
import pytest
from sensor_msgs.msg import JointState

from maxent_learner.bag_plots import draw_bag
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_signals import Series, read_signals
from maxent_learner.bag_summary import summarise
from maxent_robot.robots import get_robot
from maxent_ros import topics
from maxent_ros.conversions import from_step_record, to_doubles, to_stamp

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
SAWYER = get_robot('sawyer')


def test_a_recorded_run_gives_three_small_pictures(tmp_path):
    reader = BagReader(RECORDED)
    drawn = draw_bag(reader, SAWYER, summarise(reader).episodes, tmp_path)
    assert [path.name for path in drawn] == ['episodes.png', 'joints.png', 'interventions.png']
    assert sorted(tmp_path.iterdir()) == sorted(drawn)
    for path in drawn:
        assert path.stat().st_size < 300_000
        with Image.open(path) as picture:
            assert min(picture.size) >= 300
            assert len(np.unique(np.asarray(picture.convert('L')))) > 10, 'something is drawn'


def test_series_are_what_was_recorded():
    signals = read_signals(BagReader(RECORDED), SAWYER)
    assert signals.command_unit == 'N m'
    assert len(signals.commands) == 840
    assert len(signals.positions) == 843  # repeated states once; one before each episode, one last
    stamps, values = signals.positions.thinned(10_000)
    assert (np.diff(stamps) > 0).all()
    assert (
        (values > SAWYER.limits.position_lower) & (values < SAWYER.limits.position_upper)
    ).all()
    assert len(signals.begins_ns) == 2
    assert set(signals.begins_ns) <= set(stamps.tolist())
    assert len(signals.flags) == 84


def test_a_bag_without_commands_is_drawn_as_far_as_it_goes(source, write_bag, tmp_path):
    steps = [(f'/{topics.STEP}', from_step_record(step)) for step in source.steps(episodes=2)]
    reader = BagReader(write_bag(steps))
    drawn = draw_bag(reader, SAWYER, summarise(reader).episodes, tmp_path)
    assert [path.name for path in drawn] == ['episodes.png']


def test_an_empty_bag_gives_no_pictures(write_bag, tmp_path):
    assert draw_bag(BagReader(write_bag([])), SAWYER, [], tmp_path) == []


def test_states_of_a_real_robot_with_other_joints_are_read_by_name(write_bag):
    names = ['head_pan', *reversed(SAWYER.joint_names)]
    values = to_doubles([9.0, *range(7)])
    message = JointState(name=names, position=values, velocity=values)
    message.header.stamp = to_stamp(5)
    lacking = JointState(name=['gripper'], position=[1.0], velocity=[0.0])
    messages = [(f'/{topics.JOINT_STATES}', each) for each in (lacking, message, message)]
    signals = read_signals(BagReader(write_bag(messages)), SAWYER)
    np.testing.assert_array_equal(signals.positions.thinned(5)[1], [range(6, -1, -1)])


@pytest.mark.parametrize(('rows', 'most', 'left'), [(0, 5, 0), (5, 5, 5), (6, 5, 3), (100, 7, 7)])
def test_a_long_series_is_thinned_evenly(rows, most, left):
    series = Series(2)
    for stamp in range(rows):
        series.add(stamp, (stamp, -stamp))
    stamps, values = series.thinned(most)
    assert len(stamps) == left
    np.testing.assert_array_equal(values, np.array([stamps, -stamps]).T)
