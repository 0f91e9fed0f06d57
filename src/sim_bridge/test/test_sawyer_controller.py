# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots.sawyer import SAWYER
from sim_bridge.sawyer_controller import ControlMode, SawyerController

LIMITS = SAWYER.limits
NAMES = SAWYER.joint_names
PERIOD = SAWYER.guard_period_ns
MS = 1_000_000
REST = np.zeros(7)
STILL = np.zeros(7)


@pytest.fixture
def controller():
    return SawyerController(LIMITS, REST)


def torque(controller, position=REST, velocity=STILL):
    return controller.torque(position, velocity, 0.0025)


def test_without_commands_the_arm_holds_its_position(controller):
    controller.tick(0, REST, PERIOD)
    assert np.all(torque(controller) == 0.0)
    pulled = torque(controller, position=REST + 0.01)
    assert np.all(pulled < 0.0)


def test_torques_are_taken_by_name_whatever_the_order(controller):
    values = np.arange(7.0)
    assert controller.command(0, ControlMode.TORQUE, NAMES[::-1], values[::-1]) is None
    controller.tick(0, REST, PERIOD)
    np.testing.assert_array_equal(torque(controller), values)


def test_torques_are_cut_to_the_urdf_effort(controller):
    assert controller.command(0, ControlMode.TORQUE, NAMES, np.full(7, 1e6)) is None
    np.testing.assert_array_equal(torque(controller), LIMITS.effort)


@pytest.mark.parametrize('mode', [ControlMode.TORQUE, ControlMode.VELOCITY])
def test_a_silent_sender_ends_in_a_hold_of_the_present_position(controller, mode):
    controller.command(0, mode, NAMES, np.full(7, 0.5))
    here = np.full(7, 0.3)
    controller.tick(200 * MS, here, PERIOD)
    assert controller.mode == mode
    controller.tick(205 * MS, here, PERIOD)
    assert controller.mode == ControlMode.POSITION
    assert np.all(torque(controller, position=here) == 0.0)
    assert np.all(torque(controller, position=here + 0.1) < 0.0)


def test_the_timeout_can_be_set_and_is_cut_to_one_second(controller):
    assert controller.set_timeout(0.1) is None
    assert controller.timeout_ns == 100 * MS
    assert controller.set_timeout(30.0) is None
    assert controller.timeout_ns == 1000 * MS
    assert controller.set_timeout(-1.0) is None
    assert controller.timeout_ns == 0
    assert 'finite' in controller.set_timeout(float('nan'))
    assert controller.timeout_ns == 0


@pytest.mark.parametrize(('ratio', 'used'), [(0.3, 0.3), (1.0, 1.0), (7.0, 1.0), (-1.0, 0.0)])
def test_position_mode_moves_the_set_point_at_speed_ratio_times_urdf_velocity(
    controller, ratio, used
):
    assert controller.set_speed_ratio(ratio) is None
    controller.command(0, ControlMode.POSITION, NAMES, np.full(7, 1.0))
    for k in range(10):
        controller.tick(k * PERIOD, REST, PERIOD)
    expected = used * LIMITS.velocity * 10 * PERIOD * 1e-9
    np.testing.assert_allclose(controller._set_point, expected, rtol=1e-12)


def test_trajectory_mode_ignores_the_speed_ratio(controller):
    controller.set_speed_ratio(0.0)
    controller.command(0, ControlMode.TRAJECTORY, NAMES, np.full(7, 1.0))
    controller.tick(0, REST, PERIOD)
    np.testing.assert_allclose(controller._set_point, LIMITS.velocity * PERIOD * 1e-9)


def test_a_position_command_after_torque_starts_from_where_the_arm_is(controller):
    controller.command(0, ControlMode.TORQUE, NAMES, np.ones(7))
    controller.tick(0, REST, PERIOD)
    here = np.full(7, 0.4)
    controller.command(PERIOD, ControlMode.POSITION, NAMES, here)
    controller.tick(PERIOD, here, PERIOD)
    assert np.all(torque(controller, position=here) == 0.0)


def test_the_integral_of_position_mode_is_bounded(controller):
    controller.command(0, ControlMode.POSITION, NAMES, REST)
    stuck = np.full(7, -0.001)
    for k in range(20_000):
        controller.tick(k * PERIOD, stuck, PERIOD)
        pushed = torque(controller, position=stuck)
    assert np.all(pushed < 10.0)


def test_velocities_beyond_the_urdf_are_cut(controller):
    controller.command(0, ControlMode.VELOCITY, NAMES, np.full(7, 100.0))
    assert np.all(torque(controller, velocity=LIMITS.velocity) == 0.0)


GOOD = np.zeros(7)
REFUSED = {
    'names': (3, NAMES[:6], GOOD[:6]),
    'any order': (3, (*NAMES[:6], NAMES[0]), GOOD),
    'in any order': (3, (*NAMES[:6], 'left_j6'), GOOD),
    'shape': (3, NAMES, GOOD[:5]),
    'finite': (3, NAMES, np.full(7, np.nan)),
    'must be finite': (1, NAMES, np.full(7, np.inf)),
    'mode 0 is unknown': (0, NAMES, GOOD),
    'mode 5 is unknown': (5, NAMES, GOOD),
    'right_j0 at 4.0 rad is outside': (1, NAMES, np.full(7, 4.0)),
    'outside': (4, NAMES, np.full(7, -5.0)),
}


@pytest.mark.parametrize('why', REFUSED)
def test_a_bad_command_is_refused_with_a_reason_and_changes_nothing(controller, why):
    controller.command(0, ControlMode.TORQUE, NAMES, np.full(7, 0.5))
    mode, names, values = REFUSED[why]
    assert why in controller.command(1, mode, names, values)
    np.testing.assert_array_equal(torque(controller), np.full(7, 0.5))
    assert controller._command_ns == 0


def test_a_stopped_robot_refuses_commands(controller):
    controller.become(controller.state.stop(), REST)
    assert 'stopped' in controller.command(0, ControlMode.TORQUE, NAMES, GOOD)


def test_suppression_of_gravity_compensation_lasts_a_fifth_of_a_second(controller):
    assert controller.compensates_gravity(0)
    controller.suppress_gravity_compensation(1000 * MS)
    assert not controller.compensates_gravity(1199 * MS)
    assert controller.compensates_gravity(1200 * MS)


def test_the_timeout_does_not_end_a_suppression(controller):
    controller.command(0, ControlMode.TORQUE, NAMES, GOOD)
    controller.suppress_gravity_compensation(250 * MS)
    controller.tick(300 * MS, REST, PERIOD)
    assert controller.mode == ControlMode.POSITION
    assert not controller.compensates_gravity(300 * MS)
