# SPDX-License-Identifier: Apache-2.0
"""Rebuilt episodes: borders, goals, memory, and what recorded steps say of them."""

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
    sample,
    summary,
    torque,
)

from maxent_robot import episode_seed
from maxent_robot.robots import DCLAW, MINITAUR, SAWYER
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode, JointSample

# Episodes


def shifted(made, after, ns):
    """Let everything from a tick on have later or earlier stamps, recorded when it was."""
    for number, (at, method, arguments) in enumerate(made.events):
        if at >= T0 + after * TICK:
            first = arguments[0]
            moved = replace(first, stamp_ns=first.stamp_ns + ns)
            made.events[number] = (at, method, (moved,))
    return made


@pytest.mark.parametrize(('ns', 'count'), [(2_000_000_000, 'resets'), (-T0 + 1, 'set_backs')])
def test_a_reset_and_a_clock_set_back_end_the_episode(ns, count):
    steps, counts = shifted(recording(4 * TICKS + 1), 2 * TICKS + 1, ns).run()
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert [step.truncated for step in steps] == [False, False, True, False, True]
    assert (getattr(counts, count, 0) or getattr(counts.states, count)) == 1


def test_a_restart_of_the_clock_mixes_nothing_with_equal_stamps_of_before():
    made = recording(2 * TICKS + 1, commands=False)
    for number in range(2):
        made.applied(number * TICKS)
    later = 4 * TICKS * TICK
    again = [
        (at + later, 'on_joints', (replace(sample(tick), velocity=np.ones(7)),))
        for tick in range(2 * TICKS + 1)
        for at in [T0 + tick * TICK]
    ]
    made.events += again  # the same stamps, with nobody's commands
    steps, counts = made.run(by_applied=True)
    assert summary(steps) == [(0, 0), (0, 1), (0, 2)]
    assert counts.states.set_backs == 1
    assert not any(np.isclose(step.observation[7:14], 1.0).all() for step in steps)


def test_a_jump_that_no_motion_explains_ends_the_episode():
    made = recording(2 * TICKS + 1)
    for tick in range(2 * TICKS + 1, 4 * TICKS + 1):
        made.joints(sample(tick, shift=0.3))
        made.command(T0 + tick * TICK + 1000, torque(tick))
    steps, counts = made.run()
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert counts.jumps == 1


def test_after_its_number_of_steps_an_episode_is_cut_and_the_next_goes_on_from_there():
    task = make_task(SAWYER, 'reach_random', episode_steps=2)
    steps, counts = recording(5 * TICKS + 1).run(task)
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert [step.truncated for step in steps] == [False, False, True] * 2 + [False, True]
    assert steps[2].stamp_ns == steps[3].stamp_ns
    assert (counts.episodes, counts.transitions) == (3, 5)


def test_episode_k_has_the_goal_of_its_seed():
    task = make_task(SAWYER, 'reach_random', episode_steps=2)
    judge = make_task(SAWYER, 'reach_random')
    for step in recording(5 * TICKS + 1).run(task)[0]:
        judge.reset(np.random.default_rng(episode_seed(3, step.episode)))
        state = sample((step.stamp_ns - T0) // TICK)
        np.testing.assert_array_equal(step.observation, judge.observe(state))
        assert step.measures == judge.begin(state)


# Tasks that remember


def walking(pitches, lose_command=None):
    """A Minitaur on its way, one pitch per policy period."""
    made, tick = Recording(), MINITAUR.guard_period_ns
    ticks = MINITAUR.policy_period_ns // tick
    for number in range((len(pitches) - 1) * ticks + 1):
        stamp, period = T0 + number * tick, number // ticks
        half = 0.5 * pitches[period]
        imu = np.array([np.cos(half), 0.0, np.sin(half), *[0.0] * 7])
        odometry = np.array([0.01 * number, 0.0, 0.2, 1.0, *[0.0] * 9])
        made.joints(JointSample(stamp, MINITAUR.joint_names, MINITAUR.start, np.zeros(8)))
        for name, values in (('imu', imu), ('odometry', odometry)):
            made.add(stamp + 1, 'on_signal', name, stamp, values)  # after the joints
        if period != lose_command:
            goal = MINITAUR.start + 0.1 * np.sin(period + np.arange(8))
            made.command(stamp + 10, goal, None, CommandMode.POSITION)
    ages = {'imu': 18_000_000, 'odometry': 30_000_000}
    return made.run(make_task(MINITAUR, 'walk'), MINITAUR, oldest_ns=ages)


def test_states_have_the_signals_of_their_own_stamp_whatever_the_order_of_receipt():
    steps, _ = walking([0.0, 0.1, 0.2, 0.3])
    task = make_task(MINITAUR, 'walk')
    pitch = [task.layout.unpack(step.observation)['frame'][9] for step in steps]
    np.testing.assert_allclose(pitch, [0.0, 0.1, 0.2, 0.3], atol=1e-6)
    too_fast = 0.01 / 0.006 - task.config.top_speed
    forward = [step.reward_terms['forward'] for step in steps[1:]]
    np.testing.assert_allclose(forward, task.config.top_speed - too_fast)


def test_what_the_task_remembers_is_the_past_and_after_a_break_nothing_of_it():
    task = make_task(MINITAUR, 'walk')
    steps, counts = walking([0.0] * 7, lose_command=3)
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 0), (0, 1), (0, 2)]
    assert counts.actions.missing == 1
    past = [task.layout.unpack(s.observation)['past_actions'].reshape(5, 8) for s in steps]
    for before, now, step in zip(past, past[1:], steps[1:], strict=False):
        if step.index:
            np.testing.assert_array_equal(now[0], step.action)
            np.testing.assert_array_equal(now[1:], before[:-1])
    np.testing.assert_array_equal(past[4], 0.0)


def test_after_a_fall_nothing_is_learned_until_the_robot_is_up_again():
    steps, counts = walking([0.0, 0.0, 1.2, 1.2, 1.2, 0.0, 0.0, 0.0])
    assert summary(steps) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3)]
    assert [step.terminated for step in steps] == [False, False, True] + [False] * 4
    assert counts.beyond_end == 2


def test_a_state_without_a_fresh_signal_is_not_used():
    made = Recording()
    for number in range(20):
        stamp = T0 + number * DCLAW.guard_period_ns
        made.joints(JointSample(stamp, DCLAW.joint_names, DCLAW.start, np.zeros(9)))
        made.command(stamp + 10, DCLAW.start, None, CommandMode.POSITION)
    made.add(T0, 'on_signal', 'valve', T0, np.zeros(2))
    made.add(T0 + 1, 'on_signal', 'valve', T0 + 10**12, np.zeros(2))  # of another clock
    steps, counts = made.run(make_task(DCLAW, 'turn'), DCLAW, oldest_ns={'valve': 30_000_000})
    assert not steps
    assert (counts.states.incomplete, counts.states.stray_signals) == (16, 1)


# All of it at once


@pytest.mark.parametrize('seed', range(8))
def test_whatever_is_lost_late_repeated_or_broken_every_transition_is_a_true_one(seed):
    rng = np.random.default_rng(seed)
    made, lost = Recording(), rng.random(60 * TICKS) < 0.1
    for tick in range(60 * TICKS):
        state = sample(tick)
        late = int(rng.integers(0, PERIOD)) if rng.random() < 0.2 else 0
        if rng.random() < 0.05:
            state = replace(state, position=np.full(7, rng.choice([np.nan, 50.0])))
        for _ in range(0 if lost[tick] else rng.integers(1, 3)):
            made.joints(state, state.stamp_ns + late)
        if tick % TICKS == 0:
            for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
                made.applied(tick)
    steps, counts = made.run(by_applied=True)
    task, ended = make_task(SAWYER, 'reach'), {}
    for before, step in zip([None, *steps], steps, strict=False):
        tick = (step.stamp_ns - T0) // TICK
        np.testing.assert_array_equal(step.observation, task.observe(sample(tick)))
        if step.index == 0:
            continue
        assert (before.episode, before.index) == (step.episode, step.index - 1)
        began = (before.stamp_ns - T0) // TICK
        assert began % TICKS == 0
        assert TICKS <= tick - began <= 1.5 * TICKS
        mean = sum(torque(began + k) for k in range(TICKS)) / TICKS
        np.testing.assert_array_equal(step.applied_action, task.mapping.to_normalised(mean))
        ended[step.stamp_ns] = True
    assert 10 < len(ended) == counts.transitions < 59
    assert counts.states.duplicates > 0 < counts.states.reordered
    assert counts.states.malformed > 0 < counts.states.impossible


# Recorded steps of our policy


def with_steps(lost=(), mode=CommandMode.TORQUE):
    """Episodes 4 and 6 of two steps each; between them a motion that the guard accounts for."""
    made = recording(7 * TICKS + 1, commands=False)
    task = make_task(SAWYER, 'reach')
    for number in range(7):
        made.applied(number * TICKS, mode if number in (2, 3) else CommandMode.TORQUE)
    for number, episode in ((0, 4), (1, 4), (2, 4), (4, 6), (5, 6), (6, 6), (7, 6)):
        if number not in lost:
            chosen = task.mapping.to_normalised(torque((number - 1) * TICKS))
            made.step(number * TICKS, episode, chosen if number not in (0, 4) else ())
    return made


@pytest.mark.parametrize('mode', [CommandMode.TORQUE, CommandMode.POSITION])
def test_borders_and_numbers_of_episodes_are_those_of_the_recorded_steps(mode):
    steps, counts = with_steps(mode=mode).run(by_applied=True, by_steps=True)
    assert summary(steps) == [(4, 0), (4, 1), (4, 2), (6, 0), (6, 1), (6, 2), (6, 3)]
    assert [step.truncated for step in steps] == [False] * 2 + [True] + [False] * 3 + [True]
    assert counts.episodes == 2
    assert counts.outside == 1


def test_a_step_that_was_lost_is_rebuilt():
    steps, _ = with_steps(lost=[1, 5]).run(by_applied=True, by_steps=True)
    assert summary(steps) == [(4, 0), (4, 1), (4, 2), (6, 0), (6, 1), (6, 2), (6, 3)]


def test_shorter_episodes_than_recorded_have_numbers_of_their_own():
    task = make_task(SAWYER, 'reach', episode_steps=1)
    steps, _ = with_steps().run(task, by_applied=True, by_steps=True)
    assert [step.episode for step in steps if step.index] == [4, 5, 6, 7, 8]


def test_the_recorded_choice_counts_only_if_the_mapping_makes_the_command_of_it():
    mapping = make_task(SAWYER, 'reach').mapping
    chosen = np.full(7, 0.3, np.float32)
    made = recording(2 * TICKS + 1, commands=False)
    for number in range(2):
        made.applied(number * TICKS)
        at, method, (applied,) = made.events[-1]
        asked = mapping.to_values(chosen)
        made.events[-1] = (at, method, (replace(applied, desired=asked),))
    made.step(0, 0)
    made.step(TICKS, 0, chosen)
    made.step(2 * TICKS, 0, np.full(7, 0.9))
    steps, counts = made.run(by_applied=True, by_steps=True)
    np.testing.assert_array_equal(steps[1].action, chosen)
    np.testing.assert_array_equal(
        steps[2].action, mapping.to_normalised(mapping.to_values(chosen))
    )
    assert counts.choices_inferred == 1


def test_a_task_of_another_robot_is_refused():
    with pytest.raises(ValueError, match="robot 'minitaur' has"):
        Recording().run(make_task(SAWYER, 'reach'), MINITAUR)
