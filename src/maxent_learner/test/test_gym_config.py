# SPDX-License-Identifier: Apache-2.0
"""Settings of runs on Gymnasium environments: names, identity, refusals that say what is wrong."""

from dataclasses import replace

import pytest

from maxent_learner.gym_config import GymRunConfig, identity, layout_of, make_gym, sizes

PUSHER = 'sim_bridge.pusher_env:maxent/Pusher-v0'


@pytest.mark.parametrize(
    ('environment', 'robot'),
    [
        (PUSHER, 'pusher'),
        ('sim_bridge.multi_goal_env:maxent/MultiGoal-v0', 'multigoal'),
        ('HalfCheetah-v5', 'halfcheetah'),
    ],
)
def test_the_robot_is_the_environment_without_module_namespace_and_version(environment, robot):
    assert GymRunConfig(environment).robot == robot


def test_the_task_is_the_goal_if_there_is_one():
    assert GymRunConfig(PUSHER, {'goal': 'right', 'approach': 1.0}).task == 'right'
    assert GymRunConfig(PUSHER, {'approach': 1.0}).task == 'default'


def test_all_settings_make_a_run_another_but_how_long_it_is_and_when_it_is_saved():
    config = GymRunConfig(PUSHER, {'goal': 'right'}, algorithm_options={'hidden': (8, 8)})
    same = replace(config, steps=7, checkpoint_every=7, algorithm_options={'hidden': [8, 8]})
    assert identity(same) == identity(config)
    for other in (
        replace(config, environment_options={'goal': 'left'}),
        replace(config, updates_per_step=2.0),
        replace(config, learning_starts=2),
    ):
        assert identity(other) != identity(config)


def test_a_setting_below_its_minimum_is_refused_by_name():
    with pytest.raises(ValueError, match='checkpoint_every is 0; it must be at least 1'):
        GymRunConfig(PUSHER, checkpoint_every=0)


def test_the_pusher_has_15_observations_and_3_actions():
    assert sizes(make_gym(GymRunConfig(PUSHER))) == (15, 3)


def test_an_environment_tells_its_layout_or_has_one_field():
    pusher = make_gym(GymRunConfig(PUSHER))
    assert layout_of(pusher) is pusher.unwrapped.layout
    plain = layout_of(make_gym(GymRunConfig('MountainCarContinuous-v0')))
    assert [(part.name, part.size, part.shape) for part in plain.fields] == [
        ('observation', 2, ())
    ]


@pytest.mark.parametrize(
    ('environment', 'options', 'message'),
    [
        ('maxent/Nothing-v0', {}, 'maxent/Nothing-v0'),
        ('no_such_module:maxent/Pusher-v0', {}, 'no_such_module'),
        (PUSHER, {'wings': 2}, 'wings'),
        ('MountainCarContinuous-v0', {'wings': 2}, 'wings'),
    ],
)
def test_an_environment_that_cannot_be_is_refused_by_name(environment, options, message):
    with pytest.raises(ValueError, match=message):
        make_gym(GymRunConfig(environment, options))


@pytest.mark.parametrize(
    ('environment', 'message'),
    [
        ('Pendulum-v1', 'PendulumEnv takes actions .* rescale it'),
        ('CartPole-v1', 'CartPoleEnv takes actions .* rescale it'),
        ('FrozenLake-v1', 'FrozenLakeEnv observes .* flatten it'),
    ],
)
def test_spaces_of_another_kind_are_refused_with_what_to_do(environment, message):
    with pytest.raises(ValueError, match=message):
        sizes(make_gym(GymRunConfig(environment)))
