# SPDX-License-Identifier: Apache-2.0
"""Joints are found by name, whatever else a robot reports."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.joint_reader import JointReader, MissingJointError
from maxent_robot.types import JointSample


def sample(names, position, velocity):
    return JointSample(7, tuple(names), np.array(position, float), np.array(velocity, float))


def test_joints_are_put_into_the_order_of_the_robot_and_others_ignored():
    state = JointReader(['a', 'b']).read(sample('hba', [9, 2, 1], [8, 4, 3]))
    assert state is not None
    assert state.stamp_ns == 7
    np.testing.assert_array_equal(state.position, [1, 2])
    np.testing.assert_array_equal(state.velocity, [3, 4])


def test_the_order_may_change_between_two_states():
    reader = JointReader(['a', 'b'])
    for names, position in [('ab', [1, 2]), ('ba', [2, 1]), ('ab', [1, 2])]:
        state = reader.read(sample(names, position, [0, 0]))
        assert state is not None
        np.testing.assert_array_equal(state.position, [1, 2])


def test_a_number_that_is_not_finite_in_a_foreign_joint_does_not_matter():
    assert JointReader(['a']).read(sample('ah', [1, np.nan], [0, 0])) is not None


@pytest.mark.parametrize(
    ('names', 'position', 'velocity'),
    [
        ('aba', [1, 2, 1], [0, 0, 0]),
        ('ab', [1], [0, 0]),
        ('ab', [1, 2], []),
        ('ab', [[1, 2]], [0, 0]),
        ('ab', [1, np.nan], [0, 0]),
        ('ab', [1, 2], [np.inf, 0]),
    ],
)
def test_a_malformed_state_is_no_state(names, position, velocity):
    assert JointReader(['a', 'b']).read(sample(names, position, velocity)) is None


@pytest.mark.parametrize('names', ['a', '', 'ac'])
def test_a_missing_joint_is_named(names):
    with pytest.raises(MissingJointError, match=r'lacks .*b'):
        JointReader(['a', 'b']).read(sample(names, [0] * len(names), [0] * len(names)))


TELLS = {'imu': 3, 'valve': 2}


def with_signals(**signals):
    return replace(sample('ba', [2, 1], [4, 3]), signals=signals)


def test_a_state_carries_all_signals_that_the_robot_told():
    signals = {'imu': np.ones(3), 'valve': np.zeros(2), 'camera': np.zeros(9, np.uint8)}
    state = JointReader('ab', TELLS).read(with_signals(**signals))
    np.testing.assert_array_equal(state.position, [1, 2])
    assert dict(state.signals) == signals


@pytest.mark.parametrize(
    'signals',
    [
        {},
        {'imu': np.ones(3)},
        {'imu': np.ones(3), 'valve': np.zeros(3)},
        {'imu': np.ones((3, 1)), 'valve': np.zeros(2)},
        {'imu': np.ones(3), 'valve': np.array([0.0, np.nan])},
        {'imu': np.ones(3), 'valve': np.array([-np.inf, 0.0])},
        {'imu': np.zeros(0), 'valve': np.zeros(2)},
    ],
)
def test_without_a_usable_value_of_each_wanted_signal_there_is_no_state(signals):
    assert JointReader('ab', TELLS).read(with_signals(**signals)) is None


def test_a_signal_that_nobody_wants_may_hold_anything():
    assert JointReader('ab').read(with_signals(imu=np.array([np.nan]))) is not None


def test_pixels_are_a_signal_like_any_other():
    picture = np.arange(12, dtype=np.uint8)
    state = JointReader('ab', {'camera': 12}).read(with_signals(camera=picture))
    assert state.signals['camera'] is picture
