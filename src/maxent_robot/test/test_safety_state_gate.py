# SPDX-License-Identifier: Apache-2.0
"""Which joint states are believed."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robots import DCLAW, MINITAUR, SAWYER
from maxent_robot.safety.state_gate import FROZEN_SAMPLES, StateGate
from maxent_robot.types import JointSample

MS = 1_000_000
NAMES = SAWYER.joint_names
Q = SAWYER.start
V = np.zeros(7)


def sample(stamp_ns, q=Q, v=V, names=NAMES):
    return JointSample(stamp_ns, names, np.array(q), np.array(v))


def word(reason):
    return reason and reason.split(':')[0]


@pytest.fixture
def gate():
    """A gate that has believed a state of stamp 10 s at time 3 s."""
    gate = StateGate(SAWYER)
    assert gate.check(sample(10_000 * MS), 3_000 * MS, False) is None
    return gate


def changed(index, value, base=Q):
    vector = np.array(base, dtype=np.float64)
    vector[index] = value
    return vector


@pytest.mark.parametrize(
    ('bad', 'expected'),
    [
        ({'q': changed(3, np.nan)}, 'non_finite'),
        ({'v': changed(0, np.inf, V)}, 'non_finite'),
        ({'q': changed(5, 3.2)}, 'range'),
        ({'v': changed(1, 2.7, V)}, 'range'),
        ({'q': Q[:6]}, 'size'),
        ({'v': []}, 'size'),
        ({'q': [], 'v': [], 'names': ()}, 'names'),
        ({'q': np.zeros((7, 1))}, 'size'),
        ({'names': (*NAMES[:6], 'right_j5')}, 'names'),
        ({'names': (*NAMES[:6], 'head_pan')}, 'names'),
    ],
)
def test_a_malformed_state_is_refused_with_the_reason(gate, bad, expected):
    before = gate.state
    assert word(gate.check(sample(10_005 * MS, **bad), 3_005 * MS, False)) == expected
    assert gate.state is before


def test_degrees_are_refused_as_out_of_range():
    gate = StateGate(SAWYER)
    assert word(gate.check(sample(0, q=np.degrees(Q)), 0, False)) == 'range'


@given(st.permutations(range(9)))
def test_joints_are_found_by_name_whatever_their_order_and_company(order):
    names = (*NAMES, 'head_pan', 'torso_t0')
    q, v = np.r_[Q, np.nan, 99.0], np.r_[0.1 * Q, np.nan, np.inf]
    gate = StateGate(SAWYER)
    shuffled = sample(5, q[list(order)], v[list(order)], tuple(names[i] for i in order))
    assert gate.check(shuffled, 5, False) is None
    assert gate.q == Q.tolist()
    assert gate.v == (0.1 * Q).tolist()


def test_a_repeated_stamp_is_a_duplicate_and_not_fresh(gate):
    assert gate.check(sample(10_000 * MS), 3_050 * MS, False) == 'duplicate'
    assert gate.received_ns == 3_000 * MS


def test_an_older_state_is_out_of_order(gate):
    assert gate.check(sample(10_010 * MS), 3_010 * MS, False) is None
    assert word(gate.check(sample(10_005 * MS), 3_011 * MS, False)) == 'out_of_order'


@pytest.mark.parametrize(
    ('skew_ms', 'expected'), [(-100, None), (-101, 'old'), (20, None), (21, 'future')]
)
def test_stamps_may_lag_a_tenth_of_a_second_and_lead_a_fiftieth(gate, skew_ms, expected):
    now = 3_500 * MS
    assert word(gate.check(sample(10_500 * MS + skew_ms * MS), now, False)) == expected


@pytest.mark.parametrize('jump_ms', [-3_600_000, -10_000, 10_000, 3_600_000])
def test_after_a_clock_jump_the_fifth_consistent_state_is_believed(gate, jump_ms):
    reasons = []
    for k in range(1, 8):
        stamp = (10_000 + jump_ms + 5 * k) * MS
        reasons.append(gate.check(sample(stamp), (3_000 + 5 * k) * MS, False))
    assert all(reasons[:4])
    assert reasons[4:] == [None, None, None]
    assert gate.rebases == 1


def test_a_burst_of_queued_old_states_is_not_taken_for_a_new_clock(gate):
    assert gate.check(sample(12_000 * MS), 5_000 * MS, False) is None
    for k in range(200):
        assert gate.check(sample((10_500 + 5 * k) * MS), 5_001 * MS + k * 1000, False)
    assert gate.rebases == 0


def test_scattered_stamps_never_become_a_clock(gate):
    rng = np.random.default_rng(0)
    for k in range(200):
        stamp = int(rng.integers(20_000, 90_000)) * MS
        assert gate.check(sample(stamp), (3_000 + 5 * k) * MS, False)


def test_a_restarted_lock_step_time_is_taken_up_by_the_fifth_repetition():
    gate = StateGate(SAWYER)
    assert gate.check(sample(10_000 * MS), 10_000 * MS, False) is None
    reasons = [gate.check(sample(0), 0, False) for _ in range(5)]
    assert [word(reason) for reason in reasons] == ['out_of_order'] * 4 + [None]


def test_a_single_jump_is_dropped_and_the_next_state_believed(gate):
    reason = gate.check(sample(10_005 * MS, q=changed(2, 0.2)), 3_005 * MS, False)
    assert reason.startswith('jump: right_j2 moved 0.200 rad in 5.0 ms')
    assert gate.jumps == 1
    assert gate.check(sample(10_010 * MS), 3_010 * MS, False) is None
    assert gate.jumps == 0


def test_five_states_that_agree_with_each_other_become_the_new_pose(gate):
    reasons = []
    for k in range(1, 6):
        q = changed(2, 0.5 + 0.001 * k)
        reasons.append(gate.check(sample((10_000 + 5 * k) * MS, q=q), (3_000 + 5 * k) * MS, False))
    assert [word(reason) for reason in reasons] == ['jump'] * 4 + [None]


def test_states_that_jump_about_are_never_believed(gate):
    for k in range(1, 20):
        q = changed(2, 0.8 * (-1) ** k)
        assert gate.check(sample((10_000 + 5 * k) * MS, q=q), (3_000 + 5 * k) * MS, False)
    assert gate.jumps == 19


def test_any_pose_reachable_in_a_two_second_gap_is_believed():
    gate = StateGate(SAWYER)
    assert gate.check(sample(0), 0, False) is None
    far = SAWYER.soft_upper
    assert gate.check(sample(2_000 * MS, q=far), 2_000 * MS, False) is None


def run_still(gate, count, acting, first=1):
    for k in range(first, first + count):
        assert gate.check(sample((10_000 + 5 * k) * MS), (3_000 + 5 * k) * MS, acting) is None


def test_a_state_that_repeats_to_the_bit_under_torque_is_frozen(gate):
    run_still(gate, FROZEN_SAMPLES - 1, acting=True)
    assert not gate.frozen
    run_still(gate, 1, acting=True, first=FROZEN_SAMPLES)
    assert gate.frozen
    run_still(gate, 5, acting=False, first=FROZEN_SAMPLES + 1)
    assert gate.frozen, 'letting go is no sign of life'
    stamp = 10_000 + 5 * (FROZEN_SAMPLES + 6)
    assert gate.check(sample(stamp * MS, q=Q + 1e-12), (stamp - 7_000) * MS, False) is None
    assert not gate.frozen


def test_a_robot_at_rest_without_torque_is_not_frozen(gate):
    run_still(gate, 100, acting=False)
    assert not gate.frozen


# What a robot tells besides its joints


def full(stamp_ns, robot=MINITAUR, effort=None, names=None, **signals):
    n = len(robot.joint_names)
    names = robot.joint_names if names is None else names
    return JointSample(stamp_ns, names, robot.start.copy(), np.zeros(n), effort, signals)


LEVEL = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.81])


def test_a_state_with_the_signals_that_the_guard_must_see_is_believed_and_keeps_them():
    gate = StateGate(MINITAUR)
    odometry = np.full(13, np.nan)  # no concern of the guard's
    assert gate.check(full(0, imu=LEVEL, odometry=odometry), 0, False) is None
    np.testing.assert_array_equal(gate.state.signals['imu'], LEVEL)
    assert gate.state.signals['odometry'] is odometry


@pytest.mark.parametrize(
    ('signals', 'expected'),
    [
        ({}, 'signal: imu is missing or does not hold 10 numbers'),
        ({'odometry': np.zeros(13)}, 'signal: imu is missing'),
        ({'imu': LEVEL[:9]}, 'signal: imu is missing or does not hold 10 numbers'),
        ({'imu': LEVEL[None]}, 'signal: imu is missing or does not hold 10 numbers'),
        ({'imu': np.r_[LEVEL[:9], np.nan]}, 'non_finite: imu'),
        ({'imu': np.r_[np.inf, LEVEL[1:]]}, 'non_finite: imu'),
    ],
)
def test_a_state_without_a_usable_signal_that_the_guard_must_see_is_refused(signals, expected):
    gate = StateGate(MINITAUR)
    assert gate.check(full(0, imu=LEVEL), 0, False) is None
    before = gate.state
    assert gate.check(full(6 * MS, **signals), 6 * MS, False).startswith(expected)
    assert gate.state is before
    assert gate.check(full(12 * MS, imu=LEVEL), 12 * MS, False) is None


def test_a_guard_that_needs_no_signals_believes_states_without_any():
    assert StateGate(DCLAW).check(full(0, DCLAW), 0, False) is None


@given(st.permutations(range(8)))
def test_measured_efforts_are_found_by_name(order):
    effort = np.arange(8) / 10.0
    names = tuple(MINITAUR.joint_names[i] for i in order)
    gate = StateGate(MINITAUR)
    sample = full(0, effort=effort[list(order)], names=names, imu=LEVEL)
    assert gate.check(sample, 0, False) is None
    assert gate.effort == effort.tolist()


@pytest.mark.parametrize(
    'effort',
    [None, np.zeros(0), np.zeros(7), np.zeros((8, 1)), np.full(8, np.nan)],
    ids=['none', 'empty', 'short', 'flat', 'nan'],
)
def test_efforts_that_cannot_be_used_are_not_known_but_the_state_is_believed(effort):
    gate = StateGate(MINITAUR)
    assert gate.check(full(0, effort=np.ones(8), imu=LEVEL), 0, False) is None
    assert gate.effort == [1.0] * 8
    assert gate.check(full(6 * MS, effort=effort, imu=LEVEL), 6 * MS, False) is None
    assert gate.effort is None, 'nor is what was measured before still true'
