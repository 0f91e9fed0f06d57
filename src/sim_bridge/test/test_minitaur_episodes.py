# SPDX-License-Identifier: Apache-2.0
"""Episodes of the simulated Minitaur: time, reset, variation, reproducibility."""

import numpy as np
import pytest

from maxent_robot.robots.minitaur import MINITAUR, motor_angles
from maxent_robot.tasks.walk import feet
from maxent_robot.types import RobotState
from sim_bridge.minitaur_simulation import TOES, MinitaurConfig, MinitaurSimulation
from sim_bridge.minitaur_variation import REAL_WORLD

NAMES = MINITAUR.joint_names
START = MINITAUR.start


@pytest.fixture
def simulation():
    return MinitaurSimulation()


def run(simulation, ticks, target=None):
    for _ in range(ticks):
        if target is not None:
            assert simulation.set_command(1, NAMES, target) is None
        simulation.step_tick()


def upright(extension):
    return motor_angles(np.zeros(4), np.full(4, extension))


def test_a_tick_is_one_guard_period_and_reset_moves_time_forward(simulation):
    start = simulation.time_ns
    simulation.step_tick()
    assert simulation.time_ns - start == 6_000_000
    simulation.reset(START)
    assert simulation.time_ns - start == 2_006_000_000
    with pytest.raises(ValueError, match='forward'):
        simulation.reset(START, gap_ns=0)


def test_a_reset_puts_the_lowest_point_just_above_the_ground(simulation):
    rng = np.random.default_rng(0)
    limits = MINITAUR.limits
    for _ in range(30):
        simulation.reset(rng.uniform(limits.position_lower, limits.position_upper))
        odometry = simulation.signal('odometry')
        np.testing.assert_array_equal(odometry[[0, 1, 3, 4, 5, 6]], [0, 0, 1, 0, 0, 0])
        np.testing.assert_array_equal(odometry[7:], 0.0)
        assert simulation._data.ncon == 0
        simulation._data.qpos[2] -= 0.0011
        simulation._look()
        assert simulation._lowest() == pytest.approx(-0.0001, abs=1e-9)


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'positions': np.zeros(7)}, '8 finite numbers'),
        ({'positions': np.full(8, 3.4)}, '0 cannot be at'),
        ({'objects': {'ball': 1.0}}, 'no objects'),
        ({'seed': -1}, 'seed'),
    ],
)
def test_a_bad_reset_is_refused_and_changes_nothing(simulation, changes, why):
    run(simulation, 10)
    before, time_ns = simulation.joints()[0], simulation.time_ns
    with pytest.raises(ValueError, match=why):
        simulation.reset(**({'positions': START} | changes))
    assert simulation.time_ns == time_ns
    np.testing.assert_array_equal(simulation.joints()[0], before)


VARIED = MinitaurConfig(terrain='blocks', variation=REAL_WORLD)


def trajectory(simulation, seed):
    """Everything that can be measured (200, n) after a reset, under random commands."""
    rng = np.random.default_rng(0)
    simulation.reset(START, seed=seed)
    states = []
    for _ in range(200):
        simulation.set_command(1, NAMES, START + rng.uniform(-0.4, 0.4, 8))
        simulation.step_tick()
        signals = [simulation.signal(name) for name in MINITAUR.signals]
        states.append(np.concatenate([*simulation.joints(), *signals]))
    return np.array(states)


def test_the_same_commands_give_the_same_trajectory_to_the_bit_whatever_was_before():
    reference = trajectory(MinitaurSimulation(VARIED), 5)
    simulation = MinitaurSimulation(VARIED)
    other = trajectory(simulation, 6)  # other masses, frictions, latency and blocks
    run(simulation, 300)  # sits down
    simulation.stop()
    run(simulation, 50)
    simulation.enable(True)
    simulation.set_target([2.0, 0.1, 0.3])
    np.testing.assert_array_equal(trajectory(simulation, 5), reference)
    np.testing.assert_array_equal(trajectory(simulation, 5), reference)
    assert np.any(other != reference)


def test_figures_of_an_episode_follow_from_its_seed_and_reach_the_physics():
    simulation = MinitaurSimulation(VARIED)
    nominal = MinitaurSimulation().model
    for seed in (3, 4, 3):
        simulation.reset(START, seed=seed)
        figures, model = simulation.figures, simulation.model
        assert figures == REAL_WORLD.draw(np.random.default_rng([seed, 1]))
        np.testing.assert_allclose(model.body_mass.sum(), figures.mass * nominal.body_mass.sum())
        assert model.geom('FL_toe').friction[0] == figures.foot_friction
        assert np.all(model.dof_frictionloss[6::2] == figures.joint_friction)
        assert np.all(model.dof_frictionloss[7::2] == 0.0)
        assert simulation._motors.figures.voltage == figures.voltage
        assert simulation._motors.figures.strength == figures.motor_strength


def test_looking_does_not_change_the_trajectory():
    plain, watched = MinitaurSimulation(), MinitaurSimulation()
    for k in range(60):
        for simulation in (plain, watched):
            run(simulation, 1, upright(2.0 + 0.2 * np.sin(0.1 * k)))
        watched._look()
        watched.joint_sample(('imu', 'odometry'))
        watched.set_target([1.0, 0.0, 0.1 + 0.001 * k])
    np.testing.assert_array_equal(plain._data.qpos, watched._data.qpos)


def test_the_task_of_walking_knows_where_the_feet_are(simulation):
    simulation.reset(START)
    tilts = []
    for k in range(12):
        swing = 0.3 * np.sin(0.9 * k + np.arange(4.0))
        run(simulation, 8, motor_angles(swing, 2.0 + swing[::-1]))
        odometry = simulation.signal('odometry')
        position, velocity, _ = simulation.joints()
        state = RobotState(simulation.time_ns, position, velocity, {'odometry': odometry})
        toes = [simulation._data.geom(toe).xpos for toe in TOES]
        np.testing.assert_allclose(feet(state), toes, atol=0.006)  # the legs' pins give
        tilts.append(np.abs(odometry[4:6]).max())
    assert max(tilts) > 0.02
