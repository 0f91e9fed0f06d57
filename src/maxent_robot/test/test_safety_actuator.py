# SPDX-License-Identifier: Apache-2.0
"""From level and wish to a command."""

import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.actuator import Actuator, Intent
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.position_filter import SetPoint
from maxent_robot.types import CommandMode, Level

T = 0.005
Q = SAWYER.start.tolist()
V = (0.05 * SAWYER.limits.velocity).tolist()
WISH = (0.5 * SAWYER.policy_effort).tolist()
BRAKE = -0.25 * SAWYER.inertia_min / T * V


def settled(intent, mode=CommandMode.TORQUE, config=None, q=Q, v=V, ticks=50):
    """The command after the slew limit has been left behind, and its flags."""
    actuator = Actuator(SAWYER, config or GuardConfig())
    actuator.switch(mode)
    for _ in range(ticks):
        values, flags = actuator.command(intent, q, v, T, None)
    return values, flags


@pytest.mark.parametrize('level', [Level.NORMAL, Level.HOLD])
def test_on_the_lowest_rungs_the_policy_is_served(level):
    assert settled(Intent(level, WISH, 1.0, 0)) == (WISH, 0)


@pytest.mark.parametrize('level', [Level.DAMP, Level.ESTOP])
def test_on_the_braking_rungs_torque_opposes_the_motion(level):
    values, _ = settled(Intent(level, WISH, 1.0, 10**9))
    np.testing.assert_allclose(values, BRAKE)


def test_relaxing_lets_go_within_a_fifth_of_a_second():
    values, _ = settled(Intent(Level.RELAX, WISH, 1.0, 100_000_000))
    np.testing.assert_allclose(values, 0.5 * BRAKE)
    values, _ = settled(Intent(Level.RELAX, WISH, 1.0, 200_000_000))
    np.testing.assert_array_equal(values, 0.0)


def test_half_way_through_the_blend_braking_and_policy_share():
    values, flags = settled(Intent(Level.NORMAL, WISH, 0.5, 0))
    np.testing.assert_allclose(values, 0.5 * BRAKE + 0.5 * np.array(WISH))
    assert flags & Flag.BLEND


def test_without_a_fresh_state_torque_goes_to_zero_and_does_not_brake_blindly():
    actuator = Actuator(SAWYER, GuardConfig())
    actuator.switch(CommandMode.TORQUE)
    actuator.torque = WISH
    stale = Intent(Level.DAMP, WISH, 1.0, 0, stale=True)
    sizes = [np.abs(actuator.command(stale, Q, V, T, None)[0]) for _ in range(4)]
    assert (np.diff(sizes, axis=0) <= 0.0).all()
    assert sizes[-1].max() == 0.0


def test_the_low_pass_acts_before_the_limits():
    actuator = Actuator(SAWYER, GuardConfig(low_pass_hz=5.0, slew_rate=1000.0))
    actuator.switch(CommandMode.TORQUE)
    still = [0.0] * 7
    actuator.command(Intent(Level.NORMAL, still, 1.0, 0), Q, still, T, None)
    values, _ = actuator.command(Intent(Level.NORMAL, WISH, 1.0, 0), Q, still, T, None)
    gain = T / (T + 1.0 / (2.0 * np.pi * 5.0))
    np.testing.assert_allclose(values, gain * np.array(WISH))


def test_a_position_is_approached_and_held_when_the_level_rises():
    actuator = Actuator(SAWYER, GuardConfig())
    actuator.switch(CommandMode.POSITION)
    target = (SAWYER.start + 0.15).tolist()
    for _ in range(15):
        moving, _ = actuator.command(Intent(Level.NORMAL, target, 1.0, 0), Q, [0.0] * 7, T, None)
    assert max(abs(v) for v in actuator.set_point.velocity) > 0.1
    for _ in range(60):
        held, _ = actuator.command(Intent(Level.DAMP, target, 1.0, 0), Q, [0.0] * 7, T, None)
    assert actuator.set_point.velocity == (0.0,) * 7
    assert (np.array(held) >= moving).all()


def test_a_set_point_that_the_robot_does_not_follow_is_brought_back_to_it():
    actuator = Actuator(SAWYER, GuardConfig())
    actuator.switch(CommandMode.POSITION)
    actuator.command(Intent(Level.NORMAL, Q, 1.0, 0), Q, [0.0] * 7, T, None)
    elsewhere = (SAWYER.start + 0.3).tolist()
    for _ in range(400):
        follow = Intent(Level.DAMP, Q, 1.0, 0, follow=True)
        values, _ = actuator.command(follow, elsewhere, [0.0] * 7, T, None)
    np.testing.assert_allclose(values, elsewhere, atol=1e-6)


def test_switching_modes_forgets_torque_and_takes_the_set_point_from_the_robot():
    actuator = Actuator(SAWYER, GuardConfig())
    actuator.switch(CommandMode.TORQUE)
    for _ in range(20):
        actuator.command(Intent(Level.NORMAL, WISH, 1.0, 0), Q, V, T, None)
    actuator.switch(CommandMode.POSITION)
    values, _ = actuator.command(Intent(Level.NORMAL, Q, 1.0, 0), Q, V, T, None)
    np.testing.assert_allclose(values, Q, atol=float(max(V)) * T)
    actuator.switch(CommandMode.TORQUE)
    values, flags = actuator.command(Intent(Level.NORMAL, WISH, 1.0, 0), Q, V, T, None)
    assert flags & Flag.SLEW
    np.testing.assert_allclose(values, 20.0 * T * SAWYER.limits.command_effort)


def test_a_filter_that_fails_says_so_and_the_fall_back_brakes():
    actuator = Actuator(SAWYER, GuardConfig())
    actuator.switch(CommandMode.TORQUE)
    np.testing.assert_allclose(actuator.fall_back(Q, V), BRAKE)
    actuator.switch(CommandMode.POSITION)
    np.testing.assert_array_equal(actuator.fall_back(Q, V), Q)
    actuator.set_point = SetPoint((float('nan'),) * 7, (0.0,) * 7)
    with pytest.raises(ArithmeticError):
        actuator.command(Intent(Level.NORMAL, Q, 1.0, 0), Q, V, T, None)
    np.testing.assert_array_equal(actuator.fall_back(Q, V), Q)
