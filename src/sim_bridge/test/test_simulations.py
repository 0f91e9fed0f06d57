# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots import ROBOTS
from sim_bridge.env import ENVIRONMENTS
from sim_bridge.simulations import SIMULATIONS, make_simulation


@pytest.mark.parametrize('name', sorted(SIMULATIONS))
def test_every_robot_has_a_simulation_that_tells_what_its_specification_says(name):
    simulation = make_simulation(name, {})
    assert simulation.robot is ROBOTS[name]
    sample = simulation.joint_sample(simulation.robot.guard_signals)
    n = len(simulation.robot.joint_names)
    for numbers in (sample.position, sample.velocity, sample.effort):
        assert numbers.shape == (n,)
    for signal in set(simulation.robot.signals) - {'camera'}:  # see test_dclaw_camera.py
        assert simulation.signal(signal).shape == (simulation.robot.signals[signal],)
    with pytest.raises(KeyError):
        simulation.signal('smell')


def test_no_robot_and_no_environment_is_without_a_simulation():
    assert set(SIMULATIONS) == set(ROBOTS)
    assert {robot for robot, _ in ENVIRONMENTS.values()} == set(SIMULATIONS)


def test_an_unknown_robot_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"'atlas'; known: \['dclaw', 'minitaur', 'sawyer'\]"):
        make_simulation('atlas', {})


@pytest.mark.parametrize(
    ('robot', 'world', 'why'),
    [
        ('sawyer', {'terrain': 'slope'}, "world of robot 'sawyer' cannot be: .*terrain"),
        ('minitaur', {'servo_gain': (1.0, 2.0)}, "'minitaur' cannot be: .*servo_gain"),
        ('dclaw', {'terrain': 'slope'}, "'dclaw' cannot be: .*terrain"),
        ('minitaur', {'terrain': 'moon'}, 'moon'),
        ('minitaur', {'mass': (1.2, 0.8)}, 'mass'),
        ('minitaur', {'mass': (0.8,)}, 'mass'),
        ('dclaw', {'servo_gain': (1.0, 99.0)}, 'servo_gain'),
        ('dclaw', {'servo_gain': (1.0, float('nan'))}, 'servo_gain'),
        ('minitaur', {'mass': 1.0}, "world of robot 'minitaur'"),
        ('dclaw', {'servo_gain': 2.0}, "world of robot 'dclaw'"),
        ('minitaur', {'mass': ['a', 'b']}, "world of robot 'minitaur'"),
        ('dclaw', {'servo_gain': ['a', 'b']}, 'servo_gain|could not convert'),
        ('minitaur', {'terrain': 3}, '3'),
    ],
)
def test_a_world_that_cannot_be_is_refused(robot, world, why):
    with pytest.raises(ValueError, match=why):
        make_simulation(robot, world)


@pytest.mark.parametrize('kind', [tuple, list])
def test_what_is_varied_differs_from_seed_to_seed(kind):
    simulation = make_simulation('minitaur', {'mass': kind((0.8, 1.2)), 'terrain': 'blocks'})
    masses = []
    for seed in (1, 1, 2):
        simulation.reset(simulation.robot.start, seed=seed)
        masses.append(simulation.figures.mass)
    assert masses[0] == masses[1] != masses[2]
    hand = make_simulation('dclaw', {'servo_gain': kind((1.0, 3.0))})
    gains = []
    for seed in (1, 1, 2):
        hand.reset(hand.robot.start, seed=seed)
        gains.append(hand.dynamics.servo_gain)
    np.testing.assert_array_equal(gains[0], gains[1])
    assert np.all(gains[0] != gains[2])
