# SPDX-License-Identifier: Apache-2.0
"""The episode actor in real time, at resets, held back, and when something goes wrong."""

from dataclasses import replace
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
    Fault,
    RequestReset,
    SendAction,
)
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode, JointSample

# --- real time -----------------------------------------------------------------------------------


def test_in_real_time_a_state_is_answered_at_once_and_its_step_follows():
    actor, action = acting(pacing='realtime')
    (send,) = actor.on_state(at(PERIOD))
    assert isinstance(send, SendAction)
    (step,) = actor.on_applied(applied(action))
    assert step.step.index == 1
    assert step.step.stamp_ns == PERIOD
    np.testing.assert_allclose(
        step.step.applied_action, 0.5 * SAWYER.policy_effort**-1 * action.values, rtol=1e-6
    )


def test_in_real_time_a_lost_applied_action_is_noticed_at_the_next_due_state():
    actor, first = acting(pacing='realtime')
    (second,) = actor.on_state(at(PERIOD))
    outputs = actor.on_state(at(2 * PERIOD))
    assert kinds(outputs) == [EmitStep, SendAction]
    assert (outputs[0].step.index, outputs[0].step.stamp_ns) == (0, PERIOD)
    assert actor.on_applied(applied(first)) == []
    (step,) = actor.on_applied(applied(second.action))
    assert (step.step.index, step.step.stamp_ns) == (1, 2 * PERIOD)


def test_in_real_time_applied_actions_may_come_early():
    actor, first = acting(pacing='realtime')
    (second,) = actor.on_state(at(PERIOD))
    assert actor.on_applied(applied(second.action)) == []
    (step,) = actor.on_applied(applied(first))
    assert step.step.index == 1
    outputs = actor.on_state(at(2 * PERIOD))
    assert kinds(outputs) == [EmitStep, SendAction]
    assert outputs[0].step.index == 2


def test_in_real_time_a_due_state_may_come_a_tick_late():
    actor, first = acting(pacing='realtime')
    actor.on_state(at(PERIOD + 2 * TICK))
    (step,) = actor.on_applied(applied(first))
    assert step.step.index == 1


@pytest.mark.parametrize('lost', [False, True])
def test_in_real_time_the_last_step_waits_for_what_was_applied(lost):
    actor, action = acting(pacing='realtime', steps=1)
    assert actor.on_state(at(PERIOD)) == []
    assert actor.on_state(at(PERIOD + TICK)) == []
    outputs = actor.on_state(at(3 * PERIOD)) if lost else actor.on_applied(applied(action))
    assert kinds(outputs) == [EmitStep, AnnounceGoal, RequestReset]
    assert outputs[0].step.index == (0 if lost else 1)
    assert outputs[0].step.truncated
    assert actor.completed == 1


# --- reset ---------------------------------------------------------------------------------------


def test_an_episode_begins_with_the_first_state_after_the_reset():
    actor = make_actor()
    assert kinds(actor.on_state(at(0))) == [AnnounceGoal, RequestReset]
    assert actor.on_state(at(TICK)) == []
    assert actor.on_reset_done(2_000_000_000) == []
    assert actor.on_state(at(2 * TICK)) == []
    assert kinds(actor.on_state(at(2_000_000_000))) == [EmitStep, SendAction]


def test_the_first_state_may_come_before_the_answer_of_the_reset_service():
    actor = make_actor()
    actor.on_state(at(0))
    assert actor.on_state(at(2_000_000_000)) == []
    assert kinds(actor.on_reset_done(2_000_000_000)) == [EmitStep, SendAction]


def test_a_reset_by_motion_commands_the_start_pose_until_the_robot_stands_there():
    world = World(make_actor(steps=3, reset='motion')).run_episodes(2)
    assert not world.of(RequestReset)
    steps = world.steps()
    assert [s.index for s in steps] == [0, 1, 2, 3] * 2
    modes = [s.action.mode for s in world.of(SendAction)]
    assert modes.count(CommandMode.TORQUE) == 6
    assert modes.count(CommandMode.POSITION) > 5
    rng = np.random.default_rng(episode_seed(5, 0))
    start = make_task(SAWYER, 'reach_random').reset(rng).positions
    moves = [s.action for s in world.of(SendAction) if s.action.mode == CommandMode.POSITION]
    np.testing.assert_array_equal(moves[0].values, start)
    np.testing.assert_allclose(steps[0].observation[:7], start - SAWYER.start, atol=0.05)


def test_motion_actions_answer_repeated_states_and_are_no_transitions():
    actor = make_actor(reset='motion')
    _, move = actor.on_state(at(0, SAWYER.neutral))
    assert move.action.mode is CommandMode.POSITION
    assert actor.on_state(at(0, SAWYER.neutral)) == [move]
    assert actor.on_state(at(TICK, SAWYER.neutral)) == []
    assert actor.on_applied(applied(move.action)) == []
    outputs = actor.on_state(at(PERIOD, move.action.values))
    assert kinds(outputs) == [EmitStep, SendAction]
    assert outputs[0].step.index == 0


def test_a_start_pose_that_is_not_reached_is_a_fault_after_15_seconds():
    actor = make_actor(reset='motion')
    world = World(actor)
    world.take(actor.on_state(at(0, SAWYER.neutral)))
    for k in range(1, 301):
        assert kinds(actor.on_state(at(k * PERIOD, SAWYER.neutral))) == [SendAction]
    (fault,) = actor.on_state(at(301 * PERIOD, SAWYER.neutral))
    assert isinstance(fault, Fault)
    assert 'not reached within 15 s' in fault.reason
    assert actor.done
    assert actor.fault == fault.reason


# --- pace ----------------------------------------------------------------------------------------


def test_held_back_in_lockstep_the_step_goes_out_and_the_action_waits():
    actor, action = acting()
    actor.hold_back = True
    actor.on_applied(applied(action))
    assert kinds(actor.on_state(at(PERIOD))) == [EmitStep]
    assert actor.on_state(at(PERIOD)) == []
    actor.policy = wave('run', 2)
    (send,) = actor.release()
    assert send.action.policy_version == 2
    assert send.action.stamp_ns == PERIOD
    assert actor.release() == []
    actor.on_applied(applied(send.action))
    assert actor.on_state(at(2 * PERIOD))[0].step.index == 2


def test_held_back_before_what_was_applied_is_known_the_action_still_waits():
    actor, action = acting()
    actor.hold_back = True
    actor.on_state(at(PERIOD))
    assert actor.release() == []
    actor.hold_back = True
    assert kinds(actor.on_applied(applied(action))) == [EmitStep]
    assert kinds(actor.release()) == [SendAction]


def test_a_robot_moved_by_others_while_held_back_makes_no_transition():
    actor, action = acting()
    actor.hold_back = True
    actor.on_applied(applied(action))
    actor.on_state(at(PERIOD))
    assert actor.on_state(at(PERIOD + TICK)) == []
    outputs = actor.release()
    assert kinds(outputs) == [EmitStep, SendAction]
    assert (outputs[0].step.index, outputs[0].step.stamp_ns) == (0, PERIOD + TICK)


def test_in_real_time_holding_back_waits_for_the_end_of_the_episode():
    actor, action = acting(pacing='realtime', steps=2)
    actor.hold_back = True
    (send,) = actor.on_state(at(PERIOD))
    actor.on_applied(applied(action))
    actor.on_state(at(2 * PERIOD))
    assert kinds(actor.on_applied(applied(send.action))) == [EmitStep]
    assert actor.on_state(at(3 * PERIOD)) == []
    assert actor.release() == []
    assert kinds(actor.on_state(at(4 * PERIOD))) == [AnnounceGoal, RequestReset]


# --- what goes wrong -----------------------------------------------------------------------------


def test_an_aborted_episode_ends_without_its_last_transition():
    actor, action = acting()
    actor.abort('emergency stop')
    assert actor.abort_reason == 'emergency stop'
    assert actor.on_applied(applied(action)) == []
    assert kinds(actor.on_state(at(0))) == [AnnounceGoal, RequestReset]
    assert actor.episode == 1
    assert actor.completed == 0


def test_a_reset_that_failed_is_asked_for_again_after_an_abort():
    actor = make_actor()
    actor.on_state(at(0))
    actor.abort('no bridge')
    assert kinds(actor.on_state(at(0))) == [AnnounceGoal, RequestReset]


def test_a_missing_joint_stops_the_actor_and_is_named():
    actor, _ = acting()
    sample = at(PERIOD)
    short = JointSample(PERIOD, sample.names[:6], sample.position[:6], sample.velocity[:6])
    (fault,) = actor.on_state(short)
    assert isinstance(fault, Fault)
    assert 'right_j6' in fault.reason
    assert actor.done
    assert actor.on_state(at(PERIOD)) == []


def test_a_state_that_is_not_finite_is_counted_and_ignored():
    actor, action = acting()
    actor.on_applied(applied(action))
    assert actor.on_state(at(PERIOD, np.full(7, np.nan))) == []
    assert actor.states_refused == 1
    assert kinds(actor.on_state(at(PERIOD))) == [EmitStep, SendAction]


@pytest.mark.parametrize('bad', [np.full(7, np.nan), np.zeros(6), np.zeros((1, 7))])
def test_a_policy_that_returns_no_action_is_a_fault_that_names_it(bad):
    actor, action = acting()
    actor.policy = ActivePolicy(lambda o: bad.astype(np.float32), 'broken', 3)
    actor.on_applied(applied(action))
    outputs = actor.on_state(at(PERIOD))
    assert kinds(outputs) == [EmitStep, Fault]
    assert "'broken' version 3 must be 7 finite numbers" in outputs[1].reason


def test_actions_beyond_one_are_recorded_as_the_robot_was_asked():
    actor, action = acting()
    actor.policy = ActivePolicy(lambda o: np.full(7, 3.0, np.float32), 'wild', 1)
    actor.on_applied(applied(action))
    send = actor.on_state(at(PERIOD))[1]
    np.testing.assert_allclose(send.action.values, SAWYER.policy_effort)
    actor.on_applied(applied(send.action))
    np.testing.assert_array_equal(actor.on_state(at(2 * PERIOD))[0].step.action, 1.0)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'reset': 'hand'}, "reset must be 'service' or 'motion'"),
        ({'pacing': 'fast'}, "pacing must be 'lockstep' or 'realtime'"),
        ({'max_episodes': 0}, 'max_episodes must be at least 1'),
        ({'seed': -1}, 'seed must lie in'),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    settings = {'seed': 0, 'reset': 'service', 'session_id': 's'} | change
    with pytest.raises(ValueError, match=message):
        EpisodeActor(SAWYER, make_task(SAWYER, 'reach'), **settings)


def test_a_task_of_another_robot_is_refused():
    limits = replace(SAWYER.limits, joint_names=tuple(f'left_j{i}' for i in range(7)))
    with pytest.raises(ValueError, match="robot 'sawyer' has"):
        EpisodeActor(replace(SAWYER, limits=limits), make_task(SAWYER, 'reach'), 0, session_id='s')


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
@pytest.mark.parametrize('seed', range(20))
def test_whatever_is_lost_or_repeated_every_transition_is_a_true_one(seed, pacing):
    rng = np.random.default_rng(seed)
    actor = make_actor(steps=7, pacing=pacing)
    world, seen = World(actor), {}
    for _ in range(1500):
        chance = rng.random()
        if chance < 0.003:
            actor.abort('by chance')
        elif chance < 0.2:
            world.take(actor.on_state(world.sample()))
        elif chance < 0.25:
            actor.hold_back = bool(rng.random() < 0.3)
            world.take([] if actor.hold_back else actor.release())
        if rng.random() < 0.02:
            world.lose.add(world.newest.seq if world.newest else 0)
        world.tick()
    steps, sent = world.steps(), {s.action.stamp_ns: s.action for s in world.of(SendAction)}
    assert actor.completed > 3
    for before, step in pairwise(steps):
        if step.index == 0:
            continue
        assert (step.episode, step.index) == (before.episode, before.index + 1)
        assert step.stamp_ns - before.stamp_ns == PERIOD
        action = sent[before.stamp_ns]
        assert action.seq not in seen
        seen[action.seq] = step
        np.testing.assert_array_equal(step.action, wave('', 0).call(before.observation))
        np.testing.assert_allclose(step.applied_action, 0.5 * step.action, rtol=1e-5)
