# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
import pytest

from sim_bridge.multi_goal_env import GOALS, MultiGoalEnv, goal_distances, reward

MAKE = 'sim_bridge.multi_goal_env:maxent/MultiGoal-v0'
STILL = np.zeros(2, np.float32)
RIGHT = np.array([1.0, 0.0], np.float32)


@pytest.fixture
def env():
    return gymnasium.make(MAKE, disable_env_checker=True).unwrapped


def walk(env, action, steps):
    """Repeat an action until the episode ends; returns what the last step gave, and its number."""
    for step in range(1, steps + 1):
        result = env.step(action)
        if result[2] or result[3]:
            return result, step
    return result, steps


def test_gymnasium_s_checker_has_no_objection(env):
    check_env(env, skip_render_check=True)
    assert env.observation_space == gymnasium.spaces.Box(-7.0, 7.0, (2,), np.float32)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    assert env.layout.size == 2


def test_episodes_start_near_the_origin_and_follow_from_their_seed(env):
    starts = np.array([env.reset(seed=seed)[0] for seed in range(500)])
    np.testing.assert_array_equal(env.reset(seed=7)[0], starts[7])
    np.testing.assert_allclose(starts.mean(axis=0), [0.0, 0.0], atol=0.02)
    np.testing.assert_allclose(starts.std(axis=0), [0.1, 0.1], atol=0.01)


def test_an_action_is_a_displacement_and_clipped(env):
    start, _ = env.reset(seed=0)
    after, *_ = env.step(np.array([0.5, -0.25], np.float32))
    np.testing.assert_allclose(after - start, [0.5, -0.25], atol=1e-6)
    beyond, reward_beyond, *_ = env.step(np.array([5.0, 0.0], np.float32))
    np.testing.assert_allclose(beyond - after, [1.0, 0.0], atol=1e-6)
    assert reward_beyond == pytest.approx(0.1 * float(reward(beyond, RIGHT)), rel=1e-5)


def test_the_position_stays_inside_the_area(env):
    env.reset(seed=0)
    (observation, _, terminated, truncated, _), steps = walk(env, np.ones(2, np.float32), 100)
    np.testing.assert_array_equal(observation, [7.0, 7.0])
    assert (terminated, truncated, steps) == (False, True, 30)


@pytest.mark.parametrize('goal', range(4))
def test_each_goal_ends_the_episode_within_a_metre_of_it(env, goal):
    env.reset(seed=0)
    direction = (GOALS[goal] / 5.0).astype(np.float32)
    (observation, _, terminated, truncated, info), steps = walk(env, direction, 30)
    assert (terminated, truncated) == (True, False)
    assert info['goal'] == goal
    assert info['distance'] == pytest.approx(np.linalg.norm(observation - GOALS[goal]), rel=1e-5)
    assert info['distance'] < 1.0
    assert 4 <= steps <= 5
    with pytest.raises(RuntimeError, match='reset'):
        env.step(STILL)


def test_away_from_the_goals_none_is_reached(env):
    _, info = env.reset(seed=0)
    assert info['goal'] == -1
    assert info['distance'] == pytest.approx(5.0, abs=0.4)


@pytest.mark.parametrize(
    ('position', 'action', 'expected'),
    [
        ([0.0, 0.0], [0.0, 0.0], -25.0),
        ([0.0, 0.0], [1.0, -1.0], -85.0),
        ([3.0, 0.0], [0.5, 0.0], -4.0 - 7.5),
        ([5.0, 0.5], [0.0, 0.0], -0.25 + 10.0),
        ([-5.0, 1.0], [0.0, 0.0], -1.0),  # at one metre it is not reached
        ([0.0, -6.5], [0.0, 0.1], -2.25 - 0.3),
    ],
)
def test_rewards_by_hand(position, action, expected):
    assert reward(np.array(position), np.array(action)) == pytest.approx(expected)


def test_a_grid_of_positions_gives_a_grid_of_rewards():
    x, y = np.meshgrid(np.linspace(-7, 7, 5), np.linspace(-7, 7, 3))
    positions = np.stack([x, y], axis=-1)
    grid = reward(positions)
    assert grid.shape == (3, 5)
    assert grid[2, 1] == reward(np.array([-3.5, 7.0]))
    assert goal_distances(positions).shape == (3, 5, 4)


def test_one_position_with_many_actions_gives_their_rewards():
    actions = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(reward(np.zeros(2), actions), [-25.0, -55.0, -85.0])


def test_a_step_pays_the_scaled_reward_of_the_state_that_it_leads_to():
    env = MultiGoalEnv(reward_scale=2.0)
    env.reset(seed=0)
    (observation, paid, *_), _ = walk(env, RIGHT, 30)  # into the goal
    nearest = np.linalg.norm(observation - GOALS[0])
    assert paid == pytest.approx(2.0 * (10.0 - 30.0 - nearest**2), rel=1e-5)


@pytest.mark.parametrize('action', [np.full(2, np.nan, np.float32), np.zeros(3, np.float32)])
def test_a_malformed_action_is_refused(env, action):
    env.reset(seed=0)
    with pytest.raises(ValueError, match='action'):
        env.step(action)


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="'episode_steps'"):
        MultiGoalEnv(episode_steps=0)
    with pytest.raises(ValueError, match="'reward_scale'"):
        MultiGoalEnv(reward_scale=0.0)
    with pytest.raises(ValueError, match="no option 'noise'"):
        MultiGoalEnv(noise=0.1)
    with pytest.raises(ValueError, match='render_mode'):
        MultiGoalEnv(render_mode='rgb_array')


def test_it_needs_no_physics_and_no_ros():
    code = (
        f"import gymnasium, sys; gymnasium.make('{MAKE}').reset(seed=0);"
        "sys.exit(any(m.split('.')[0] in ('mujoco', 'rclpy', 'torch') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, '-c', code], env=dict(os.environ)).returncode == 0
