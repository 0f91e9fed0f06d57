# SPDX-License-Identifier: Apache-2.0
"""The task registry."""

from dataclasses import replace

import pytest

from maxent_robot.robots import DCLAW, MINITAUR, ROBOTS, SAWYER
from maxent_robot.tasks import FIRST_TASKS, TASKS, TRAINING_STEPS, OptionError, make_task

REACH = ('reach', 'reach_plane', 'reach_planes', 'reach_random')
ABLE = {'walk': MINITAUR, 'turn': DCLAW, 'turn_image': DCLAW} | dict.fromkeys(REACH, SAWYER)
STEPS = {'walk': 500, 'turn': 40, 'turn_image': 40} | dict.fromkeys(REACH, 100)


@pytest.mark.parametrize('name', sorted(TASKS))
def test_every_task_is_built_by_its_name_for_a_robot_that_can_do_it(name):
    task = make_task(ABLE[name], name)
    assert task.name == name
    assert task.episode_steps == STEPS[name]
    assert task.mapping.joint_names == ABLE[name].joint_names
    assert task.mapping.mode in ABLE[name].command_modes
    assert set(task.signals) <= set(ABLE[name].signals)


def test_every_task_has_its_steps_of_training_and_every_robot_a_first_task():
    assert set(TRAINING_STEPS) == set(TASKS)
    assert {robot: ABLE[task].name for robot, task in FIRST_TASKS.items()} == {
        name: name for name in ROBOTS
    }


@pytest.mark.parametrize(
    ('name', 'robot'),
    [(name, robot) for name in ABLE for robot in ROBOTS.values() if robot is not ABLE[name]],
)
def test_a_robot_that_cannot_do_it_is_refused_by_name(name, robot):
    with pytest.raises(ValueError, match=f"robot '{robot.name}' cannot"):
        make_task(robot, name)


@pytest.mark.parametrize(
    ('name', 'signal'),
    [('walk', 'imu'), ('walk', 'odometry'), ('turn', 'valve'), ('turn_image', 'camera')],
)
def test_a_robot_that_does_not_tell_what_the_task_needs_is_refused(name, signal):
    signals = {key: size for key, size in ABLE[name].signals.items() if key != signal}
    robot = replace(ABLE[name], signals=signals, guard_signals=())
    with pytest.raises(ValueError, match=f'cannot .* no {signal}'):
        make_task(robot, name)


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match="'juggle'; known tasks: reach, reach_plane, reach_planes, reach_random, turn, "
        'turn_image, walk',
    ):
        make_task(SAWYER, 'juggle')


@pytest.mark.parametrize(
    ('name', 'option', 'value'),
    [
        ('reach_random', 'target', (0.6, 0.0, 0.3)),
        ('walk', 'goal', 1.0),
        ('turn', 'top_speed', 1.0),
    ],
)
def test_options_belong_to_their_variant(name, option, value):
    with pytest.raises(OptionError, match=f"'{name}' has no option '{option}'"):
        make_task(ABLE[name], name, **{option: value})
