# SPDX-License-Identifier: Apache-2.0
"""Joints are found by name, whatever else a robot reports."""

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
