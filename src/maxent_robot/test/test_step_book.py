# SPDX-License-Identifier: Apache-2.0
"""Steps are numbered without gaps, and a transition needs what was applied."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.episode_outputs import ActivePolicy
from maxent_robot.robots import MINITAUR, SAWYER
from maxent_robot.step_book import Arrival, Flight, StepBook
from maxent_robot.tasks import make_task
from maxent_robot.types import ActionSample, AppliedAction, CommandMode, Level, RobotState

TASK = make_task(SAWYER, 'reach')
STATE = RobotState(50_000_000, SAWYER.start, np.zeros(7))
ACTION = np.full(7, 0.5, np.float32)
SENT = ActionSample(
    0, 's', 4, 'run', 9, CommandMode.TORQUE, SAWYER.joint_names, TASK.mapping.to_values(ACTION)
)
ARRIVAL = Arrival(STATE, TASK.observe(STATE), Flight(SENT, ACTION), last=False)
APPLIED = AppliedAction(
    0, 's', 4, CommandMode.TORQUE, SENT.values, 0.5 * SENT.values, 10, 0, Level.NORMAL
)


@pytest.fixture
def book():
    started = StepBook(TASK, 's')
    started.begin(3)
    started.first(STATE, ARRIVAL.observation, ActivePolicy(lambda o: ACTION, 'run', 8))
    return started


def test_index_zero_carries_an_observation_and_measures_but_no_transition():
    new = StepBook(TASK, 's')
    new.begin(3)
    assert not new.started
    step = new.first(STATE, ARRIVAL.observation, ActivePolicy(lambda o: ACTION, 'run', 8))
    assert new.started
    assert (step.episode, step.index, step.skill, step.policy_version) == (3, 0, 'run', 8)
    assert step.action.size == step.applied_action.size == 0
    assert step.reward == 0.0
    assert not step.reward_terms
    assert step.measures['distance'] > 0.0


def test_a_transition_is_judged_by_what_was_applied(book):
    step = book.arrived(ARRIVAL, APPLIED)
    assert (step.index, step.policy_version, step.stamp_ns) == (1, 9, 50_000_000)
    np.testing.assert_array_equal(step.action, ACTION)
    np.testing.assert_allclose(step.applied_action, 0.25)
    assert step.reward == TASK.evaluate(STATE, step.applied_action).reward
    assert step.layout_hash == TASK.layout.hash


def test_a_damping_torque_beyond_the_range_of_the_policy_is_recorded_clipped(book):
    step = book.arrived(ARRIVAL, replace(APPLIED, applied=-2.0 * SAWYER.policy_effort))
    np.testing.assert_array_equal(step.applied_action, -1.0)


@pytest.mark.parametrize(
    'lost',
    [
        None,
        replace(APPLIED, mode=CommandMode.POSITION),
        replace(APPLIED, applied=np.zeros(6)),
        replace(APPLIED, applied=np.full(7, np.nan)),
    ],
)
def test_without_a_usable_applied_action_a_new_segment_begins(book, lost):
    assert book.arrived(ARRIVAL, APPLIED).index == 1
    assert book.arrived(ARRIVAL, lost).index == 0
    assert book.arrived(ARRIVAL, APPLIED).index == 1


def test_a_broken_segment_makes_no_transition(book):
    book.break_segment()
    assert book.arrived(ARRIVAL, APPLIED).index == 0


def test_the_last_step_is_truncated_with_or_without_its_transition(book):
    last = replace(ARRIVAL, last=True)
    assert book.arrived(last, APPLIED).truncated
    assert book.arrived(last, None).truncated


# Tasks that remember


def test_after_a_lost_transition_the_way_is_judged_from_where_the_robot_is_known_to_be():
    task = make_task(MINITAUR, 'walk')
    task.reset(np.random.default_rng(0))
    book = StepBook(task, 's')
    book.begin(0)
    action = np.zeros(8, np.float32)
    sent = ActionSample(
        0, 's', 1, 'run', 9, CommandMode.POSITION, MINITAUR.joint_names, MINITAUR.start
    )
    applied = AppliedAction(
        0, 's', 1, CommandMode.POSITION, MINITAUR.start, MINITAUR.start, 8, 0, Level.NORMAL
    )

    def arrival(step, x):
        odometry = np.array([x, 0.0, 0.2, 1.0, *[0.0] * 9])
        signals = {'imu': np.array([1.0, *[0.0] * 9]), 'odometry': odometry}
        state = RobotState(step * 48_000_000, MINITAUR.start, np.zeros(8), signals)
        observation = task.observe(state)
        task.acted(action)
        return Arrival(state, observation, Flight(sent, action), last=False)

    first = arrival(0, 0.0)
    book.first(first.state, first.observation, ActivePolicy(lambda o: action, 'run', 8))
    assert book.arrived(arrival(1, 0.012), applied).reward_terms['forward'] == pytest.approx(0.25)
    lost = book.arrived(arrival(2, 0.3), None)
    assert (lost.index, lost.reward) == (0, 0.0)
    step = book.arrived(arrival(3, 0.312), applied)
    assert step.reward_terms['forward'] == pytest.approx(0.25)
    assert step.measures['speed'] == pytest.approx(0.312 / (3 * 0.048))
