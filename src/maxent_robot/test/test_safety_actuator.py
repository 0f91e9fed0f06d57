# SPDX-License-Identifier: Apache-2.0
"""From level and wish to a command."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.robots import MINITAUR, SAWYER
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


# Letting go gently: a robot with a pose of rest sinks into it

TICK = 0.006  # s, of the Minitaur
STAND = MINITAUR.start
RELAX = Intent(Level.RELAX, STAND.tolist(), 1.0, 10**9)


def sink(spec, ticks, q=STAND, follows=True, config=None, intent=RELAX):
    """Set-points (ticks, n) on rung RELAX of a robot that follows, or is held where it is."""
    actuator = Actuator(spec, config or spec.guard)
    actuator.switch(CommandMode.POSITION)
    points = [list(q)]
    for _ in range(ticks):
        measured = points[-1] if follows else list(q)
        points.append(actuator.command(intent, measured, [0.0] * 8, TICK, None)[0])
    return np.array(points)


def test_relaxing_a_robot_sinks_into_its_pose_of_rest_at_one_radian_per_second_at_most():
    points = sink(MINITAUR, 400)
    speed = np.abs(np.diff(points, axis=0)).max(axis=1) / TICK
    assert speed.max() <= 1.0 + 1e-9
    assert np.median(speed[5:150]) > 0.9
    np.testing.assert_allclose(points[-1], MINITAUR.rest, atol=1e-3)
    np.testing.assert_allclose(points[-2], points[-1], atol=1e-6)


def test_each_joint_sinks_from_where_it_is_and_overshoots_nothing():
    q = STAND.copy()
    q[0], q[1] = 0.6, 3.0
    points = sink(MINITAUR, 400, q)
    low, high = np.minimum(q, MINITAUR.rest), np.maximum(q, MINITAUR.rest)
    assert ((points >= low - 1e-9) & (points <= high + 1e-9)).all()
    assert (np.diff(points[:, 0]) >= -1e-12).all()
    assert (np.diff(points[:, 1]) <= 1e-12).all()
    np.testing.assert_allclose(points[-1], MINITAUR.rest, atol=1e-3)


def test_a_fast_set_point_is_braked_before_it_sinks():
    actuator = Actuator(MINITAUR, MINITAUR.guard)
    actuator.switch(CommandMode.POSITION)
    up = Intent(Level.NORMAL, (STAND + 1.0).tolist(), 1.0, 0)
    q = STAND.tolist()
    for _ in range(3):
        q, _ = actuator.command(up, q, [0.0] * 8, TICK, None)
    before = np.array(actuator.set_point.velocity)
    assert (before > 5.0).all()
    most = MINITAUR.limits.acceleration * TICK
    for _ in range(400):
        q, _ = actuator.command(RELAX, q, [0.0] * 8, TICK, None)
        after = np.array(actuator.set_point.velocity)
        assert (np.abs(after - before) <= most + 1e-9).all()
        before = after
    np.testing.assert_allclose(q, MINITAUR.rest, atol=1e-2)


def test_a_robot_that_is_held_up_is_not_pulled_further_than_its_leash():
    points = sink(MINITAUR, 400, follows=False)
    assert np.abs(points - STAND).max() <= MINITAUR.guard.leash + 1e-9


def test_a_slow_robot_sinks_within_its_own_limits():
    slow = GuardConfig(velocity_fraction=0.05, leash=0.4)  # of 0.5 rad/s
    limits = replace(MINITAUR.limits, velocity=np.full(8, 10.0))
    points = sink(replace(MINITAUR, limits=limits), 100, config=slow)
    assert np.abs(np.diff(points, axis=0)).max() <= 0.5 * TICK + 1e-9
    assert (points[-1] < STAND - 0.2).all()


def test_a_robot_without_a_pose_of_rest_stays():
    points = sink(replace(MINITAUR, rest=None), 100)
    np.testing.assert_array_equal(points, np.tile(STAND, (101, 1)))


@pytest.mark.parametrize('level', [Level.DAMP, Level.ESTOP])
def test_a_robot_that_brakes_does_not_sink(level):
    intent = Intent(level, STAND.tolist(), 1.0, 10**9)
    np.testing.assert_array_equal(sink(MINITAUR, 100, intent=intent)[-1], STAND)


@pytest.mark.parametrize('dt', [0.0, -1.0, 0.1, float('nan')])
def test_a_tick_of_any_length_sinks_no_further_than_two_ticks_do(dt):
    actuator = Actuator(MINITAUR, MINITAUR.guard)
    actuator.switch(CommandMode.POSITION)
    point = STAND
    for _ in range(20):
        next_point, _ = actuator.command(RELAX, point.tolist(), [0.0] * 8, dt, None)
        moved = np.asarray(next_point) - point
        assert np.isfinite(moved).all()
        assert (np.abs(moved) <= 2.0 * TICK + 1e-9).all()
        point = np.asarray(next_point)
