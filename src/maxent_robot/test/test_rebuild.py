# SPDX-License-Identifier: Apache-2.0
"""Recorded states and commands become steps; what is late, lost or wrong never becomes one."""

from dataclasses import replace

import numpy as np
import pytest
from recording_world import (
    PERIOD,
    T0,
    TICK,
    TICKS,
    Recording,
    recording,
    same,
    sample,
    summary,
    torque,
)

from maxent_robot.rebuild import RebuildCounts, Rebuilder
from maxent_robot.robots import DCLAW, SAWYER
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode, JointSample

# What steps are made of


def test_nothing_is_held_back_for_ever():
    made = recording(100 * TICKS)
    whole, _ = made.run()
    counts = RebuildCounts()
    options = {'oldest_ns': {}, 'by_applied': False, 'by_steps': False}
    rebuilder = Rebuilder(SAWYER, make_task(SAWYER, 'reach'), 3, counts, **options)
    early = []
    for at_ns, method, arguments in made.events:
        timed = [at_ns] if method == 'on_joints' else []
        early += getattr(rebuilder, method)(*arguments, *timed) or []
    assert len(whole) - len(early) < 50
    same(early + rebuilder.finish(), whole)


def test_every_period_becomes_a_transition_judged_by_the_task():
    steps, counts = recording(5 * TICKS + 1).run()
    assert summary(steps) == [(0, index) for index in range(6)]
    assert (counts.episodes, counts.transitions, counts.choices_inferred) == (1, 5, 5)
    task = make_task(SAWYER, 'reach')
    for number, step in enumerate(steps):
        state = sample(number * TICKS)
        assert step.stamp_ns == state.stamp_ns
        np.testing.assert_array_equal(step.observation, task.observe(state))
    for number, step in enumerate(steps[1:]):
        mean = sum(torque(number * TICKS + k) for k in range(TICKS)) / TICKS
        np.testing.assert_array_equal(step.applied_action, task.mapping.to_normalised(mean))
        np.testing.assert_array_equal(step.action, step.applied_action)
        outcome = task.evaluate(sample((number + 1) * TICKS), step.applied_action)
        assert (step.reward, step.measures) == (outcome.reward, outcome.measures)
    assert {step.session_id for step in steps} == {'rebuilt'}
    assert {(step.skill, step.policy_version) for step in steps} == {('reach', 0)}
    assert {step.layout_hash for step in steps} == {task.layout.hash}


def test_the_guards_accounts_and_the_commands_themselves_tell_the_same():
    by_hand, _ = recording(5 * TICKS + 1).run()
    ours = recording(5 * TICKS + 1, commands=False)
    for number in range(5):
        ours.applied(number * TICKS)
    steps, counts = ours.run(by_applied=True)
    for mine, theirs in zip(steps, by_hand, strict=True):
        np.testing.assert_array_equal(mine.applied_action, theirs.applied_action)
        assert mine.reward == theirs.reward
    assert counts.actions.unused == 0


def test_of_positions_the_newest_of_the_period_counts():
    task = make_task(DCLAW, 'turn')
    made, names, tick = Recording(), DCLAW.joint_names, DCLAW.guard_period_ns
    goal = DCLAW.start + 0.01 * np.arange(9)
    for number in range(11):
        stamp = T0 + number * tick
        made.add(stamp, 'on_signal', 'valve', stamp, np.array([0.1, 0.0]))
        made.joints(JointSample(stamp, names, DCLAW.start, np.zeros(9)))
        made.command(stamp + 10, goal + 0.001 * number, None, CommandMode.POSITION)
    steps, _ = made.run(task, DCLAW, oldest_ns={'valve': 30_000_000})
    assert summary(steps) == [(0, 0), (0, 1)]
    newest = task.mapping.to_normalised(goal + 0.009)
    np.testing.assert_array_equal(steps[1].applied_action, newest)
    np.testing.assert_array_equal(steps[1].action, newest)


@pytest.mark.parametrize('clock_ns', [None, 0, 3_600_000_000_000, -7_777_777])
def test_a_command_without_a_stamp_or_of_another_clock_belongs_to_the_state_before(clock_ns):
    made = recording(2 * TICKS + 1, commands=False)
    for tick in range(2 * TICKS + 1):
        stamp = T0 + tick * TICK
        made.command(
            stamp + 1000, torque(tick), None if clock_ns is None else stamp + 1 + clock_ns
        )
    steps, counts = made.run()
    same(steps, recording(2 * TICKS + 1).run()[0])
    assert counts.actions.by_receipt == 2 * TICKS


def test_a_repeated_command_counts_once_and_a_late_one_where_its_stamp_says():
    made = recording(2 * TICKS + 1)
    made.command(T0 + 3 * TICK + 2000, torque(2), T0 + 2 * TICK)
    late = recording(2 * TICKS + 1)
    late.events = [
        (at + 3 * TICK if method == 'on_command' else at, method, arguments)
        for at, method, arguments in late.events
    ]
    whole, _ = recording(2 * TICKS + 1).run()
    steps, counts = made.run()
    same(steps, whole)
    assert counts.actions.duplicates == 1
    same(late.run()[0], whole)


# States


def test_joints_may_be_permuted_and_among_others():
    made = recording(2 * TICKS + 1)
    order = [3, 0, 7, 6, 1, 2, 5, 4]
    for number, (at, method, arguments) in enumerate(made.events):
        if method == 'on_joints':
            state = arguments[0]
            names = (*state.names, 'gripper')
            other = JointSample(
                state.stamp_ns,
                tuple(names[k] for k in order),
                np.append(state.position, 9.0)[order],
                np.append(state.velocity, 9.0)[order],
            )
            made.events[number] = (at, method, (other,))
    same(made.run()[0], recording(2 * TICKS + 1).run()[0])


def test_late_states_are_put_in_their_place_and_repeated_ones_dropped():
    made = recording(3 * TICKS + 1)
    moved = made.events[2 * TICKS]
    assert moved[1] == 'on_joints'
    made.events[2 * TICKS] = (moved[0] + 4 * TICK + 1, *moved[1:])  # a decision is late by 20 ms
    made.joints(sample(7), T0 + 9 * TICK)
    steps, counts = made.run()
    same(steps, recording(3 * TICKS + 1).run()[0])
    assert (counts.states.reordered, counts.states.duplicates) == (1, 1)


def bad_states():
    good = sample(3)
    nan = good.position.copy()
    nan[2] = np.nan
    return {
        'malformed': replace(good, position=nan),
        'unstamped': replace(good, stamp_ns=0),
        'without_joints': replace(good, names=(*good.names[:6], 'gripper')),
        'impossible': replace(good, position=np.rad2deg(good.position)),
    }


@pytest.mark.parametrize('kind', bad_states())
def test_a_state_that_is_none_is_left_out_and_counted(kind):
    made = recording(2 * TICKS + 1)
    made.joints(bad_states()[kind], T0 + 3 * TICK + 1)
    steps, counts = made.run()
    same(steps, recording(2 * TICKS + 1).run()[0])
    assert getattr(counts.states, kind) == 1


def test_a_malformed_word_twice_is_refused_as_the_joint_reader_does():
    made = recording(TICKS + 1)
    good = sample(3)
    made.joints(replace(good, names=(*good.names[:6], good.names[0])), T0 + 3 * TICK + 1)
    made.joints(replace(good, velocity=np.zeros(0)), T0 + 3 * TICK + 2)
    counts = made.run()[1].states
    assert counts.malformed + counts.without_joints == 2


# Where there is no transition


def test_a_missing_decision_breaks_the_segment():
    lost = range(2 * TICKS, 3 * TICKS)
    steps, counts = recording(5 * TICKS + 1, lose=lost).run()
    assert summary(steps) == [(0, 0), (0, 1), (0, 0), (0, 1), (0, 2)]
    assert (counts.gaps, counts.resets) == (1, 0)


def test_one_missing_state_within_the_period_is_no_harm_and_one_at_its_end_delays_it():
    assert summary(recording(2 * TICKS + 1, lose=[3]).run()[0]) == [(0, 0), (0, 1), (0, 2)]
    steps, _ = recording(3 * TICKS + 1, lose=[TICKS]).run()
    assert [step.stamp_ns - T0 for step in steps] == [0, PERIOD + TICK, 2 * PERIOD + TICK]


@pytest.mark.parametrize(
    ('mode', 'values', 'count'),
    [
        (CommandMode.POSITION, SAWYER.start, 'other_mode'),
        (None, np.empty(0), 'other_mode'),
        (CommandMode.TORQUE, np.full(7, np.nan), 'malformed'),
        (CommandMode.TORQUE, np.zeros(6), 'malformed'),
    ],
)
def test_commands_of_another_mode_break_the_segment_and_malformed_ones_do_not(mode, values, count):
    made = recording(3 * TICKS + 1)
    made.command(T0 + 13 * TICK + 2000, values, None, mode)
    steps, counts = made.run()
    broken = [(0, 0), (0, 1), (0, 0), (0, 1)]
    assert summary(steps) == (broken if count == 'other_mode' else [(0, k) for k in range(4)])
    assert getattr(counts.actions, count) == 1


def test_a_period_without_a_command_breaks_the_segment():
    made = recording(3 * TICKS + 1)
    made.events = [
        event
        for event in made.events
        if event[1] != 'on_command' or not 10 <= (event[0] - T0) // TICK < 20
    ]
    steps, counts = made.run()
    assert summary(steps) == [(0, 0), (0, 1), (0, 0), (0, 1)]
    assert counts.actions.missing == 1


def test_a_lost_account_of_the_guard_breaks_the_segment():
    made = recording(4 * TICKS + 1, commands=False)
    for number in (0, 1, 3):
        made.applied(number * TICKS)
    steps, counts = made.run(by_applied=True)
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (0, 0), (0, 1)]
    assert counts.actions.missing == 1


def test_a_malformed_account_and_one_of_another_mode_break_it_too():
    made = recording(3 * TICKS + 1, commands=False)
    made.applied(0, CommandMode.POSITION)
    made.applied(TICKS)
    made.applied(2 * TICKS)
    at, method, (applied,) = made.events[-1]
    made.events[-1] = (at, method, (replace(applied, applied=np.full(7, np.inf)),))
    steps, counts = made.run(by_applied=True)
    assert summary(steps) == [(0, 0), (0, 1)]
    assert (counts.actions.other_mode, counts.actions.unknown) == (1, 1)
