# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots import DCLAW
from maxent_robot.types import CommandMode
from sim_bridge.position_controller import PositionController

NAMES = DCLAW.joint_names
POSE = DCLAW.start
TARGET = POSE + 0.1
POSITION = CommandMode.POSITION
TIMEOUT = 500_000_000


@pytest.fixture
def controller():
    return PositionController(DCLAW.limits, POSE, TIMEOUT)


def test_a_robot_is_enabled_at_first_and_holds_where_it_is(controller):
    assert controller.state.can_move
    np.testing.assert_array_equal(controller.target, POSE)
    assert not controller.is_silent(10**12), 'nobody has commanded it yet'


def test_a_command_is_the_target_until_the_next(controller):
    assert controller.command(5, POSITION, NAMES, TARGET) is None
    np.testing.assert_array_equal(controller.target, TARGET)
    assert controller.command(6, POSITION, NAMES, POSE.tolist()) is None
    np.testing.assert_array_equal(controller.target, POSE)


def test_joints_are_found_by_name_in_any_order(controller):
    order = [4, 0, 8, 2, 6, 1, 7, 3, 5]
    names = [NAMES[i] for i in order]
    assert controller.command(0, POSITION, names, TARGET[order]) is None
    np.testing.assert_array_equal(controller.target, TARGET)


@pytest.mark.parametrize(
    ('mode', 'names', 'values', 'why'),
    [
        (CommandMode.TORQUE, NAMES, TARGET, 'mode 3 is unknown; known is 1 (POSITION)'),
        (9, NAMES, TARGET, 'mode 9'),
        (POSITION, NAMES[:8], TARGET[:8], 'joint names are'),
        (POSITION, (*NAMES[:8], 'elbow'), TARGET, 'joint names are'),
        (POSITION, (*NAMES[:8], NAMES[0]), TARGET, 'joint names are'),
        (POSITION, (*NAMES, NAMES[0]), np.append(TARGET, 0.0), 'joint names are'),
        (POSITION, NAMES, TARGET[:8], '9 joints are named, but values has shape (8,)'),
        (POSITION, NAMES, TARGET[None], 'values has shape (1, 9)'),
        (POSITION, NAMES, [], 'values has shape (0,)'),
        (POSITION, NAMES, np.full(9, np.nan), 'values must be finite'),
        (POSITION, NAMES, np.full(9, np.inf), 'values must be finite'),
        (POSITION, NAMES, np.r_[0.7, TARGET[1:]], 'FFJ10 at 0.7 rad is outside -0.6000..0.6000'),
        (POSITION, NAMES, np.r_[TARGET[:8], -2.1], 'THJ32 at -2.1 rad is outside'),
    ],
)
def test_a_command_that_cannot_be_is_refused_and_changes_nothing(
    controller, mode, names, values, why
):
    assert controller.command(3, POSITION, NAMES, TARGET) is None
    assert why in controller.command(7, mode, names, values)
    np.testing.assert_array_equal(controller.target, TARGET)
    assert controller.command_ns == 3


def test_rounding_at_a_limit_is_no_mistake_of_the_sender(controller):
    at_limits = DCLAW.limits.position_upper + 1e-9
    assert controller.command(0, POSITION, NAMES, at_limits) is None


def test_without_commands_for_longer_than_the_time_out_it_is_silent(controller):
    controller.command(1_000, POSITION, NAMES, TARGET)
    assert not controller.is_silent(1_000 + TIMEOUT)
    assert controller.is_silent(1_001 + TIMEOUT)
    np.testing.assert_array_equal(controller.target, TARGET)  # which it still holds
    controller.command(1_001 + TIMEOUT, POSITION, NAMES, TARGET)
    assert not controller.is_silent(1_001 + TIMEOUT)


def test_a_refused_command_is_no_sign_of_life(controller):
    controller.command(0, POSITION, NAMES, TARGET)
    controller.command(TIMEOUT, POSITION, NAMES, np.full(9, np.nan))
    assert controller.is_silent(TIMEOUT + 1)


def test_holding_forgets_commands(controller):
    controller.command(0, POSITION, NAMES, TARGET)
    controller.hold(POSE)
    np.testing.assert_array_equal(controller.target, POSE)
    assert not controller.is_silent(10**12)


def test_what_it_holds_does_not_follow_changes_of_the_sender(controller):
    values = TARGET.copy()
    controller.command(0, POSITION, NAMES, values)
    values[:] = 9.0
    np.testing.assert_array_equal(controller.target, TARGET)
    held = POSE.copy()
    controller.hold(held)
    held[:] = 9.0
    np.testing.assert_array_equal(controller.target, POSE)


@pytest.mark.parametrize(
    ('change', 'word'), [('stop', 'stopped'), ('disable', 'disabled'), ('fault', 'in error')]
)
def test_a_robot_that_may_not_move_refuses_commands_and_says_why(controller, change, word):
    controller.command(0, POSITION, NAMES, TARGET)
    controller.become(getattr(controller.state, change)(), POSE)
    np.testing.assert_array_equal(controller.target, POSE)
    reason = controller.command(1, POSITION, NAMES, TARGET)
    assert reason == f'the robot is {word}', 'how to go on differs from robot to robot'
    controller.become(controller.state.enable(), POSE)
    assert controller.command(2, POSITION, NAMES, TARGET) is None
