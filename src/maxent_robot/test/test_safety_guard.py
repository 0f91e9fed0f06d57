# SPDX-License-Identifier: Apache-2.0
"""The guard as a whole: the lock-step contract, the ladder, and any input whatever."""

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np

from maxent_robot.robots import SAWYER
from maxent_robot.safety.flags import Flag
from maxent_robot.types import CommandMode, Level

MS = 1_000_000
NAMES = SAWYER.joint_names
TORQUE, POSITION = CommandMode.TORQUE, CommandMode.POSITION
WISH = 0.2 * SAWYER.policy_effort
OPEN = dataclasses.replace(SAWYER, chain=None, box=None)  # for motions through all of space


def levels(results):
    return [result.level for result in results]


def word(result):
    reason = result if isinstance(result, str) else result.reason
    return reason.split(':')[0]


# ---------------------------------------------------------------- the lock-step contract


def test_until_a_first_action_is_accepted_nothing_is_commanded(make_rig):
    rig = make_rig()
    assert word(rig.action()) == 'no_state'
    rig.acts = False
    assert all(r.command is None and r.level is Level.NORMAL for r in rig.run(50))
    assert rig.guard.idle
    rig.acts = True
    assert all(r.command is not None for r in rig.run(50))
    rig.acts = rig.shows = False
    assert all(r.command is not None for r in rig.run(500))
    assert not rig.guard.idle


def test_the_tenth_tick_finishes_the_action_before_the_next_is_due(make_rig):
    rig = make_rig()
    results = rig.run(40)
    assert [r.finished is not None for r in results] == ([False] * 9 + [True]) * 4
    for k, result in enumerate(results[9::10]):
        commands = [r.command.values for r in results[10 * k : 10 * k + 10]]
        np.testing.assert_allclose(result.finished.applied, np.mean(commands, axis=0))
        np.testing.assert_array_equal(result.finished.desired, WISH)
        assert result.finished.stamp_ns == 50 * MS * k
        assert result.finished.ticks == 10
    assert rig.guard.action_due(rig.now)


def test_a_command_carries_the_stamp_of_the_state_it_is_based_on(rig):
    assert rig.step().command.stamp_ns == rig.now - 5 * MS


def test_in_ordinary_motion_the_command_is_the_policys_wish(rig):
    np.testing.assert_array_equal(rig.step().command.values, WISH)
    assert rig.guard.counters.interventions == 0


def test_a_reset_gap_forgets_the_past_and_stops_nothing(rig):
    rig.now += 2_000 * MS
    rig.q, rig.v = SAWYER.neutral.copy(), np.zeros(7)
    rig.wish = SAWYER.policy_effort
    result = rig.step()
    assert result.level is Level.NORMAL
    assert result.flags & Flag.FORGOT
    np.testing.assert_allclose(result.command.values, 20.0 * 0.005 * SAWYER.limits.command_effort)
    assert rig.run(9)[-1].finished.ticks == 10
    assert rig.guard.counters.overruns == 0


def test_after_a_gap_the_ladder_is_judged_afresh(rig):
    rig.acts = False
    assert rig.run(40)[-1].level is Level.DAMP
    rig.now += 2_000 * MS
    rig.acts = True
    assert rig.step().level is Level.NORMAL


def test_switching_to_positions_starts_from_the_measured_pose(rig):
    rig.run(rig.guard.action_due(rig.now) * 10)
    rig.mode, rig.wish = POSITION, SAWYER.start
    while not rig.guard.action_due(rig.now):
        rig.step()
    before = rig.q.copy()
    result = rig.step()
    assert result.command.mode is POSITION
    np.testing.assert_allclose(result.command.values, before, atol=0.01)


def test_positions_lead_the_robot_to_a_far_pose_inside_all_limits(make_rig):
    rig = make_rig(OPEN, q=SAWYER.neutral)
    rig.mode, rig.wish = POSITION, np.array([2.5, 1.5, -2.0, 0.0, 2.5, -2.0, -1.0])
    results = rig.run(1600)
    assert set(levels(results)) == {Level.NORMAL}
    path = np.array([r.command.values for r in results])
    assert (np.abs(np.diff(path, axis=0)) <= 0.7 * SAWYER.limits.velocity * 0.005 + 1e-12).all()
    np.testing.assert_allclose(rig.q, rig.wish, atol=1e-6)


def test_a_restarted_simulation_is_taken_up_again(rig):
    rig.now = 0
    rig.acts = False
    reasons = [rig.state() for _ in range(5)]
    assert reasons[-1] is None
    assert rig.guard.action_due(0)
    assert rig.action() is None
    result = rig.guard.tick(0)
    assert result.level is Level.NORMAL
    assert result.flags & Flag.FORGOT


# ---------------------------------------------------------------- the ladder


def test_a_lost_policy_is_held_then_damped_then_relaxed_on_time(rig):
    """S11: ages are counted from the receipt of the last action."""
    while not rig.guard.action_due(rig.now):
        rig.step()
    start = rig.now
    rig.step()
    rig.acts = False
    results = rig.run(120)
    times = {}
    for k, result in enumerate(results):
        times.setdefault(result.level, start + 5 * MS * (k + 1))
    assert {level: (t - start) // MS for level, t in times.items()} == {
        Level.NORMAL: 5,
        Level.HOLD: 80,
        Level.DAMP: 155,
        Level.RELAX: 505,
    }
    np.testing.assert_array_equal(results[20].command.values, WISH)
    assert np.dot(results[31].command.values, rig.v) <= 0.0
    np.testing.assert_array_equal(rig.run(41)[-1].command.values, 0.0)
    assert word(rig.result) == 'action_lost'


def test_a_returning_policy_is_served_after_exactly_five_good_ticks_and_gently(rig):
    rig.acts = False
    rig.run(85)
    rig.acts = True
    results = rig.run(60)
    assert levels(results) == [Level.DAMP] * 4 + [Level.NORMAL] * 56
    commands = np.array([r.command.values for r in results])
    assert np.abs(commands[:6]).max() < 0.1 * WISH.max()
    assert (np.abs(np.diff(commands, axis=0)) <= 0.06 * WISH).all()
    np.testing.assert_array_equal(commands[-1], WISH)
    blended = [bool(r.flags & Flag.BLEND) for r in results]
    assert blended == [False] * 4 + [True] * 50 + [False] * 6


def test_a_late_action_is_held_and_then_served_without_braking(rig):
    """S12: inference that takes 100 ms now and then."""
    rig.acts = False
    while rig.step().level is Level.NORMAL:
        pass
    rig.acts = True
    results = rig.run(20)
    assert levels(results) == [Level.HOLD] * 4 + [Level.NORMAL] * 16
    assert all((r.command.values == WISH).all() for r in results)


anything = st.floats() | st.sampled_from([np.nan, np.inf, 1e300, 5e-324])
vector = st.lists(anything, min_size=7, max_size=7)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            vector, vector, vector, st.integers(-(10**10), 10**10), st.sampled_from(CommandMode)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_comes_in_each_command_is_finite_and_within_the_limits(make_rig, messages):
    rig = make_rig()
    rig.run(5)
    for q, v, wish, dt, mode in messages:
        rig.now += dt
        rig.state(position=np.array(q), velocity=np.array(v))
        rig.action(values=np.array(wish), mode=mode)
        command = rig.guard.tick(rig.now).command
        assert np.isfinite(command.values).all()
        if command.mode is TORQUE:
            assert (np.abs(command.values) <= SAWYER.limits.command_effort).all()
        else:
            assert (command.values >= SAWYER.limits.position_lower).all()
            assert (command.values <= SAWYER.limits.position_upper).all()
