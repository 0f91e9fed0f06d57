# SPDX-License-Identifier: Apache-2.0
"""The position filter: never past a limit, never braked harder than allowed, for any target."""

from math import inf, isfinite, nan

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.position_filter import (
    PositionLimits,
    SetPoint,
    limit_position,
    seed,
)

LIMITS = PositionLimits.of(SAWYER, GuardConfig())
LOW, HIGH = SAWYER.soft_lower, SAWYER.soft_upper
SPEED = 0.7 * SAWYER.limits.velocity
DECELERATION = SAWYER.limits.acceleration
STILL = [0.0] * 7
T = 0.005

anything = st.floats() | st.sampled_from([nan, inf, -inf, 1e300, -1e300, 5e-324])
seven = st.lists(anything, min_size=7, max_size=7)
dts = st.floats(0.5 * T, 2.0 * T) | st.sampled_from([nan, 0.0, -1.0, inf, 1e300])


def used(dt):
    return min(max(dt, 0.5 * T), 2.0 * T) if isfinite(dt) and dt > 0.0 else T


@settings(max_examples=60)
@given(
    st.lists(st.tuples(seven, seven, dts), min_size=1, max_size=40),
    st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7),
    st.lists(st.floats(-5.0, 5.0), min_size=7, max_size=7),
)
def test_any_targets_and_steps_keep_position_speed_and_acceleration(steps, share, v):
    point = seed(LIMITS, (LOW + np.array(share) * (HIGH - LOW)).tolist(), v)
    for target, measured, dt in steps:
        check_step(point, target, measured, dt)
        point, _ = limit_position(LIMITS, target, point, measured, dt)


def check_step(point, target, measured, dt):
    after, _ = limit_position(LIMITS, target, point, measured, dt)
    position, velocity = np.array(after.position), np.array(after.velocity)
    assert np.isfinite(position).all()
    assert ((position >= LOW) & (position <= HIGH)).all()
    assert (np.abs(velocity) <= SPEED).all()
    change = np.abs(velocity - point.velocity)
    assert (change <= DECELERATION * used(dt) * (1 + 1e-9) + 1e-12).all()
    travel = np.abs(position - point.position)
    assert (travel <= SPEED * used(dt) * (1 + 1e-9) + 1e-15).all()


def test_an_adversary_that_flips_targets_at_the_limit_never_gets_past_it():
    rng = np.random.default_rng(0)
    point = seed(LIMITS, (HIGH - 0.3).tolist(), STILL)
    for k in range(4000):
        edge = HIGH if rng.random() < 0.8 else LOW
        measured = np.clip(np.array(point.position) + 0.2, LOW, HIGH).tolist()
        target = (edge + 10.0 * rng.standard_normal(7)).tolist()
        dt = float(rng.uniform(0.5 * T, 2.0 * T)) if k % 7 else 1e300
        check_step(point, target, measured, dt)
        point, _ = limit_position(LIMITS, target, point, measured, dt)


def follow(target, start, ticks):
    """A robot that follows its set-point at once; set-points over time (ticks, 7)."""
    point, path = seed(LIMITS, start, STILL), []
    for _ in range(ticks):
        point, _ = limit_position(LIMITS, target, point, point.position, T)
        path.append(point.position)
    return np.array(path), point


def test_a_far_target_is_reached_smoothly_and_without_overshoot():
    target = np.array([1.5, 0.5, -1.0, 0.5, 2.0, -1.5, 0.0])
    path, point = follow(target.tolist(), SAWYER.start.tolist(), 1400)
    np.testing.assert_allclose(path[-1], target, atol=1e-9)
    np.testing.assert_allclose(point.velocity, 0.0, atol=1e-6)
    way = (path - SAWYER.start) / (target - SAWYER.start)
    assert (np.diff(way, axis=0) >= -1e-12).all()
    acceleration = np.diff(path, 2, axis=0) / T**2
    assert (np.abs(acceleration) <= DECELERATION * (1 + 1e-6)).all()


def test_a_target_beyond_the_soft_limit_ends_at_it():
    path, _ = follow((HIGH + 1.0).tolist(), SAWYER.start.tolist(), 2000)
    np.testing.assert_allclose(path[-1], HIGH, atol=1e-9)


def test_the_leash_keeps_the_set_point_near_a_robot_that_does_not_move():
    start = SAWYER.start.tolist()
    point, flags = seed(LIMITS, start, STILL), 0
    for _ in range(400):
        point, acted = limit_position(LIMITS, [2.0] * 7, point, start, T)
        flags |= acted
    assert flags & Flag.LEASH
    np.testing.assert_array_less(np.abs(np.array(point.position) - start), 0.2 + 1e-9)


def test_no_target_means_brake_at_the_full_deceleration_and_hold():
    point = SetPoint(tuple(SAWYER.start), tuple(0.5 * SPEED))
    ticks = 0
    while any(point.velocity):
        after, _ = limit_position(LIMITS, None, point, SAWYER.start, T)
        check_step(point, [nan] * 7, SAWYER.start, T)
        point, ticks = after, ticks + 1
    assert ticks == np.ceil((0.5 * SPEED / DECELERATION / T).max())
    assert limit_position(LIMITS, None, point, SAWYER.start, T)[0] == point


@pytest.mark.parametrize(('target', 'measured'), [(nan, 0.0), (inf, 0.0), (0.1, nan)])
def test_what_is_not_finite_holds_its_own_joint_only(target, measured):
    point = seed(LIMITS, SAWYER.neutral.tolist(), STILL)
    wish, seen = (SAWYER.neutral + 0.1).tolist(), SAWYER.neutral.tolist()
    wish[2], seen[2] = target, seen[2] + measured
    after, flags = limit_position(LIMITS, wish, point, seen, T)
    assert flags & (Flag.NON_FINITE_DESIRED | Flag.NON_FINITE_STATE)
    assert after.position[2] == point.position[2]
    assert after.position[3] != point.position[3]


def test_from_outside_the_soft_limits_the_set_point_only_comes_back():
    start = (HIGH + 0.06).tolist()
    point = seed(LIMITS, start, [1.0] * 7)
    assert point.position == tuple(start)
    assert max(point.velocity) <= 0.0
    for _ in range(300):
        after, _ = limit_position(LIMITS, [9.0] * 7, point, point.position, T)
        back = np.array(point.position) - after.position
        assert ((back >= 0.0) & (back <= SPEED * T)).all()
        point = after
    np.testing.assert_allclose(point.position, HIGH, atol=1e-9)


def test_a_set_point_starts_inside_the_hard_limits_with_a_speed_it_can_stop_from():
    point = seed(LIMITS, [50.0] * 7, [50.0] * 7)
    assert point.position == tuple(SAWYER.limits.position_upper)
    assert seed(LIMITS, STILL, [nan] * 7).velocity == (0.0,) * 7
    with pytest.raises(ValueError, match='cannot start from position nan'):
        seed(LIMITS, [nan] * 7, STILL)


@settings(max_examples=50)
@given(seven, st.permutations(range(7)))
def test_the_order_of_the_joints_changes_no_bit(target, order):
    swapped = PositionLimits(tuple(LIMITS.joints[i] for i in order), T, LIMITS.leash)
    start = SAWYER.start.tolist()
    plain, _ = limit_position(LIMITS, target, seed(LIMITS, start, STILL), start, T)
    mixed_start = [start[i] for i in order]
    mixed, _ = limit_position(
        swapped, [target[i] for i in order], seed(swapped, mixed_start, STILL), mixed_start, T
    )
    assert mixed.position == tuple(plain.position[i] for i in order)
