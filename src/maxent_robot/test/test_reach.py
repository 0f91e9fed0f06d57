# SPDX-License-Identifier: Apache-2.0
"""Reaching: start poses, goals, observations, rewards and success of the three variants."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.tasks import OptionError, make_task
from maxent_robot.types import CommandMode, RobotState

STILL = np.zeros(7, np.float32)


def at(q, v=None):
    return RobotState(0, np.asarray(q), np.zeros(7) if v is None else v)


def test_the_start_pose_is_noisy_within_its_bound_and_repeats_with_its_seed():
    task = make_task(SAWYER, 'reach', start_noise=0.03)
    starts = [task.reset(np.random.default_rng(seed)).positions for seed in range(50)]
    offsets = np.array(starts) - SAWYER.start
    assert np.abs(offsets).max() <= 0.03
    assert np.abs(offsets).max() > 0.025
    np.testing.assert_array_equal(starts[7], task.reset(np.random.default_rng(7)).positions)


def test_the_reward_is_minus_the_distance_to_a_fixed_target():
    target = SAWYER.chain.tip(SAWYER.start) + np.array([0.03, 0.0, -0.04])
    task = make_task(SAWYER, 'reach', target=tuple(target))
    np.testing.assert_allclose(task.reset(np.random.default_rng(0)).goal, target)
    outcome = task.evaluate(at(SAWYER.start), STILL)
    assert outcome.reward == pytest.approx(-0.05)
    assert outcome.reward == sum(outcome.terms.values())
    assert outcome.measures['distance'] == pytest.approx(0.05)
    assert not outcome.terminated


def test_success_is_within_five_centimetres():
    task = make_task(SAWYER, 'reach')
    assert task.success({'distance': 0.05})
    assert not task.success({'distance': 0.0501})
    assert not task.success({'distance': float('nan')})


def test_random_goals_fill_the_goal_box_and_change_between_episodes():
    task = make_task(SAWYER, 'reach_random')
    goals = np.array([task.reset(np.random.default_rng(k)).goal for k in range(200)])
    lower, upper = SAWYER.goal_box.lower, SAWYER.goal_box.upper
    assert (goals >= lower).all()
    assert (goals <= upper).all()
    assert (goals.max(0) - goals.min(0) > 0.95 * (upper - lower)).all()


def test_a_random_goal_is_observed_relative_to_the_tip():
    task = make_task(SAWYER, 'reach_random')
    start = task.reset(np.random.default_rng(3))
    observation = task.observe(at(start.positions))
    assert observation.shape == (20,)
    expected = start.goal - SAWYER.chain.tip(start.positions)
    np.testing.assert_allclose(0.1 * observation[17:], expected, atol=1e-6)
    distance = task.evaluate(at(start.positions), STILL).measures['distance']
    assert distance == pytest.approx(np.linalg.norm(expected))


@pytest.mark.parametrize(
    ('axis', 'index', 'value'), [('x', 0, 0.7), ('y', 1, -0.2), ('z', 2, 0.4)]
)
def test_a_plane_is_reached_along_its_axis_alone(axis, index, value):
    task = make_task(SAWYER, 'reach_plane', axis=axis, value=value)
    goal = task.reset(np.random.default_rng(0)).goal
    assert goal[index] == value
    distance = task.evaluate(at(SAWYER.neutral), STILL).measures['distance']
    assert distance == pytest.approx(abs(SAWYER.chain.tip(SAWYER.neutral)[index] - value))


def test_several_planes_reward_the_sum_of_what_each_rewards_and_measure_the_distance():
    planes = make_task(SAWYER, 'reach_planes', axes='xz', values=(0.65, 0.3))
    singles = [
        make_task(SAWYER, 'reach_plane', axis=axis, value=value)
        for axis, value in (('x', 0.65), ('z', 0.3))
    ]
    both = planes.evaluate(at(SAWYER.neutral), STILL)
    rewards = [single.evaluate(at(SAWYER.neutral), STILL).reward for single in singles]
    assert both.reward == pytest.approx(sum(rewards))
    assert both.measures['distance'] == pytest.approx(np.hypot(*rewards))
    assert planes.layout.hash == singles[0].layout.hash
    np.testing.assert_allclose(planes.goal[[0, 2]], [0.65, 0.3])


def test_fixed_and_plane_skills_share_a_layout_and_random_has_its_own():
    fixed, random = make_task(SAWYER, 'reach'), make_task(SAWYER, 'reach_random')
    planes = [make_task(SAWYER, 'reach_plane', axis=a, value=v) for a, v in [('x', 0.5), ('y', 0)]]
    assert fixed.layout.size == 17
    assert {task.layout.hash for task in planes} == {fixed.layout.hash}
    assert random.layout.hash != fixed.layout.hash


def test_observations_are_of_order_one_wherever_the_robot_may_be():
    task = make_task(SAWYER, 'reach_random')
    task.reset(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for _ in range(200):
        q = rng.uniform(SAWYER.soft_lower, SAWYER.soft_upper)
        v = rng.uniform(-SAWYER.limits.velocity, SAWYER.limits.velocity)
        # The largest is the way to the goal, over a metre in units of half the goal box.
        assert np.abs(task.observe(at(q, v))).max() < 20.0


def test_actions_are_torques_within_half_of_what_the_guard_lets_through():
    mapping = make_task(SAWYER, 'reach').mapping
    assert mapping.mode is CommandMode.TORQUE
    np.testing.assert_allclose(mapping.to_values(np.ones(7)), [4, 3.5, 3, 2.5, 2, 1.5, 1])


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('reach', {'target': (0.9, 0.0, 0.3)}, 'outside the reach box'),
        ('reach', {'target': (0.6, float('nan'), 0.3)}, 'outside the reach box'),
        ('reach', {'target': (0.6, 0.3)}, 'must be x, y, z'),
        ('reach', {'target': 'abc'}, 'must be x, y, z'),
        ('reach', {'target': 0.6}, 'must be x, y, z'),
        ('reach_plane', {'axis': 'w'}, "must be x, y or z, is 'w'"),
        ('reach_plane', {'axis': 'y', 'value': 0.7}, r'y = 0\.7: outside the reach box'),
        ('reach_plane', {'value': float('nan')}, 'must lie in'),
        ('reach_planes', {'axes': 'xx'}, "two or three of x, y, z, such as xz, is 'xx'"),
        ('reach_planes', {'axes': 'x'}, "is 'x'"),
        ('reach_planes', {'axes': 'xw'}, "is 'xw'"),
        ('reach_planes', {'axes': 3}, 'is 3'),
        ('reach_planes', {'values': (0.6,)}, 'must be 2 numbers, one for each of the axes xz'),
        ('reach_planes', {'values': 'ab'}, 'must be 2 numbers'),
        ('reach_planes', {'values': (0.6, 0.9)}, r'xz = \(0\.6, 0\.9\): outside the reach box'),
        ('reach', {'episode_steps': 0}, 'must lie in'),
    ],
)
def test_goals_that_cannot_be_reached_are_refused(name, options, message):
    with pytest.raises(OptionError, match=message):
        make_task(SAWYER, name, **options)


def test_a_robot_without_kinematics_cannot_reach():
    with pytest.raises(ValueError, match="'sawyer' cannot reach"):
        make_task(replace(SAWYER, chain=None), 'reach')
