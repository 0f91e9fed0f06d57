# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
import pytest

from sim_bridge.pusher_env import START_POSE, PusherEnv
from sim_bridge.rendering import RenderingUnavailableError

MAKE = 'sim_bridge.pusher_env:maxent/Pusher-v0'
STILL = np.zeros(3, np.float32)
SPAN = 8.0 * np.tan(np.deg2rad(11.0))  # m from the middle of the picture to its edge


def make(**options):
    return gymnasium.make(MAKE, disable_env_checker=True, **options).unwrapped


@pytest.fixture
def env():
    return make()


def rollout(env, seed, steps=40):
    observation, _ = env.reset(seed=seed)
    observations = [observation]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        action = rng.choice([-1.0, 1.0], 3).astype(np.float32)
        observations.append(env.step(action)[0])
    return np.array(observations)


@pytest.mark.filterwarnings('ignore:.*A Box observation space')
@pytest.mark.parametrize('goal', ['left', 'bottom_right'])
def test_gymnasium_s_checker_has_no_objection(goal):
    env = make(goal=goal)
    check_env(env, skip_render_check=True)
    assert env.observation_space.shape == (env.layout.size,) == (15,)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)


def test_an_episode_follows_from_its_seed_to_the_bit_whatever_was_before(env):
    other = make()
    reference = rollout(env, 5)
    rollout(other, 1, steps=100)
    np.testing.assert_array_equal(rollout(other, 5), reference)
    assert np.any(rollout(other, 6) != reference)


def test_the_start_does_not_depend_on_the_goal(env):
    np.testing.assert_array_equal(env.reset(seed=2)[0], make(goal='bottom').reset(seed=2)[0])


def test_episodes_start_at_rest_with_a_free_puck_that_is_not_there_already(env):
    pucks = np.array([env.reset(seed=seed)[1]['puck'] for seed in range(200)])
    assert np.all((pucks >= [0.3, -1.0]) & (pucks <= [1.0, -0.4]))
    assert np.linalg.norm(pucks - [1.0, -1.0], axis=1).min() >= 0.45
    assert np.all(np.ptp(pucks, axis=0) > [0.6, 0.5])  # all of the area is used
    for seed in range(20):
        env.reset(seed=seed)
        assert np.abs(env.data.qpos[:3] - START_POSE).max() <= 0.05
        assert not env.data.qvel.any()
        assert env.data.ncon == 0


def test_starts_anywhere_fill_the_lower_half_of_the_reach_and_never_touch_the_puck():
    env = make(anywhere=1.0)
    pucks = []
    for seed in range(200):
        _, info = env.reset(seed=seed)
        pucks.append(info['puck'])
        assert env.data.ncon == 0
        assert np.abs(env.data.qvel).max() == 0.0
    pucks = np.array(pucks)
    assert np.linalg.norm(pucks, axis=1).max() <= 1.5
    assert pucks[:, 1].max() <= 0.0
    for corner in ([-1.0, -1.0], [0.0, -1.0], [1.0, -1.0]):
        assert (np.linalg.norm(pucks - corner, axis=1) < 0.3).any()


def test_a_share_of_the_episodes_starts_anywhere():
    env = make(anywhere=0.5)
    usual = [np.abs(env.reset(seed=seed)[0][:3] - np.sin(START_POSE)).max() < 0.06
             for seed in range(200)]  # fmt: skip
    assert 70 < sum(usual) < 130


def test_an_observation_says_where_everything_is(env):
    observation = rollout(env, 3)[-1]
    q, velocity, puck = env.data.qpos[:3], env.data.qvel[:3], env.data.qpos[3:]
    directions = np.cumsum(q)
    lengths = np.array([0.5, 0.5, 0.62])
    tip = np.array([lengths @ np.cos(directions), lengths @ np.sin(directions)])
    expected = [*np.sin(q), *np.cos(q), *(velocity / 3.0), *tip, *puck, *(puck - tip)]
    np.testing.assert_allclose(observation, expected, atol=1e-6)
    assert np.abs(velocity).max() > 0.1


def test_the_reward_is_for_the_state_that_a_step_leads_to():
    env = make(goal='bottom_left', action_cost=0.2, approach=0.5)
    env.reset(seed=0)
    observation, reward, _, _, info = env.step(np.array([1.0, -0.5, 0.0], np.float32))
    puck, puck_from_tip = observation[11:13], observation[13:15]
    distance = np.hypot(puck[0] + 1.0, puck[1] + 1.0)
    expected = -distance - 0.2 * 1.25 - 0.5 * np.linalg.norm(puck_from_tip)
    assert reward == pytest.approx(expected, abs=1e-5)
    assert info['distance'] == pytest.approx(distance, abs=1e-6)
    np.testing.assert_allclose(info['puck'], puck, atol=1e-6)


def test_without_options_the_reward_is_that_of_the_paper(env):
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([0.5, 0.5, -1.0], np.float32))
    assert reward == pytest.approx(-abs(info['puck'][0] + 1.0) - 0.1 * 1.5)


def test_an_action_beyond_the_limits_counts_as_the_limit(env):
    env.reset(seed=0)
    expected = env.step(np.array([1.0, -1.0, 0.0], np.float32))
    env.reset(seed=0)
    given = env.step(np.array([9.0, -2.0, 0.0], np.float32))
    np.testing.assert_array_equal(given[0], expected[0])
    assert given[1] == expected[1]


def test_an_episode_is_truncated_after_its_steps():
    env = make(episode_steps=3)
    env.reset(seed=0)
    ends = [env.step(STILL)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(RuntimeError, match='reset'):
        env.step(STILL)
    env.reset()
    env.step(STILL)


@pytest.mark.parametrize('action', [np.full(3, np.nan, np.float32), np.zeros(2, np.float32)])
def test_a_malformed_action_is_refused(env, action):
    env.reset(seed=0)
    with pytest.raises(ValueError, match='action'):
        env.step(action)


def test_unknown_goals_options_and_render_modes_are_named():
    with pytest.raises(ValueError, match=r"'goal'.*bottom_left.*'top'"):
        PusherEnv(goal='top')
    with pytest.raises(ValueError, match="no option 'speed'"):
        PusherEnv(speed=1)
    with pytest.raises(ValueError, match='rgb_array'):
        PusherEnv(render_mode='human')


def picture(goal, seed=0):
    """Return where pixels are goal-green and puck-orange, (480, 480) each, and the env."""
    env = make(goal=goal, render_mode='rgb_array')
    env.reset(seed=seed)
    try:
        image = env.render().astype(int)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    env.close()
    assert image.shape == (480, 480, 3)
    r, g, b = image[..., 0], image[..., 1], image[..., 2]
    return (g > 1.5 * r) & (g > 1.5 * b), (r > 1.5 * g) & (g > 1.5 * b), env


def row_and_column(x, y):
    return 240 - (y + 0.1) / SPAN * 240, 240 + x / SPAN * 240


@pytest.mark.parametrize('goal', ['left', 'middle', 'bottom', 'bottom_right'])
def test_a_picture_shows_the_lines_of_the_goal_and_no_others(goal):
    green, _, _ = picture(goal)
    rows, columns = (
        np.nonzero(green.mean(axis=1) > 0.8)[0],
        np.nonzero(green.mean(axis=0) > 0.8)[0],
    )
    at_row, at_column = row_and_column(
        {'left': -1.0, 'middle': 0.0, 'bottom_right': 1.0}.get(goal, np.nan),
        -1.0 if goal.startswith('bottom') else np.nan,
    )
    assert rows.size == 0 if np.isnan(at_row) else rows.mean() == pytest.approx(at_row, abs=3)
    if np.isnan(at_column):
        assert columns.size == 0
    else:
        assert columns.mean() == pytest.approx(at_column, abs=3)


def test_a_picture_shows_the_puck_where_it_is():
    _, orange, env = picture('left')
    centre = np.mean(np.nonzero(orange), axis=1)
    np.testing.assert_allclose(centre, row_and_column(*env.data.qpos[3:]), atol=3)


def test_nothing_is_drawn_unless_asked_for(env):
    env.reset(seed=0)
    assert env.render() is None


def imports(statement, modules):
    code = (
        f"{statement}; import sys;sys.exit(any(m.split('.')[0] in {modules} for m in sys.modules))"
    )
    return subprocess.run([sys.executable, '-c', code], env=dict(os.environ)).returncode == 1


def test_it_imports_no_ros_and_the_package_alone_imports_no_physics():
    use = f"import gymnasium; gymnasium.make('{MAKE}').reset(seed=0)"
    assert not imports(use, ('rclpy', 'maxent_msgs', 'torch'))
    assert not imports('import sim_bridge', ('mujoco', 'gymnasium', 'numpy'))
