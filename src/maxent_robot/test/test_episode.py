# SPDX-License-Identifier: Apache-2.0
"""The episode actor in lock-step: whole episodes, the due rule, repeats and waiting."""

from itertools import pairwise

from episode_world import PERIOD, TICK, World, acting, applied, at, kinds, make_actor, wave
import numpy as np
import pytest

from maxent_robot import episode_seed
from maxent_robot.episode import (
    ActivePolicy,
    AnnounceGoal,
    EmitStep,
    EpisodeActor,
    RequestReset,
    SendAction,
)
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import Outcome, make_task

# --- whole episodes in lock-step ----------------------------------------------------------------


def test_episodes_are_numbered_steps_that_end_truncated():
    steps = World(make_actor(steps=4)).run_episodes(3).steps()
    assert [s.index for s in steps] == [0, 1, 2, 3, 4] * 3
    assert [s.episode for s in steps] == [0] * 5 + [1] * 5 + [2] * 5
    assert [s.truncated for s in steps] == ([False] * 4 + [True]) * 3
    assert not any(s.terminated for s in steps)


def test_steps_of_an_episode_are_one_policy_period_apart():
    stamps = [s.stamp_ns for s in World(make_actor(steps=4)).run_episodes(1).steps()]
    assert set(np.diff(stamps)) == {PERIOD}


def test_what_was_applied_is_recorded_beside_what_was_asked_and_judged():
    world = World(make_actor())
    steps = world.run_episodes(1).steps()
    for before, step in pairwise(steps):
        chosen = wave('', 0).call(before.observation)
        np.testing.assert_array_equal(step.action, chosen)
        np.testing.assert_allclose(step.applied_action, 0.5 * chosen, rtol=1e-6)
        assert step.reward == -step.measures['distance']


def test_the_policy_is_told_of_each_episode_before_its_first_action_and_of_nothing_else():
    calls = []

    def act(observation):
        calls.append('act')
        return np.zeros(7, np.float32)

    actor = make_actor(steps=3, max_episodes=2)
    actor.policy = ActivePolicy(act, 'run', 1, lambda: calls.append('begin'))
    World(actor, lose={2}).run_episodes(2)  # what is lost begins a segment, no episode
    assert calls == ['begin', 'act', 'act', 'act'] * 2


def test_start_pose_and_goal_are_drawn_with_the_seed_of_the_episode():
    world = World(make_actor(steps=2)).run_episodes(3)
    resets, goals = world.of(RequestReset), world.of(AnnounceGoal)
    for episode in range(3):
        rng = np.random.default_rng(episode_seed(5, episode))
        start = make_task(SAWYER, 'reach_random').reset(rng)
        assert resets[episode].seed == episode_seed(5, episode)
        np.testing.assert_array_equal(resets[episode].positions, start.positions)
        np.testing.assert_array_equal(goals[episode].goal, start.goal)


def test_the_order_of_the_joints_changes_nothing():
    plain = World(make_actor()).run_episodes(2).steps()
    mixed = World(make_actor(), order=(7, 3, 0, 6, 1, 5, 2, 4)).run_episodes(2).steps()
    assert len(plain) == len(mixed)
    for one, other in zip(plain, mixed, strict=True):
        np.testing.assert_array_equal(one.observation, other.observation)
        np.testing.assert_array_equal(one.applied_action, other.applied_action)


def test_sequence_numbers_rise_by_one_from_the_first_given():
    sent = World(make_actor(first_seq=70)).run_episodes(2).of(SendAction)
    assert [s.action.seq for s in sent] == list(range(70, 70 + len(sent)))
    assert {s.action.session_id for s in sent} == {'s'}


def test_after_the_last_episode_nothing_more_is_done():
    actor = make_actor(steps=2, max_episodes=2)
    world = World(actor).run_episodes(2)
    assert actor.done
    assert actor.fault is None
    assert len(world.of(RequestReset)) == 2
    assert actor.on_state(world.sample()) == []


def test_a_terminated_episode_is_not_truncated_and_the_next_begins():
    class Ending:
        def __init__(self, task):
            self._task = task

        def __getattr__(self, name):
            return getattr(self._task, name)

        def evaluate(self, state, action):
            outcome = self._task.evaluate(state, action)
            return Outcome(outcome.reward, outcome.terms, outcome.measures, action.size > 0)

    actor = EpisodeActor(
        SAWYER, Ending(make_task(SAWYER, 'reach', episode_steps=1)), 0, session_id='s'
    )
    actor.policy = wave('run', 1)
    steps = World(actor).run_episodes(2).steps()
    assert [s.index for s in steps] == [0, 1, 0, 1]
    assert [s.terminated for s in steps] == [False, True] * 2
    assert not any(s.truncated for s in steps)


# --- the due rule, repeats and waiting -----------------------------------------------------------


def test_nothing_happens_before_a_policy_is_set():
    actor = make_actor()
    actor.policy = None
    assert actor.on_state(at(0)) == []
    assert actor.episode == -1


def test_states_between_two_policy_ticks_are_not_answered():
    actor, _ = acting()
    assert all(actor.on_state(at(t)) == [] for t in range(TICK, PERIOD, TICK))


def test_a_repeated_state_is_answered_by_the_same_action_without_asking_the_policy():
    actor, action = acting()
    actor.policy = wave('other', 2)
    (again,) = actor.on_state(at(0))
    assert again.action is action


def test_a_due_state_waits_for_what_was_applied_of_the_action_before():
    actor, action = acting()
    assert actor.on_state(at(PERIOD)) == []
    assert actor.on_state(at(PERIOD)) == []
    outputs = actor.on_applied(applied(action))
    assert kinds(outputs) == [EmitStep, SendAction]
    assert outputs[0].step.index == 1
    assert outputs[0].step.stamp_ns == outputs[1].action.stamp_ns == PERIOD


def test_what_was_applied_may_come_before_the_state_it_led_to():
    actor, action = acting()
    assert actor.on_applied(applied(action)) == []
    assert kinds(actor.on_state(at(PERIOD))) == [EmitStep, SendAction]


@pytest.mark.parametrize('foreign', [{'seq': 99}, {'session_id': 'other'}])
def test_applied_actions_of_others_are_ignored(foreign):
    actor, action = acting()
    assert actor.on_applied(applied(action, **foreign)) == []
    assert actor.on_state(at(PERIOD)) == []
    assert actor.on_applied(applied(action, **foreign)) == []
    assert kinds(actor.on_applied(applied(action))) == [EmitStep, SendAction]


def test_a_lost_applied_action_costs_one_transition_and_not_the_episode():
    world = World(make_actor(steps=4), lose={2})
    steps = world.run_episodes(1).steps()
    assert [s.index for s in steps] == [0, 1, 0, 1, 2]
    assert [s.episode for s in steps] == [0] * 5
    assert steps[-1].truncated


def test_the_applied_action_of_a_transition_given_up_comes_too_late():
    actor, action = acting()
    answers = [actor.on_state(at(PERIOD)) for _ in range(30)]
    first = next(a for a in answers if a)
    assert kinds(first) == [EmitStep, SendAction]
    assert first[0].step.index == 0
    assert actor.on_applied(applied(action)) == []


def test_a_pause_of_the_robot_makes_no_transition():
    actor, action = acting()
    actor.on_applied(applied(action))
    outputs = actor.on_state(at(2 * PERIOD))
    assert kinds(outputs) == [EmitStep, SendAction]
    assert outputs[0].step.index == 0


def test_a_guard_that_restarted_gets_an_action_at_the_state_where_time_stands_still():
    actor, _ = acting()
    answers = [actor.on_state(at(4 * TICK)) for _ in range(30)]
    first = next(a for a in answers if a)
    assert kinds(first) == [EmitStep, SendAction]
    assert first[0].step.index == 0
    assert first[1].action.stamp_ns == 4 * TICK


def test_a_state_overtaken_on_its_way_is_ignored():
    actor, action = acting()
    actor.on_state(at(3 * TICK))
    assert actor.on_state(at(2 * TICK)) == []
    assert actor.on_state(at(0)) == []
    actor.on_applied(applied(action))
    assert kinds(actor.on_state(at(PERIOD))) == [EmitStep, SendAction]


def test_a_clock_set_back_ends_the_episode_and_begins_another():
    actor, action = acting()
    outputs = actor.on_state(at(-1_000_000_000))
    assert kinds(outputs) == [AnnounceGoal, RequestReset]
    assert actor.episode == 1
    assert 'clock' in actor.abort_reason
    assert actor.on_applied(applied(action)) == []
    assert kinds(actor.on_reset_done(-900_000_000)) == []
    assert kinds(actor.on_state(at(-900_000_000))) == [EmitStep, SendAction]
