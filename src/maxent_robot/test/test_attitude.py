# SPDX-License-Identifier: Apache-2.0
"""Roll, pitch, yaw and axes against rotations that are put together one after another."""

from math import cos, pi, sin

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.attitude import roll_and_pitch, rotation, yaw


def turn(axis, angle):
    quaternion = np.zeros(4)
    quaternion[0], quaternion[1 + axis] = cos(angle / 2), sin(angle / 2)
    return quaternion


def times(a, b):
    """Hamilton product: first b, then a."""
    vector = a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
    return np.array([a[0] * b[0] - a[1:] @ b[1:], *vector])


def orientation(roll, pitch, heading):
    return times(turn(2, heading), times(turn(1, pitch), turn(0, roll)))


angle = st.floats(-3.1, 3.1)


@given(angle, st.floats(-1.5, 1.5), angle, st.sampled_from([1.0, -1.0]))
def test_the_angles_come_back_whatever_the_sign(roll, pitch, heading, sign):
    quaternion = sign * orientation(roll, pitch, heading)
    np.testing.assert_allclose(roll_and_pitch(quaternion), (roll, pitch), atol=1e-7)
    assert yaw(quaternion) == pytest.approx(heading, abs=1e-7)


def test_a_positive_roll_lowers_the_right_side_and_a_positive_pitch_the_nose():
    assert roll_and_pitch(turn(0, 0.3)) == pytest.approx((0.3, 0.0))
    assert roll_and_pitch(turn(1, 0.3)) == pytest.approx((0.0, 0.3))


def test_a_positive_yaw_turns_the_nose_to_the_left():
    assert yaw(turn(2, 0.3)) == pytest.approx(0.3)


@pytest.mark.parametrize('pitch', [pi / 2, -pi / 2])
def test_a_body_on_its_nose_or_tail_is_pitched_by_a_right_angle_in_spite_of_rounding(pitch):
    quaternion = orientation(0.0, pitch, 0.4) * (1.0 + 1e-12)
    assert roll_and_pitch(quaternion)[1] == pytest.approx(pitch, abs=1e-5)


def test_a_body_on_its_back_has_rolled_by_half_a_turn():
    assert abs(roll_and_pitch(turn(0, pi))[0]) == pytest.approx(pi)
    roll, pitch = roll_and_pitch(turn(1, pi - 0.2))
    assert (abs(roll), pitch) == pytest.approx((pi, 0.2))


@given(angle, angle, angle)
def test_the_matrix_turns_vectors_as_the_quaternion_does(roll, pitch, heading):
    quaternion = orientation(roll, pitch, heading)
    inverse = quaternion * [1.0, -1.0, -1.0, -1.0]
    vector = np.array([0.3, -1.2, 0.7])
    by_quaternion = times(times(quaternion, np.array([0.0, *vector])), inverse)[1:]
    np.testing.assert_allclose(rotation(quaternion) @ vector, by_quaternion, atol=1e-12)
