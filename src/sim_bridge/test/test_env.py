# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
import pytest

from maxent_robot import episode_seed
from maxent_robot.types import Level
import sim_bridge.env
from sim_bridge.rendering import RenderingUnavailableError

NAMES = ('maxent/SawyerReach-v0', 'maxent/MinitaurWalk-v0', 'maxent/DClawTurn-v0')


@pytest.fixture
def env():
    made = gymnasium.make('maxent/SawyerReach-v0').unwrapped
    yield made
    made.close()


def rollout(env, seed, steps=30):
    observation, _ = env.reset(seed=seed)
    observations = [observation]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        action = rng.uniform(-0.3, 0.3, env.action_space.shape).astype(np.float32)
        observations.append(env.step(action)[0])
    return np.array(observations)


@pytest.mark.filterwarnings('ignore:.*A Box observation space')
@pytest.mark.parametrize(
    ('name', 'options', 'observations', 'actions'),
    [
        ('maxent/SawyerReach-v0', {}, 17, 7),
        ('maxent/SawyerReach-v0', {'task': 'reach_random'}, 20, 7),
        ('maxent/SawyerReach-v0', {'task': 'reach_plane'}, 17, 7),
        ('maxent/SawyerReach-v0', {'task': 'reach_planes'}, 17, 7),
        ('maxent/MinitaurWalk-v0', {}, 113, 8),
        ('maxent/DClawTurn-v0', {}, 21, 9),
        ('maxent/DClawTurnImage-v0', {}, 27 + 32 * 32 * 3, 9),
    ],
)
def test_gymnasium_s_checker_has_no_objection(name, options, observations, actions):
    env = gymnasium.make(name, **options).unwrapped
    try:
        check_env(env, skip_render_check=True)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    finally:
        env.close()
    assert env.observation_space.shape == (observations,)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)


@pytest.mark.parametrize('name', NAMES)
def test_an_episode_follows_from_its_seed_to_the_bit_whatever_was_before(name):
    env, other = gymnasium.make(name).unwrapped, gymnasium.make(name).unwrapped
    reference = rollout(env, 5)
    rollout(other, 1, steps=35)
    np.testing.assert_array_equal(rollout(other, 5), reference)
    assert np.any(rollout(other, 6) != reference)


@pytest.mark.parametrize('name', NAMES)
def test_reset_puts_robot_and_objects_where_the_task_wants_them(name):
    env = gymnasium.make(name).unwrapped
    seed = episode_seed(3, 17)
    env.reset(seed=seed)
    start = env.task.reset(np.random.default_rng(seed))
    np.testing.assert_array_equal(env.simulation.joint_sample().position, start.positions)
    for angle in start.objects.values():
        np.testing.assert_array_equal(env.simulation.signal('valve'), [angle, 0.0])


def test_reset_draws_start_and_goal_as_the_policy_node_does():
    env = gymnasium.make('maxent/SawyerReach-v0', task='reach_random').unwrapped
    seed = episode_seed(3, 17)
    env.reset(seed=seed)
    goal = env.task.goal
    start = env.task.reset(np.random.default_rng(seed))
    np.testing.assert_array_equal(env.simulation.joint_sample().position, start.positions)
    np.testing.assert_array_equal(start.goal, goal)


def test_an_episode_is_truncated_after_the_steps_of_the_task():
    env = gymnasium.make('maxent/SawyerReach-v0', episode_steps=3)
    env.reset(seed=0)
    ends = [env.step(np.zeros(7, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(RuntimeError, match='reset'):
        env.unwrapped.step(np.zeros(7, np.float32))
    env.reset()
    env.step(np.zeros(7, np.float32))


def test_info_says_what_was_executed_and_how_well_it_went(env):
    _, info = env.reset(seed=0)
    assert info['measures']['distance'] > 0.0
    _, reward, _, _, info = env.step(np.ones(7, np.float32))
    assert info['applied_action'].dtype == np.float32
    assert info['applied_action'].shape == (7,)
    # slew limit: the torque grows to what was asked for within the period
    assert np.all((info['applied_action'] > 0.0) & (info['applied_action'] < 1.0))
    assert reward == pytest.approx(-info['measures']['distance'])
    assert sum(info['terms'].values()) == pytest.approx(reward)
    assert info['success'] is (info['measures']['distance'] <= 0.05)
    assert info['level'] == Level.NORMAL


@pytest.mark.parametrize(('name', 'milliseconds'), [*zip(NAMES, (50, 48, 100), strict=True)])
def test_a_step_is_one_policy_period_of_robot_time(name, milliseconds):
    env = gymnasium.make(name).unwrapped
    env.reset(seed=0)
    before = env.simulation.time_ns
    env.step(np.zeros(env.action_space.shape, np.float32))
    assert env.simulation.time_ns - before == milliseconds * 1_000_000


@pytest.mark.parametrize('name', NAMES[1:])
@pytest.mark.parametrize('action', [-0.4, 0.0, 0.4])
def test_of_a_position_what_the_set_point_came_to_is_the_executed_action(name, action):
    env = gymnasium.make(name).unwrapped
    env.reset(seed=0)
    wanted = np.full(env.action_space.shape, action, np.float32)
    infos = [env.step(wanted)[-1] for _ in range(3)]
    np.testing.assert_allclose(infos[-1]['applied_action'], wanted, atol=0.05)
    assert infos[-1]['level'] == Level.NORMAL


def test_a_robot_that_falls_ends_its_episode_and_the_next_one_stands():
    env = gymnasium.make('maxent/MinitaurWalk-v0', fall_angle=0.1).unwrapped
    env.reset(seed=0)
    left = np.array([0, 0, 0, 0, 1, 1, -1, -1], np.float32)  # legs long to the left
    for _ in range(40):
        _, _, terminated, truncated, info = env.step(left)
        if terminated:
            break
    assert (terminated, truncated) == (True, False)
    assert info['measures']['fallen'] == 1.0
    assert info['terms']['fall'] < 0.0
    assert not info['success']
    with pytest.raises(RuntimeError, match='reset'):
        env.step(left)
    _, info = env.reset(seed=1)
    assert info['measures'] == {'speed': 0.0, 'way': 0.0, 'fallen': 0.0}
    assert not env.step(np.zeros(8, np.float32))[2]


def test_the_world_varies_with_the_seed_alone():
    world = {'mass': (0.8, 1.2), 'terrain': 'blocks'}
    env = gymnasium.make('maxent/MinitaurWalk-v0', world=world).unwrapped
    plain = gymnasium.make('maxent/MinitaurWalk-v0').unwrapped
    assert np.any(rollout(env, 5, 10) != rollout(plain, 5, 10))
    masses = []
    for seed in (5, 5, 6, None, None):
        env.reset(seed=seed)
        masses.append(env.simulation.figures.mass)
    assert masses[0] == masses[1]
    assert len(set(masses)) == 4


def test_an_emergency_stop_ends_with_the_episode(env):
    env.reset(seed=0)
    env.guard.estop('test')
    _, _, _, _, info = env.step(np.ones(7, np.float32))
    assert info['level'] == Level.ESTOP
    env.reset()
    _, _, _, _, info = env.step(np.ones(7, np.float32))
    assert info['level'] == Level.NORMAL


@pytest.mark.parametrize('action', [np.full(7, np.nan, np.float32), np.zeros(6, np.float32)])
def test_a_malformed_action_is_refused(env, action):
    env.reset(seed=0)
    with pytest.raises(ValueError, match='action'):
        env.step(action)


def test_a_robot_or_world_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown robot 'atlas'"):
        sim_bridge.env.RobotEnv('atlas', 'reach')
    with pytest.raises(ValueError, match="'sawyer' cannot walk"):
        sim_bridge.env.RobotEnv('sawyer', 'walk')
    with pytest.raises(ValueError, match='moon'):
        sim_bridge.env.RobotEnv('minitaur', 'walk', world={'terrain': 'moon'})


def test_unknown_tasks_options_and_render_modes_are_named():
    with pytest.raises(ValueError, match="unknown task 'fly'"):
        sim_bridge.env.RobotEnv('sawyer', 'fly')
    with pytest.raises(ValueError, match="no option 'speed'"):
        sim_bridge.env.RobotEnv('sawyer', 'reach', speed=1)
    with pytest.raises(ValueError, match='rgb_array'):
        sim_bridge.env.RobotEnv('sawyer', 'reach', render_mode='human')


def test_it_renders():
    env = gymnasium.make('maxent/SawyerReach-v0', render_mode='rgb_array')
    env.reset(seed=0)
    try:
        image = env.render()
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    assert image.shape == (480, 640, 3)
    env.close()


def test_it_imports_no_ros():
    code = (
        'import gymnasium, sim_bridge.env, sys;'
        "env = gymnasium.make('maxent/SawyerReach-v0'); env.reset(seed=0);"
        'env.step(env.action_space.sample());'
        "sys.exit(any(m.split('.')[0] in ('rclpy', 'maxent_msgs', 'torch') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, '-c', code], env=dict(os.environ)).returncode == 0
