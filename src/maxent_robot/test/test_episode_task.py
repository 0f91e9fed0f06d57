# SPDX-License-Identifier: Apache-2.0
"""What the episode actor tells its task, and what it makes of tasks with positions and objects."""

from itertools import pairwise

from episode_world import PERIOD, World, applied, at, make_actor, wave
import numpy as np

from maxent_robot import episode_seed
from maxent_robot.episode import ActivePolicy, EpisodeActor
from maxent_robot.robots import DCLAW, SAWYER
from maxent_robot.robots.dclaw import VALVE
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode, JointSample

# --- what the task is told -----------------------------------------------------------------------


class Recorder:
    """A task that notes what it is asked, with the stamp of the state or the action."""

    def __init__(self, task):
        self._task, self.calls = task, []

    def __getattr__(self, name):
        return getattr(self._task, name)

    def reset(self, rng):
        self.calls.append(('reset', None))
        return self._task.reset(rng)

    def begin(self, state):
        self.calls.append(('begin', state.stamp_ns))
        return self._task.begin(state)

    def observe(self, state):
        self.calls.append(('observe', state.stamp_ns))
        return self._task.observe(state)

    def acted(self, action):
        self.calls.append(('acted', action))
        self._task.acted(action)

    def evaluate(self, state, action):
        self.calls.append(('evaluate', state.stamp_ns))
        return self._task.evaluate(state, action)

    def names(self, *wanted):
        return [name for name, _ in self.calls if name in wanted]


def recorded(lose=(), steps=3, policy=None):
    task = Recorder(make_task(SAWYER, 'reach', episode_steps=steps))
    actor = EpisodeActor(SAWYER, task, 5, session_id='s', max_episodes=2)
    actor.policy = policy or wave('run', 1)
    return task, World(actor, lose=set(lose)).run_episodes(2).steps()


def test_a_task_is_told_when_an_episode_begins_what_is_done_and_asked_for_each_transition():
    task, steps = recorded()
    names = task.names('reset', 'begin', 'acted', 'evaluate')
    assert names == ['reset', 'begin', *['acted', 'evaluate'] * 3] * 2
    judged = [stamp for name, stamp in task.calls if name == 'evaluate']
    assert judged == [step.stamp_ns for step in steps if step.index > 0]
    begun = [stamp for name, stamp in task.calls if name == 'begin']
    assert begun == [step.stamp_ns for step in steps if step.index == 0]


def test_each_action_follows_an_observation_of_the_state_it_answers():
    task, steps = recorded()
    answered = [step.stamp_ns - PERIOD for step in steps if step.index > 0]
    seen = [
        before[1]
        for before, call in pairwise(c for c in task.calls if c[0] in ('observe', 'acted'))
        if call[0] == 'acted'
    ]
    assert seen == answered


def test_a_transition_that_is_lost_is_not_judged_but_begun_anew():
    task, _ = recorded(lose=[2])
    first = task.names('reset', 'begin', 'acted', 'evaluate')[:8]
    assert first == ['reset', 'begin', 'acted', 'evaluate', 'acted', 'begin', 'acted', 'evaluate']


def test_a_task_is_told_of_actions_as_they_are_sent_within_their_range():
    task, steps = recorded(policy=ActivePolicy(lambda o: np.full(7, 3.0, np.float32), 'run', 1))
    actions = [action for name, action in task.calls if name == 'acted']
    np.testing.assert_array_equal(actions, np.ones((6, 7)))
    np.testing.assert_array_equal(steps[1].action, np.ones(7))


# --- positions that lead the joints by their reach, and things beside the robot ----------------


def claw(t, q=DCLAW.start, valve=0.3):
    signals = {} if valve is None else {'valve': np.array([valve, 0.0])}
    return JointSample(t, DCLAW.joint_names, np.array(q), np.zeros(9), None, signals)


def claw_actor():
    actor = EpisodeActor(DCLAW, make_task(DCLAW, 'turn'), 5, session_id='s')
    actor.policy = ActivePolicy(lambda o: np.full(9, 0.5, np.float32), 'run', 1)
    return actor, actor.on_state(claw(0))


def test_a_reset_says_where_the_things_beside_the_robot_shall_be():
    start = make_task(DCLAW, 'turn').reset(np.random.default_rng(episode_seed(5, 0)))
    _, (_, request) = claw_actor()
    assert request.objects == start.objects
    assert set(request.objects) == {VALVE}
    np.testing.assert_array_equal(request.positions, start.positions)


def test_a_robot_without_things_beside_it_asks_for_none():
    assert make_actor().on_state(at(0))[1].objects == {}


def test_a_state_without_the_signals_of_the_task_is_refused():
    actor, _ = claw_actor()
    actor.on_reset_done(1)
    assert actor.on_state(claw(1, valve=None)) == []
    assert actor.states_refused == 1


def test_a_target_leads_the_position_at_which_it_was_chosen_and_what_the_guard_cut_is_kept():
    actor, _ = claw_actor()
    mapping = make_task(DCLAW, 'turn').mapping
    begun = DCLAW.start + 0.1
    (_, send) = actor.on_reset_done(1) + actor.on_state(claw(1, begun))
    half = np.full(9, 0.5, np.float32)
    np.testing.assert_array_equal(send.action.values, mapping.to_values(half, begun))
    assert send.action.mode == CommandMode.POSITION
    cut = applied(send.action, applied=send.action.values - 0.1 * mapping.scale)
    assert actor.on_applied(cut) == []
    elsewhere = begun + 0.5
    step, following = actor.on_state(claw(1 + DCLAW.policy_period_ns, elsewhere))
    np.testing.assert_allclose(step.step.applied_action, 0.4, atol=1e-6)
    np.testing.assert_array_equal(following.action.values, mapping.to_values(half, elsewhere))
