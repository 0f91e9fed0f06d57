# SPDX-License-Identifier: Apache-2.0
"""Turning a valve: what is observed, ROBEL's reward with its bonuses, and what an action means."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from maxent_robot.robots import DCLAW
from maxent_robot.robots.dclaw import TASK_LOWER, TASK_UPPER, VALVE
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode, RobotState

ZERO = np.zeros(9, np.float32)
TASKS = ('turn', 'turn_image')
PICTURE = np.random.default_rng(3).integers(0, 256, 32 * 32 * 3).astype(np.uint8)


def at(valve=0.0, q=DCLAW.start, v=None, picture=PICTURE):
    signals = {'valve': np.array([valve, 0.7]), 'camera': picture}
    return RobotState(0, np.asarray(q), np.zeros(9) if v is None else np.asarray(v), signals)


def begun(name='turn', seed=0, **options):
    task = make_task(DCLAW, name, **options)
    task.reset(np.random.default_rng(seed))
    return task


def error(goal, valve, name='turn'):
    return begun(name, goal=goal, goal_noise=0.0).begin(at(valve))['error']


# What is observed


def test_turn_observes_the_21_numbers_of_robel():
    task = begun(goal=pi)
    task.acted(np.linspace(-1.0, 1.0, 9, dtype=np.float32))
    observation = task.observe(at(valve=pi / 3, q=DCLAW.start + 0.1))
    assert observation.shape == (21,)
    fields = task.layout.unpack(observation)
    assert list(fields) == ['position', 'last_action', 'valve', 'target_error']
    np.testing.assert_allclose(fields['position'], DCLAW.start + 0.1, atol=1e-6)
    np.testing.assert_allclose(fields['last_action'], np.linspace(-1.0, 1.0, 9), atol=1e-6)
    np.testing.assert_allclose(fields['valve'], [0.5, np.sqrt(0.75)], atol=1e-6)
    np.testing.assert_allclose(fields['target_error'], [2.0 * pi / 3.0], atol=1e-6)


def test_turn_image_observes_joints_last_action_and_the_picture():
    task = begun('turn_image')
    task.acted(np.full(9, 0.25, np.float32))
    observation = task.observe(at(q=DCLAW.start - 0.1, v=np.full(9, 0.5)))
    fields = task.layout.unpack(observation)
    assert list(fields) == ['position', 'last_action', 'velocity', 'camera']
    np.testing.assert_allclose(fields['velocity'], 0.5, atol=1e-6)
    np.testing.assert_allclose(fields['last_action'], 0.25)
    assert task.layout.image == (32, 32, 3)
    np.testing.assert_array_equal(np.rint(255.0 * observation[27:]), PICTURE)


def test_the_angle_of_the_valve_is_not_in_the_observation_of_turn_image():
    task = begun('turn_image')
    here, there = at(valve=0.3), at(valve=-2.0)
    np.testing.assert_array_equal(task.observe(here), task.observe(there))
    assert task.begin(here)['error'] != task.begin(there)['error']
    assert 'valve' not in {field.name for field in task.layout.fields}
    darker = at(valve=0.3, picture=PICTURE // 2)
    assert np.any(task.observe(here) != task.observe(darker))


@pytest.mark.parametrize('name', TASKS)
def test_a_new_episode_has_no_last_action(name):
    task = begun(name)
    task.acted(np.ones(9, np.float32))
    task.reset(np.random.default_rng(1))
    fields = task.layout.unpack(task.observe(at()))
    np.testing.assert_array_equal(fields['last_action'], 0.0)


@pytest.mark.parametrize('name', TASKS)
def test_observations_are_of_order_one_wherever_the_hand_may_be(name):
    rng, task = np.random.default_rng(0), begun(name)
    for _ in range(50):
        q = rng.uniform(DCLAW.soft_lower, DCLAW.soft_upper)
        v = rng.uniform(-8.0, 8.0, 9)
        assert np.abs(task.observe(at(rng.uniform(-6.0, 6.0), q, v))).max() < 5.0


# The reward


@pytest.mark.parametrize(
    ('goal', 'valve', 'expected'),
    [
        (pi, 0.0, pi),
        (3.0, -3.0, 2.0 * pi - 6.0),
        (-3.0, 3.0, 2.0 * pi - 6.0),
        (0.0, 2.0 * pi, 0.0),
        (0.0, 4.0 * pi + 0.5, 0.5),
        (1.0, 1.0 - 6.0 * pi, 0.0),
    ],
)
def test_the_error_is_the_shorter_way_round(goal, valve, expected):
    assert error(goal, valve) == pytest.approx(expected, abs=1e-9)


def test_the_observed_error_has_the_sign_of_the_way_to_turn():
    task = begun(goal=1.0)
    assert task.layout.unpack(task.observe(at(0.6)))['target_error'] == pytest.approx([0.4])
    assert task.layout.unpack(task.observe(at(1.6)))['target_error'] == pytest.approx([-0.6])


@pytest.mark.parametrize('name', TASKS)
@pytest.mark.parametrize(
    ('valve', 'bonus'), [(0.3, 0.0), (0.24, 10.0), (0.11, 10.0), (0.09, 60.0), (-0.09, 60.0)]
)
def test_near_the_goal_there_is_a_bonus_and_at_the_goal_a_second(name, valve, bonus):
    terms = begun(name, goal=0.0).evaluate(at(valve), ZERO).terms
    assert terms['near'] + terms['there'] == pytest.approx(0.02 * bonus)


def test_the_reward_is_that_of_robel_times_a_fiftieth():
    q = DCLAW.start + np.array([0.3, 0.0, 0.4] + [0.0] * 6)
    v = np.array([0.6, -0.8, 0.49, -0.49] + [0.0] * 5)  # below 0.5 rad/s it costs nothing
    outcome = begun(goal=pi).evaluate(at(pi - 0.2, q, v), ZERO)
    robel = -5.0 * 0.2 - 0.5 - 1.0 + 10.0
    assert outcome.reward == pytest.approx(0.02 * robel)
    assert outcome.reward == pytest.approx(sum(outcome.terms.values()))
    assert outcome.terms['error'] < 0.0
    assert outcome.terms['pose'] == pytest.approx(-0.02 * 0.5)
    assert outcome.terms['speed'] == pytest.approx(-0.02 * 1.0)
    assert not outcome.terminated


def test_at_rest_in_the_start_pose_nothing_but_the_error_costs():
    terms = begun(goal=2.0).evaluate(at(0.0), ZERO).terms
    assert (terms['pose'], terms['speed']) == (0.0, 0.0)


def test_success_is_an_error_within_the_tolerance():
    task = begun(tolerance=0.1)
    assert task.success({'error': 0.1})
    assert not task.success({'error': 0.101})
    assert not task.success({'error': float('nan')})


# How an episode begins


@pytest.mark.parametrize(
    ('name', 'goal', 'spread'), [('turn', pi, pi / 3), ('turn_image', 0.0, pi)]
)
def test_the_valve_starts_at_random_and_the_goal_is_shown_where_it_points(name, goal, spread):
    task = make_task(DCLAW, name)
    starts = [task.reset(np.random.default_rng(seed)) for seed in range(200)]
    angles = np.array([start.objects[VALVE] for start in starts])
    assert 0.95 * spread < np.abs(angles).max() <= spread
    assert angles.min() < -0.9 * spread
    assert all(set(start.objects) == {VALVE} for start in starts)
    x, y, z = starts[0].goal
    np.testing.assert_allclose([x, y], np.hypot(x, y) * np.array([np.cos(goal), np.sin(goal)]))
    assert np.hypot(x, y) > 0.05
    assert z > 0.0
    again = task.reset(np.random.default_rng(7))
    np.testing.assert_array_equal(again.positions, starts[7].positions)
    assert again.objects == starts[7].objects
    poses = np.array([start.positions for start in starts]) - DCLAW.start
    assert 0.045 < np.abs(poses).max() <= 0.05


def test_a_noisy_goal_is_what_error_and_marker_go_by():
    task = make_task(DCLAW, 'turn', goal=0.5, goal_noise=0.4)
    goals = []
    for seed in range(50):
        mark = task.reset(np.random.default_rng(seed)).goal
        goals.append(np.arctan2(mark[1], mark[0]))
        assert task.begin(at(goals[-1]))['error'] == pytest.approx(0.0, abs=1e-9)
    assert 0.1 <= min(goals) < 0.2
    assert 0.8 < max(goals) <= 0.9


# What an action means


@pytest.mark.parametrize('name', TASKS)
def test_actions_span_the_range_of_the_task_and_lead_the_joints_by_robels_speed_limit(name):
    mapping = begun(name).mapping
    assert mapping.mode is CommandMode.POSITION
    for action, end in ((1.0, TASK_UPPER), (-1.0, TASK_LOWER)):
        np.testing.assert_allclose(mapping.to_values(np.full(9, action), end), end)
        far = end - action
        np.testing.assert_allclose(
            mapping.to_values(np.full(9, action), far), far + action * 0.2094, atol=1e-4
        )


def test_the_two_tasks_cannot_be_taken_for_each_other():
    assert begun('turn').layout.hash != begun('turn_image').layout.hash


def test_a_hand_without_a_valve_cannot_turn_one():
    with pytest.raises(ValueError, match="'dclaw' cannot turn a valve"):
        make_task(replace(DCLAW, signals={}), 'turn')
