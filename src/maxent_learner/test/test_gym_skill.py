# SPDX-License-Identifier: Apache-2.0
"""Skills learned on Gymnasium environments: what they say of themselves, and that they act."""

import gymnasium
import numpy as np
import pytest

from maxent_learner.gym_config import GymRunConfig, layout_of, make_gym, sizes
from maxent_learner.gym_skill import skill_of
from maxent_rl.algorithms import make_algorithm
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import load_skill, save_skill
from maxent_robot.layout import Field, ObservationLayout

SMALL = {'hidden': [8, 8]}
PUSHER = 'sim_bridge.pusher_env:maxent/Pusher-v0'


class Camera(gymnasium.Env):
    """Shows a number and nine pixels; what it does with actions is of no interest here."""

    layout = ObservationLayout((Field('state', 1), Field('camera', 9, 255.0, shape=(3, 3, 1))))
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (10,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


@pytest.fixture
def camera():
    name = 'maxent_test/Camera-v0'
    gymnasium.register(id=name, entry_point=Camera)
    yield name
    del gymnasium.registry[name]


@pytest.fixture
def learned():
    def make(environment, **options):
        config = GymRunConfig(
            environment, environment_options=options, algorithm_options=SMALL, seed=4, steps=12
        )
        made = make_gym(config)
        algorithm = make_algorithm('sac', *sizes(made), SMALL, 0, layout_of(made).image)
        return config, algorithm

    return make


def test_a_skill_of_the_pusher_names_its_goal_and_has_the_layout_of_the_environment(learned):
    config, algorithm = learned(PUSHER, goal='bottom_left')
    about = skill_of(config, algorithm, {'distance': 0.1}, 'push_bottom_left').metadata
    assert (about.robot, about.task, about.algorithm) == ('pusher', 'bottom_left', 'sac')
    layout = make_gym(config).unwrapped.layout
    assert about.layout_hash == layout.hash
    assert [part['name'] for part in about.layout] == [part.name for part in layout.fields]
    assert about.action_joints == ('action_0', 'action_1', 'action_2')
    assert about.action_scale == (1.0, 1.0, 1.0)
    assert (about.action_mode, about.limits, about.metrics) == ('torque', {}, {'distance': 0.1})
    assert about.provenance['task_options'] == {'goal': 'bottom_left'}
    assert (about.provenance['seed'], about.provenance['steps']) == (4, 12)


def test_an_environment_with_a_camera_gives_a_skill_that_sees(learned, camera):
    config, algorithm = learned(camera)
    about = skill_of(config, algorithm, {}, 'seeing').metadata
    assert about.image == algorithm.policy.image == (3, 3, 1)
    assert about.layout_hash == Camera.layout.hash


def test_an_environment_without_a_layout_gives_one_field(learned):
    config, algorithm = learned('MountainCarContinuous-v0')
    about = skill_of(config, algorithm, {}, 'car').metadata
    assert (about.robot, about.task) == ('mountaincarcontinuous', 'default')
    assert list(about.layout) == [{'name': 'observation', 'size': 2}]


def test_a_skill_that_was_saved_acts_like_the_algorithm(learned, tmp_path):
    config, algorithm = learned('MountainCarContinuous-v0')
    save_skill(tmp_path / 'car', skill_of(config, algorithm, {}, 'car'))
    policies = (algorithm.policy, load_skill(tmp_path / 'car').policy())
    observation = np.array([0.3, -0.2], np.float32)
    one, other = (PolicyRunner(policy, 0, deterministic=True)(observation) for policy in policies)
    assert one == other
