# SPDX-License-Identifier: Apache-2.0
"""Cases S1-S35 of the safety specification, as far as they are in the guard's power."""

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.config import GuardConfig
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


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_s1_an_action_that_is_not_finite_is_dropped_and_age_climbs_the_ladder(rig, bad):
    rig.wish = np.r_[WISH[:6], bad]
    seen = rig.run(60)
    assert Level.HOLD in levels(seen)
    assert seen[-1].level is Level.DAMP
    assert np.isfinite([r.command.values for r in seen]).all()
    assert rig.guard.counters.actions_refused > 0


def test_s2_an_action_of_the_wrong_size_is_refused(rig):
    assert word(rig.action(values=WISH[:6])) == 'size'


def test_s3_states_that_are_not_finite_are_dropped_until_they_are_stale(rig):
    rig.broken_state = lambda s: dataclasses.replace(s, position=s.position * np.nan)
    results = rig.run(8)
    assert levels(results) == [Level.NORMAL] * 6 + [Level.DAMP] * 2
    assert np.isfinite([r.command.values for r in results]).all()
    assert rig.guard.counters.states_refused == 8


def test_s4_without_states_torque_goes_to_zero_after_three_periods(rig):
    rig.shows = rig.acts = False
    results = rig.run(12)
    assert levels(results)[:7] == [Level.NORMAL] * 6 + [Level.DAMP]
    assert word(results[6]) == 'state_stale'
    np.testing.assert_array_equal(results[-1].command.values, 0.0)
    rig.shows = rig.acts = True
    assert levels(rig.run(5)) == [Level.DAMP] * 4 + [Level.NORMAL]


def test_s5_a_frozen_driver_is_found_out_by_the_twenty_fifth_repetition(rig):
    rig.physics = False
    assert Level.DAMP in levels(rig.run(27))
    assert word(rig.result) == 'state_frozen'
    assert rig.run(100)[-1].level is Level.DAMP
    rig.physics = True
    rig.v = rig.v + 1e-6
    assert rig.run(6)[-1].level is Level.NORMAL


@pytest.mark.parametrize('shift', [10_000 * MS, -10_000 * MS])
def test_s6_a_single_foreign_stamp_is_dropped_and_is_not_fresh(rig, shift):
    reason = rig.state(stamp_ns=rig.now + shift)
    assert word(reason) in ('future', 'old')
    assert rig.guard.state.stamp_ns == rig.now - 5 * MS
    assert rig.run(20)[-1].level is Level.NORMAL


def test_s7_duplicates_and_disorder_are_dropped_and_counted(rig):
    rig.step()
    rig.now -= 5 * MS
    assert rig.state() == 'duplicate'
    assert word(rig.state(stamp_ns=rig.now - 1)) == 'out_of_order'
    while not rig.guard.action_due(rig.now):
        rig.now += 5 * MS
        rig.state()
    assert rig.action() is None
    assert rig.action(seq=rig.seq) == 'duplicate'
    assert word(rig.action(seq=1)) == 'out_of_order'
    assert rig.guard.counters.duplicates == 2


def test_s8_a_robot_with_other_joints_is_never_commanded(make_rig):
    rig = make_rig()
    rig.broken_state = lambda s: dataclasses.replace(s, names=('a', *NAMES[1:]))
    assert all(r.command is None for r in rig.run(50))
    assert rig.guard.idle


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(7)), st.permutations(range(7)))
def test_s9_permuted_names_give_the_same_command_to_the_bit(make_rig, of_state, of_action):
    plain, mixed = make_rig(), make_rig()
    i, j = list(of_state), list(of_action)
    for rig in (plain, mixed):
        rig.v = 0.3 * np.arange(7.0) / 7.0
    plain.state()
    plain.action()
    mixed.state(names=tuple(NAMES[k] for k in i), position=mixed.q[i], velocity=mixed.v[i])
    mixed.action(names=tuple(NAMES[k] for k in j), values=WISH[j])
    commands = [rig.guard.tick(0).command.values.tobytes() for rig in (plain, mixed)]
    assert commands[0] == commands[1]


def test_s10_the_first_jump_is_dropped_the_third_brakes_and_five_consistent_are_believed(make_rig):
    rig = make_rig(OPEN)
    rig.run(20)
    rig.q = rig.q + 0.5
    rig.v[:] = 0.0
    rig.physics = False
    results = rig.run(5)
    assert levels(results) == [Level.NORMAL] * 2 + [Level.DAMP] * 3
    assert word(results[3]) == 'state_jump'
    np.testing.assert_array_equal(rig.guard.state.position, rig.q)
    rig.physics = True
    assert rig.run(10)[-1].level is Level.NORMAL


def test_s13_ticks_that_come_late_too_often_brake(rig):
    seen = []
    for _ in range(12):
        rig.now += 8 * MS
        seen.append(rig.step())
    assert levels(seen) == [Level.NORMAL] * 10 + [Level.DAMP] * 2
    assert word(seen[-1]) == 'overruns'
    assert seen[0].flags & Flag.PERIOD
    assert rig.guard.counters.overruns == 12
    assert rig.run(300)[-1].level is Level.NORMAL


@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_s15_and_s16_a_policy_that_pushes_into_a_limit_stays_within_the_hard_one(make_rig, sign):
    rig = make_rig(OPEN)
    rig.wish = sign * SAWYER.policy_effort
    flags = 0
    for _ in range(2000):
        flags |= rig.step().flags
        assert (rig.q < SAWYER.limits.position_upper).all()
        assert (rig.q > SAWYER.limits.position_lower).all()
    assert flags & Flag.APPROACH
    assert rig.result.level is Level.NORMAL


def test_s16_from_outside_the_soft_limits_the_robot_comes_back_slowly(make_rig):
    rig = make_rig(OPEN, q=SAWYER.limits.position_upper - 0.02)
    rig.wish = SAWYER.policy_effort
    for _ in range(400):
        rig.step()
        assert rig.v.min() > -1.0
        assert rig.v.max() < 0.05
    assert (rig.q < SAWYER.soft_upper + 0.06).all()


@pytest.mark.parametrize(('beyond', 'level'), [(0.03, Level.DAMP), (0.06, Level.ESTOP)])
def test_s17_beyond_a_hard_limit_it_brakes_and_then_stops(make_rig, beyond, level):
    pose = SAWYER.start.copy()
    pose[5] = SAWYER.limits.position_upper[5] + beyond
    rig = make_rig(OPEN, q=pose)
    rig.wish = 0.0 * WISH
    result = rig.step()
    assert result.level is level
    assert 'hard_limit' in result.reason
    assert result.command.values[5] < 0.0, 'pushed back inward all the same'


@pytest.mark.parametrize(('factor', 'level'), [(1.1, Level.DAMP), (1.4, Level.ESTOP)])
def test_s18_overspeed_brakes_and_a_third_more_stops(rig, factor, level):
    rig.v[1] = factor * 1.328
    rig.physics = False
    results = []
    for _ in range(3):
        rig.q = rig.q + 0.005 * rig.v
        results.append(rig.step())
    assert results[-1].level is level
    assert results[-1].command.values[1] < 0.0


def test_s19_far_outside_the_workspace_the_policy_is_cut_off_until_the_tip_is_back(make_rig):
    rig = make_rig()
    tip = SAWYER.chain.tip(SAWYER.start)
    lower = SAWYER.box.lower.copy()
    lower[2] = tip[2] + 0.06
    box = dataclasses.replace(SAWYER.box, lower=lower)
    rig = make_rig(dataclasses.replace(SAWYER, box=box))
    rig.wish = 0.0 * WISH
    result = rig.step()
    assert result.level is Level.DAMP
    assert word(result) == 'workspace'
    assert (SAWYER.chain.jacobian(SAWYER.start) @ result.command.values)[2] > 0.0
    assert rig.run(1000)[-1].level is Level.NORMAL


def test_s20_a_step_of_the_policy_is_slewed(rig):
    before = rig.step().command.values
    rig.wish = -WISH
    results = rig.run(20)
    commands = np.array([before, *(r.command.values for r in results)])
    most = 5.0 * 20.0 * SAWYER.limits.command_effort * 0.005
    assert (np.abs(np.diff(commands, axis=0)) <= most + 1e-12).all()
    np.testing.assert_array_equal(commands[-1], -WISH)


def test_s21_an_overload_relaxes_until_it_has_cooled_and_a_person_clears_it(make_rig):
    rig = make_rig(OPEN, GuardConfig(overload_effort=0.3))
    seen = rig.run(260)
    assert word(seen[-1]) == 'overload'
    assert seen[-1].level is Level.RELAX
    assert rig.guard.clear_estop(rig.now)[0] is False
    assert rig.run(2000)[-1].level is Level.RELAX
    assert rig.guard.clear_estop(rig.now)[0] is True
    assert rig.run(5)[-1].level is Level.NORMAL


def test_s22_a_blocked_joint_is_noticed_and_the_set_point_comes_back_to_it(make_rig):
    rig = make_rig()
    rig.mode, rig.wish = POSITION, SAWYER.start + 0.5
    rig.physics = False
    seen = rig.run(250)
    assert 'tracking' in {word(r) for r in seen}
    assert rig.run(60)[-1].level is Level.DAMP
    np.testing.assert_allclose(rig.result.command.values, SAWYER.start, atol=0.05)


def test_s25_a_second_policy_is_refused_and_the_first_goes_on(rig):
    for _ in range(100):
        reason = rig.action(session_id='second')
        rig.seq -= 1
        assert word(reason) == 'other_session'
        assert rig.step().level is Level.NORMAL
    assert rig.guard.session_id == 'first'


def test_s25_the_second_policy_takes_over_when_the_first_is_silent(rig):
    rig.acts = False
    rig.run(120)
    rig.acts, rig.session, rig.seq = True, 'second', 0
    results = rig.run(10)
    assert rig.guard.session_id == 'second'
    assert levels(results)[-1] is Level.NORMAL


@pytest.mark.parametrize('jump', [-3_600_000 * MS, -400 * MS, 300 * MS, 3_600_000 * MS])
def test_s26_a_clock_jump_causes_no_step_of_torque_and_is_over_soon(rig, jump):
    before = rig.step().command.values
    rig.stamp_shift = jump
    results = rig.run(100)
    commands = np.array([before, *(r.command.values for r in results)])
    slow = 20.0 * SAWYER.limits.command_effort * 0.005
    assert (np.abs(np.diff(commands, axis=0)) <= 5.0 * slow).all()
    assert max(levels(results)) <= Level.DAMP
    assert results[-1].level is Level.NORMAL


def test_s32_an_emergency_stop_brakes_at_the_very_next_tick_and_stays(rig):
    rig.guard.estop('button')
    result = rig.step()
    assert result.level is Level.ESTOP
    assert result.reason == 'emergency_stop: button'
    assert result.flags & Flag.EMERGENCY_STOP
    moving = rig.v != 0.0
    assert (result.command.values[moving] < WISH[moving]).all()
    rig.guard.estop('another')
    assert set(levels(rig.run(400))) == {Level.ESTOP}
    assert rig.result.reason == 'emergency_stop: button'


def test_s32_an_emergency_stop_is_cleared_only_for_a_robot_that_stands_and_is_seen(rig):
    rig.guard.estop('button')
    rig.v[0] = 0.3
    rig.step()
    assert 'wait until it stands' in rig.guard.clear_estop(rig.now)[1]
    rig.run(400)
    assert 'no fresh joint state' in rig.guard.clear_estop(rig.now + 100 * MS)[1]
    assert rig.guard.clear_estop(rig.now) == (True, 'cleared')
    assert levels(rig.run(6)) == [Level.ESTOP] * 4 + [Level.NORMAL] * 2
    assert rig.result.flags & Flag.BLEND


def test_s32_it_is_not_cleared_while_its_cause_persists(make_rig):
    pose = SAWYER.start.copy()
    pose[5] = SAWYER.limits.position_upper[5] + 0.06
    rig = make_rig(OPEN, q=pose)
    rig.physics = False
    rig.step()
    done, why = rig.guard.clear_estop(rig.now)
    assert not done
    assert 'hard_limit: right_j5' in why


def test_s32_while_idle_a_stop_is_latched_and_nothing_is_commanded(make_rig):
    rig = make_rig()
    rig.acts = False
    rig.run(3)
    rig.guard.estop('button')
    result = rig.step()
    assert (result.command, result.level) == (None, Level.ESTOP)
    rig.acts = True
    assert levels(rig.run(20)) == [Level.ESTOP] * 20


def test_s32_a_stop_in_position_mode_brakes_and_holds(rig):
    rig.mode, rig.wish = POSITION, SAWYER.start + 0.5
    rig.run(30)
    rig.guard.estop('button')
    rig.run(100)
    held = rig.result.command.values
    assert (rig.run(50)[-1].command.values == held).all()
    assert rig.result.command.mode is POSITION


class BrokenChain:
    """Kinematics that has gone wrong."""

    joints = 7

    def tip(self, q):
        return np.full(3, 9.0)

    def jacobian(self, q):
        return np.full((3, 7), np.nan)


def test_s35_a_filter_that_fails_once_brakes_and_twice_stops_for_good(make_rig):
    rig = make_rig(dataclasses.replace(SAWYER, chain=BrokenChain()))
    first, second = rig.run(2)
    assert (first.level, second.level) == (Level.DAMP, Level.ESTOP)
    assert first.reason.startswith('internal: ')
    assert first.flags & Flag.NON_FINITE_OUTPUT
    assert np.isfinite([first.command.values, second.command.values]).all()


class FlakyChain(BrokenChain):
    """Kinematics that works at every other call."""

    def __init__(self):
        self.calls = 0

    def tip(self, q):
        self.calls += 1
        return np.full(3, 9.0) if self.calls % 2 else SAWYER.chain.tip(SAWYER.start)


def test_s35_failures_with_good_ticks_between_them_do_not_add_up(make_rig):
    rig = make_rig(dataclasses.replace(SAWYER, chain=FlakyChain()))
    results = rig.run(20)
    assert sum(bool(r.flags & Flag.NON_FINITE_OUTPUT) for r in results) == 10
    assert set(levels(results)) == {Level.DAMP}
