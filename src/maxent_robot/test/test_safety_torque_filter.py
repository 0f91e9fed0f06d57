# SPDX-License-Identifier: Apache-2.0
"""The torque filter: any input is bounded, ordinary motion untouched, walls hold."""

from math import inf, isfinite, nan

from hypothesis import example, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robot_spec import JointLimits, RobotSpec
from maxent_robot.robots import SAWYER
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.torque_filter import TorqueLimits, limit_torque, release

LIMITS = TorqueLimits.of(SAWYER, GuardConfig())
EFFORT = SAWYER.limits.command_effort
START = SAWYER.start.tolist()
STILL = [0.0] * 7
T = 0.005

anything = st.floats() | st.sampled_from([nan, inf, -inf, 1e300, -1e300, 5e-324, 1e16])
seven = st.lists(anything, min_size=7, max_size=7)


def reach_of(dt):
    """Most that torque may change in a tick: five times the slew rate."""
    used = dt if isfinite(dt) and dt > 0.0 else T
    return 5.0 * 20.0 * EFFORT * min(max(used, 0.5 * T), 2.0 * T)


@settings(max_examples=400)
@given(seven, seven, seven, seven, anything, st.none() | seven)
@example([nan] * 7, STILL, STILL, STILL, 0.0, None)
@example([1e300] * 7, [1e300] * 7, [-1e300] * 7, [1e300] * 7, 1e300, None)
@example(STILL, STILL, [1e300] * 7, STILL, T, [1e308] * 7)
def test_any_floats_give_a_finite_torque_inside_effort_and_slew(u, q, v, last, dt, push):
    torque, flags = limit_torque(LIMITS, u, q, v, last, dt, push)
    assert np.isfinite(torque).all()
    assert (np.abs(torque) <= EFFORT).all()
    before = np.clip(np.nan_to_num(last, posinf=1e9, neginf=-1e9), -EFFORT, EFFORT)
    assert (np.abs(np.array(torque) - before) <= reach_of(dt) * (1 + 1e-12)).all()
    if not all(map(isfinite, q + v)):
        assert flags & Flag.NON_FINITE_STATE
        assert (np.abs(torque) <= np.abs(before)).all()
    elif not all(map(isfinite, u)):
        assert flags & Flag.NON_FINITE_DESIRED


@given(
    st.lists(st.floats(-0.5, 0.5), min_size=7, max_size=7),
    st.lists(st.floats(-0.5, 0.5), min_size=7, max_size=7),
    st.lists(st.floats(-0.25, 0.25), min_size=7, max_size=7),
)
def test_in_ordinary_motion_the_policy_gets_the_torque_it_asks_for(share, offset, pace):
    wish = (np.array(share) * EFFORT).tolist()
    q = (SAWYER.start + offset).tolist()
    v = (np.array(pace) * SAWYER.limits.velocity).tolist()
    torque, flags = limit_torque(LIMITS, wish, q, v, wish, T)
    assert torque == wish
    assert flags == 0


def test_full_policy_torque_passes_up_to_a_third_of_the_speed_limit():
    for sign in (1.0, -1.0):
        wish = (sign * SAWYER.policy_effort).tolist()
        v = (sign * 0.33 * SAWYER.limits.velocity).tolist()
        assert limit_torque(LIMITS, wish, START, v, wish, T) == (wish, 0)


@settings(max_examples=100)
@given(seven, seven, seven, seven, st.permutations(range(7)))
def test_the_order_of_the_joints_changes_no_bit(u, q, v, last, order):
    rows = LIMITS.joints
    swapped = TorqueLimits(
        tuple(rows[i] for i in order),
        LIMITS.period,
        LIMITS.power,
        LIMITS.return_speed,
        LIMITS.release_ratio,
    )
    plain, flags = limit_torque(LIMITS, u, q, v, last, T)
    arranged = [[x[i] for i in order] for x in (u, q, v, last)]
    mixed, other_flags = limit_torque(swapped, *arranged, T)
    assert mixed == [plain[i] for i in order]
    assert flags == other_flags


def test_torque_rises_at_the_slew_rate_and_falls_five_times_faster():
    wish = EFFORT.tolist()
    torque, flags = limit_torque(LIMITS, wish, START, STILL, STILL, T)
    np.testing.assert_allclose(torque, 20.0 * T * EFFORT)
    assert flags == Flag.SLEW
    torque, _ = limit_torque(LIMITS, STILL, START, STILL, wish, T)
    np.testing.assert_allclose(torque, 0.5 * EFFORT)
    np.testing.assert_allclose(release(LIMITS, wish, T), torque)


def test_braking_torque_may_come_at_the_fast_rate():
    v = (0.3 * SAWYER.limits.velocity).tolist()
    torque, _ = limit_torque(LIMITS, (-EFFORT).tolist(), START, v, STILL, T)
    np.testing.assert_allclose(torque, -0.5 * EFFORT)


def test_no_torque_accelerates_a_joint_beyond_the_speed_limit():
    v = (0.7 * SAWYER.limits.velocity + 1e-9).tolist()
    wish = EFFORT.tolist()
    torque, flags = limit_torque(LIMITS, wish, START, v, STILL, T)
    assert max(torque) <= 0.0
    assert flags & Flag.VELOCITY


def test_towards_a_soft_limit_the_allowed_speed_shrinks_to_nothing():
    wish = EFFORT.tolist()
    q = (SAWYER.soft_upper - 0.005).tolist()
    v = (0.3 * SAWYER.limits.velocity).tolist()
    torque, flags = limit_torque(LIMITS, wish, q, v, STILL, T)
    assert max(torque) < 0.0
    assert flags & Flag.APPROACH


@pytest.mark.parametrize('side', [1.0, -1.0])
def test_outside_a_soft_limit_torque_points_only_inward(side):
    edge = SAWYER.soft_upper if side > 0 else SAWYER.soft_lower
    q = (edge + side * 0.05).tolist()
    torque, flags = limit_torque(LIMITS, (side * EFFORT).tolist(), q, STILL, STILL, T)
    assert (side * np.array(torque) < 0.0).all()
    assert flags & Flag.WALL
    fast = (-side * np.full(7, 1.1)).tolist()
    torque, _ = limit_torque(LIMITS, STILL, q, fast, STILL, T)
    assert (side * np.array(torque) >= 0.0).all(), 'a fast return is not pushed any further'


def test_mechanical_power_is_bounded_and_braking_joints_keep_their_torque():
    limits = TorqueLimits.of(SAWYER, GuardConfig(power_fraction=0.05))
    v = 0.2 * SAWYER.limits.velocity * np.array([1, 1, 1, 1, 1, 1, -1])
    wish = 0.5 * EFFORT
    torque, flags = limit_torque(limits, wish.tolist(), START, v.tolist(), wish.tolist(), T)
    assert flags & Flag.POWER
    assert torque[6] == wish[6]
    steady = torque
    for _ in range(20):
        steady, _ = limit_torque(limits, wish.tolist(), START, v.tolist(), steady, T)
    assert np.maximum(0.0, np.array(steady) * v).sum() == pytest.approx(limits.power)


def test_the_normal_damping_is_off_and_can_be_set():
    v = [0.1] * 7
    assert limit_torque(LIMITS, STILL, START, v, STILL, T)[0] == STILL
    damped = TorqueLimits.of(SAWYER, GuardConfig(damping_gain=0.01))
    torque, _ = limit_torque(damped, STILL, START, v, STILL, T)
    np.testing.assert_allclose(torque, -0.01 * SAWYER.inertia_min / T * 0.1)


def overshoot(seconds=15, joints=90, seed=0):
    """Joints of unknown inertia and bias torque, pushed by the worst policies that we know: bang
    bang at random, always outward, always faster. One tick of sensing delay. Returns the farthest
    excursion beyond the soft limit (rad) and the top speed as a fraction of the filter's.
    """
    ones, rng = np.ones(joints), np.random.default_rng(seed)
    names = tuple(f'j{i}' for i in range(joints))
    box = JointLimits(
        names, -1.5 * ones, 1.5 * ones, 3 / 0.7 * ones, 10 * ones, 9 * ones, 9 * ones
    )
    spec = RobotSpec('rig', box, 0 * ones, 0 * ones, 9 * ones, 0.1 * ones, ones)
    limits = TorqueLimits.of(spec, GuardConfig(power_fraction=1.0))
    inertia, bias = 10 ** rng.uniform(-1, 0, joints), rng.uniform(-0.5, 0.5, joints)
    inertia[:9], bias[:9] = 1.0, 0.5
    inertia[9:18], bias[9:18] = 0.1, 0.5
    q, v, seen, torque = 0 * ones, 0 * ones, (0 * ones, 0 * ones), [0.0] * joints
    farthest = fastest = 0.0
    for k in range(200 * seconds):
        if k % 10 == 0:
            choices = [rng.choice([-1.0, 1.0], joints), np.sign(q + 1e-9), np.sign(v + 1e-9)]
            wish = 9.0 * np.choose(np.arange(joints) % 3, choices)
            wish[rng.random(joints) < 0.05] *= -1.0
        delayed, seen = seen, (q, v)
        q_seen, v_seen = (x.tolist() for x in delayed)
        torque, _ = limit_torque(limits, wish.tolist(), q_seen, v_seen, torque, T)
        for _ in range(10):
            v = v + 0.1 * T * (np.array(torque) + bias) / inertia
            q = q + 0.1 * T * v
        farthest = max(farthest, float(np.abs(q).max()) - 1.4)
        fastest = max(fastest, float(np.abs(v).max()) / 3.0)
    return farthest, fastest


def test_an_adversarial_policy_stays_within_seven_hundredths_of_a_rad_of_the_soft_limit():
    farthest, fastest = overshoot()
    assert 0.0 < farthest <= 0.05, 'the hard limit is at 0.1, the promise 0.07'
    assert fastest < 1.31
