# SPDX-License-Identifier: Apache-2.0
"""Messages are the same when all their bits are."""

import math

from geometry_msgs.msg import PoseWithCovariance
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, Float64

from maxent_learner.message_bits import difference, distance


def test_equal_messages_do_not_differ_and_nan_is_equal_to_itself():
    first, second = (JointState(name=['a'], position=[math.nan]) for _ in range(2))
    assert difference(first, second) == ''
    assert difference(PoseWithCovariance(), PoseWithCovariance()) == ''


def test_the_field_that_differs_is_named_with_both_values():
    first, second = JointState(position=[0.5]), JointState(position=[0.25])
    assert difference(first, second) == 'position is [0.5], recorded was [0.25]'


def test_zeros_of_different_sign_differ():
    assert 'data' in difference(Float64(data=0.0), Float64(data=-0.0))
    assert 'position' in difference(JointState(position=[0.0]), JointState(position=[-0.0]))


def test_nested_fields_are_compared():
    first, second = JointState(), JointState()
    second.header.stamp.nanosec = 1
    assert 'header' in difference(first, second)
    moved = PoseWithCovariance()
    moved.covariance[7] = 1e-300
    assert 'covariance' in difference(PoseWithCovariance(), moved)


def test_messages_of_different_types_differ():
    assert difference(Empty(), Float64()) == 'is a Empty, recorded was a Float64'


def test_the_distance_is_that_of_the_numbers_that_differ_most():
    first = JointState(position=[0.5, 1.0], velocity=[2.0])
    second = JointState(position=[0.5, 1.25], velocity=[2.125])
    assert distance(first, second) == 0.25
    assert distance(first, first) == 0.0
    assert distance(Float64(data=1.0), Float64(data=1.5)) == 0.5
    assert distance(PoseWithCovariance(), PoseWithCovariance()) == 0.0


def test_the_distance_is_infinite_where_more_than_numbers_differ():
    state = JointState(position=[0.5])
    other = JointState(position=[0.5])
    other.header.stamp.sec = 1
    for changed in (JointState(name=['a']), JointState(position=[math.nan]), other, JointState()):
        assert distance(state, changed) == math.inf
