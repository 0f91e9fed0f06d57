# SPDX-License-Identifier: Apache-2.0
"""The lock-step graph and the in-process environment are the same to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maxent_bringup.ros_evaluation import evaluate_over_ros
from maxent_bringup.system import SystemConfig
from maxent_learner.in_process import make_environment
from maxent_learner.skill_export import layout_fields, limits
from maxent_rl.algorithms import make_algorithm
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import Skill, load_skill, save_skill
from maxent_rl.skill_metadata import SkillMetadata
from maxent_robot import episode_seed
from maxent_robot.episode import StepRecord
from maxent_robot.option_texts import parse_options
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task
from sim_bridge.rendering import RenderingUnavailableError
from sim_bridge.simulations import make_simulation

pytestmark = pytest.mark.system
SEED = 11


def test_eval_through_ros_prints_the_figures_of_the_evaluation_in_process(maxent, trained) -> None:
    skill = str(trained.skills / 'mine')
    common = ('eval', skill, '--episodes', '2', '--seed', str(SEED), '--json')
    there, here = json.loads(maxent.run(*common, '--ros')), json.loads(maxent.run(*common))
    assert (there.pop('path'), here.pop('path')) == ('ros', 'in_process')
    assert there == here
    assert {'skill', 'robot', 'task', 'episodes', 'seed', 'success_rate'} <= set(here)
    assert here['mean_final_distance'] > 0.0


@pytest.mark.parametrize('deterministic', [True, False])
def test_every_step_over_ros_equals_the_environment_bit_by_bit(
    deterministic: bool, domain: int, trained, tmp_path
) -> None:
    config = SystemConfig(
        purpose='run',
        skill='mine',
        skills=trained.skills,
        runs=tmp_path,
        pacing='lockstep',
        seed=SEED,
        episodes=2,
        deterministic=deterministic,
    )
    records: list[StepRecord] = []
    evaluate_over_ros(config, on_step=records.append)
    check_against_the_environment(records, config)


@pytest.mark.parametrize(
    ('robot', 'task', 'steps', 'world'),
    [
        ('minitaur', 'walk', 60, ()),
        ('minitaur', 'walk', 40, ('terrain=blocks', 'mass=[0.8, 1.2]', 'latency=[0.0, 0.04]')),
        ('dclaw', 'turn', 40, ()),
        ('dclaw', 'turn_image', 15, ()),
    ],
    ids=['walk', 'walk on blocks', 'turn', 'turn image'],
)
def test_every_step_of_the_other_robots_equals_the_environment_bit_by_bit(
    robot: str, task: str, steps: int, world: tuple[str, ...], domain: int, tmp_path
) -> None:
    if task == 'turn_image' and not can_render():
        pytest.skip('no off-screen OpenGL here')
    save_untrained_skill(tmp_path / 'skills' / 'new', robot, task)
    config = SystemConfig(
        purpose='run',
        robot=robot,
        task=task,
        task_options=(f'episode_steps={steps}',),
        skill='new',
        skills=tmp_path / 'skills',
        runs=tmp_path,
        world=world,
        pacing='lockstep',
        seed=SEED,
        episodes=2,
        deterministic=False,
    )
    records: list[StepRecord] = []
    evaluate_over_ros(config, on_step=records.append)
    check_against_the_environment(records, config)
    applied = np.array([record.applied_action for record in records if record.index > 0])
    assert np.ptp(applied, axis=0).min() > 0.1, 'every joint was moved'


def check_against_the_environment(records: list[StepRecord], config: SystemConfig) -> None:
    """Compare steps that came over ROS with those of the environment in this process."""
    skill = load_skill(config.skills / config.skill)
    act = PolicyRunner(skill.policy(), config.seed, config.deterministic)
    world = parse_options(config.world)
    environment = make_environment(config.robot, config.task, config.options, world)
    steps = iter(records)
    for episode in range(config.episodes):
        observation, info = environment.reset(seed=episode_seed(config.seed, episode))
        record = next(steps)
        assert (record.episode, record.index) == (episode, 0)
        np.testing.assert_array_equal(record.observation, observation, strict=True)
        assert record.measures == info['measures']
        is_over = False
        while not is_over:
            action = act(observation)
            observation, reward, terminated, truncated, info = environment.step(action)
            record = next(steps)
            np.testing.assert_array_equal(record.action, action, strict=True)
            np.testing.assert_array_equal(record.applied_action, info['applied_action'])
            np.testing.assert_array_equal(record.observation, observation, strict=True)
            assert record.reward == reward
            assert record.reward_terms == info['terms']
            assert record.measures == info['measures']
            assert (record.terminated, record.truncated) == (terminated, truncated)
            is_over = terminated or truncated
    environment.close()
    assert next(steps, None) is None


def save_untrained_skill(folder: Path, robot: str, task_name: str) -> None:
    """Write a skill with the random weights that learning begins with."""
    spec = get_robot(robot)
    task = make_task(spec, task_name)
    sizes, options = (task.layout.size, task.mapping.size), {'hidden': [32, 32]}
    learner = make_algorithm('sac', *sizes, options, SEED, task.layout.image)
    about = SkillMetadata(
        name=folder.name,
        robot=robot,
        task=task_name,
        algorithm='sac',
        temperature=learner.temperature,
        discount=learner.config.discount,
        layout=layout_fields(task.layout),
        layout_hash=task.layout.hash,
        action_mode=task.mapping.mode.name.lower(),
        action_joints=task.mapping.joint_names,
        action_scale=tuple(task.mapping.scale.tolist()),
        hidden=learner.config.hidden,
        layer_norm=learner.config.layer_norm,
        limits=limits(spec),
        metrics={},
        provenance={'task_options': {}},
        created='2026-01-01T00:00:00+00:00',
    )
    save_skill(folder, Skill(about, learner.skill_tensors()))


def can_render() -> bool:
    """Whether this machine can take pictures."""
    simulation = make_simulation('dclaw', {})
    try:
        simulation.signal('camera')
    except RenderingUnavailableError:
        return False
    finally:
        simulation.close()
    return True
