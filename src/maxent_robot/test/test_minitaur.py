# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robots.minitaur import (
    LEGS_FROM_MOTORS,
    LOWER_LENGTH,
    MINITAUR,
    MOTORS_FROM_LEGS,
    TOE_LENGTH,
    UPPER_LENGTH,
    knee_angles,
    leg_length,
    legs,
    motor_angles,
    toe_offset,
)
from maxent_robot.types import CommandMode

four = st.lists(st.floats(-3.0, 3.0), min_size=4, max_size=4)


@given(four, four)
def test_motor_angles_follow_the_formula_of_the_reactive_environment(swing, extension):
    motors = motor_angles(np.array(swing), np.array(extension))
    for i in range(4):
        sign = (-1) ** (i // 2)
        assert motors[2 * i] == pytest.approx(extension[i] - sign * swing[i], abs=1e-12)
        assert motors[2 * i + 1] == pytest.approx(extension[i] + sign * swing[i], abs=1e-12)


@given(four, four)
def test_legs_take_motor_angles_back(swing, extension):
    s, e = legs(motor_angles(np.array(swing), np.array(extension)))
    np.testing.assert_allclose(s, swing, atol=1e-12)
    np.testing.assert_allclose(e, extension, atol=1e-12)


def test_the_matrices_are_constant_and_invert_each_other():
    np.testing.assert_array_equal(MOTORS_FROM_LEGS @ LEGS_FROM_MOTORS, np.eye(8))
    assert set(np.unique(MOTORS_FROM_LEGS)) == {-1.0, 0.0, 1.0}
    for matrix in (MOTORS_FROM_LEGS, LEGS_FROM_MOTORS):
        with pytest.raises(ValueError, match='read-only'):
            matrix[0, 0] = 2.0


@pytest.mark.parametrize(
    ('extension', 'length'),
    [(0.0, 0.1), (1.0, 0.127), (np.pi / 2, 0.173), (2.0, 0.220), (2.5, 0.271), (np.pi, 0.3)],
)
def test_legs_are_as_long_as_published(extension, length):
    assert leg_length(np.array(extension)) == pytest.approx(length, abs=6e-4)


@given(st.floats(0.1, 3.3), st.floats(-0.8, 0.8))
def test_knees_and_toe_follow_from_the_five_bar(extension, swing):
    """Builds the aft chain link by link, and lets the fore one meet it at the pin."""
    e, s = np.array(extension), np.array(swing)
    pins, toe = [], None
    for side in (1.0, -1.0):  # fore, aft: x is mirrored
        motor = extension + side * swing  # a swing above 0 moves the foot backward
        lower = motor - np.pi / 2 + np.pi / 6 + float(knee_angles(e))  # from straight down
        knee = UPPER_LENGTH * np.array([side * np.sin(motor), np.cos(motor)])
        along = np.array([-side * np.sin(lower), -np.cos(lower)])
        pins.append(knee + LOWER_LENGTH * along)
        toe = knee + (LOWER_LENGTH + TOE_LENGTH) * along
    np.testing.assert_allclose(pins[0], pins[1], atol=1e-12)
    assert np.linalg.norm(pins[0]) == pytest.approx(float(leg_length(e)), abs=1e-12)
    np.testing.assert_allclose(toe_offset(s, e), toe, atol=1e-12)


def test_a_swing_above_zero_moves_every_foot_backward():
    swing = np.linspace(-0.6, 0.6, 7)
    assert np.all(np.diff(toe_offset(swing, np.full(7, 2.0))[:, 0]) < -0.03)


def test_the_soft_limits_hold_the_legs_that_walking_needs():
    for swing in (-0.6, 0.0, 0.6):
        for extension in (1.4, 2.0, 2.6):
            motors = motor_angles(np.full(4, swing), np.full(4, extension))
            assert np.all(motors > MINITAUR.soft_lower - 1e-12)
            assert np.all(motors < MINITAUR.soft_upper + 1e-12)


def test_the_robot_is_the_one_that_ghost_sells():
    assert MINITAUR.joint_names == tuple('01234567')
    assert np.all(MINITAUR.limits.effort == 3.5)
    np.testing.assert_array_equal(MINITAUR.start, np.full(8, 2.0))
    np.testing.assert_array_equal(MINITAUR.neutral, MINITAUR.start)
    assert MINITAUR.command_modes == (CommandMode.POSITION,)
    assert (MINITAUR.guard_period_ns, MINITAUR.policy_period_ns) == (6_000_000, 48_000_000)
    assert dict(MINITAUR.signals) == {'imu': 10, 'odometry': 13}
    assert MINITAUR.guard_signals == ('imu',)
    assert MINITAUR.guard.overload_effort < MINITAUR.limits.effort[0]
