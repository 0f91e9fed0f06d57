# SPDX-License-Identifier: Apache-2.0
"""The episode actor against a small world: seven free masses, a guard that halves every torque."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

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
from maxent_robot.tasks import Outcome, make_task
from maxent_robot.types import ActionSample, AppliedAction, CommandMode, JointSample, Level

TICK, PERIOD = SAWYER.guard_period_ns, SAWYER.policy_period_ns
NAMES = (*SAWYER.joint_names, 'head_pan')


def make_actor(steps=4, reset='service', pacing='lockstep', **more):
    task = make_task(SAWYER, 'reach_random', episode_steps=steps)
    actor = EpisodeActor(SAWYER, task, 5, reset, session_id='s', pacing=pacing, **more)
    actor.policy = wave('run', 1)
    return actor


def wave(name, version):
    """A policy whose actions depend on the observation."""
    return ActivePolicy(lambda o: np.sin(3.0 * o[:7] + o[7:14]).astype(np.float32), name, version)


@dataclass
class World:
    """Robot, bridge and guard in lock-step: time stands still until a due action comes."""

    actor: EpisodeActor
    order: tuple[int, ...] = tuple(range(8))  # in which joints are reported
    t: int = 0
    q: np.ndarray = field(default_factory=lambda: SAWYER.neutral.copy())
    v: np.ndarray = field(default_factory=lambda: np.zeros(7))
    newest: ActionSample | None = None
    outputs: list = field(default_factory=list)
    lose: set = field(default_factory=set)  # seq whose AppliedAction is lost

    def sample(self):
        position, velocity = np.append(self.q, 0.3), np.append(self.v, 0.0)
        order = list(self.order)
        names = tuple(NAMES[i] for i in order)
        return JointSample(self.t, names, position[order], velocity[order])

    def take(self, outputs):
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, RequestReset):
                self.q, self.v = output.positions.copy(), np.zeros(7)
                self.t += 2_000_000_000
                self.take(self.actor.on_reset_done(self.t))
            elif isinstance(output, SendAction) and self.due():
                assert output.action.stamp_ns == self.t
                self.newest = output.action

    def due(self):
        return self.newest is None or self.t - self.newest.stamp_ns >= PERIOD

    def tick(self):
        """One state, and if it is not in want of an action one guard period."""
        self.take(self.actor.on_state(self.sample()))
        if self.due():
            return
        if self.newest.mode == CommandMode.TORQUE:
            self.v = self.v + 0.5 * self.newest.values * TICK * 1e-9
        else:
            self.v = np.clip(20.0 * (self.newest.values - self.q), -1.0, 1.0)
        self.q = self.q + self.v * TICK * 1e-9
        if self.t - self.newest.stamp_ns == PERIOD - TICK and self.newest.seq not in self.lose:
            self.take(self.actor.on_applied(applied(self.newest)))
        self.t += TICK

    def run(self, until, most=5000):
        for _ in range(most):
            if until():
                return self
            self.tick()
        raise AssertionError('it did not come to that')

    def run_episodes(self, count):
        return self.run(lambda: self.actor.completed >= count)

    def steps(self):
        return [output.step for output in self.outputs if isinstance(output, EmitStep)]

    def of(self, kind):
        return [output for output in self.outputs if isinstance(output, kind)]


def applied(action, **changes):
    made = AppliedAction(
        action.stamp_ns, action.session_id, action.seq, action.mode, action.values,
        0.5 * action.values, 10, 0, Level.NORMAL,
    )  # fmt: skip
    return replace(made, **changes)


def kinds(outputs):
    return [type(output) for output in outputs]


def at(t, q=None, v=None):
    q = SAWYER.start if q is None else np.asarray(q)
    return JointSample(t, SAWYER.joint_names, q, np.zeros(7) if v is None else np.asarray(v))


def acting(**options):
    """An actor that has just answered the first state of episode 0 at t = 0, and its action."""
    actor = make_actor(**options)
    actor.on_state(at(-2_000_000_000))
    step, send = actor.on_reset_done(0) + actor.on_state(at(0))
    assert step.step.index == 0
    return actor, send.action


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
