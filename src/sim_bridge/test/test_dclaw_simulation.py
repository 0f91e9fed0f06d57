# SPDX-License-Identifier: Apache-2.0
"""How the simulated D'Claw answers to commands, stops and resets."""

import numpy as np
import pytest

from maxent_robot.robots.dclaw import DCLAW, TASK_LOWER, TASK_UPPER, VALVE
from maxent_robot.safety.guard import Guard
from maxent_robot.types import ActionSample, CommandMode, Level
from sim_bridge.dclaw_simulation import DClawConfig, DClawSimulation
from sim_bridge.dclaw_variation import RANDOM_DYNAMICS, DClawVariation

NAMES = DCLAW.joint_names
POSITION = CommandMode.POSITION
ALOFT = np.tile([0.2, -0.8, 0.8], 3)  # rad, a pose that touches nothing
INSIDE = np.tile([0.0, 0.0, 0.0], 3)  # rad, fingertips between the lobes, or in them
SECOND = 100  # ticks


@pytest.fixture
def simulation():
    return DClawSimulation()


def run(simulation, ticks):
    """Positions (ticks, 9) in rad."""
    positions = []
    for _ in range(ticks):
        simulation.step_tick()
        positions.append(simulation.joints()[0])
    return np.array(positions)


def episode(simulation, seed, steps=10, command_seed=0):
    """Reset, then random commands at 10 Hz; all that was measured (10 steps, 29)."""
    rng = np.random.default_rng(command_seed)
    simulation.reset(DCLAW.start, {VALVE: 0.3}, seed=seed)
    rows = []
    for _ in range(steps):
        target = rng.uniform(TASK_LOWER, TASK_UPPER)
        assert simulation.set_command(POSITION, NAMES, target) is None
        for _ in range(10):
            simulation.step_tick()
            rows.append(np.concatenate([*simulation.joints(), simulation.signal('valve')]))
    return np.array(rows)


# Commands


def test_joints_go_to_a_commanded_pose_and_stay_there_after_the_sender_falls_silent(simulation):
    assert simulation.set_command(POSITION, NAMES, ALOFT) is None
    positions = run(simulation, 5 * SECOND)
    assert simulation.controller.is_silent(simulation.time_ns)
    np.testing.assert_allclose(positions[SECOND:], np.tile(ALOFT, (400, 1)), atol=0.05)


def test_the_names_of_a_command_may_come_in_any_order(simulation):
    simulation.set_command(POSITION, NAMES[::-1], ALOFT[::-1])
    np.testing.assert_allclose(run(simulation, SECOND)[-1], ALOFT, atol=0.05)


def test_targets_beyond_the_servos_range_stop_at_it(simulation):
    target = DCLAW.start.copy()
    target[0] = 0.55
    assert simulation.set_command(POSITION, NAMES, target) is None
    position, effort = run(simulation, 2 * SECOND)[-1, 0], simulation.joints()[2][0]
    assert 0.4 < position < 0.48
    assert effort == pytest.approx(2.0 * (0.48 - position), abs=1e-3)


@pytest.mark.parametrize(
    ('mode', 'names', 'values', 'why'),
    [
        (CommandMode.TORQUE, NAMES, np.zeros(9), 'mode'),
        (POSITION, NAMES[:8], np.zeros(8), 'joint names'),
        (POSITION, NAMES, np.full(9, np.nan), 'finite'),
        (POSITION, NAMES, np.full(9, 0.7), 'FFJ10'),
    ],
)
def test_a_bad_command_is_refused_with_a_reason_and_changes_nothing(
    simulation, mode, names, values, why
):
    assert why in simulation.set_command(mode, names, values)
    np.testing.assert_allclose(run(simulation, SECOND)[-1], DCLAW.start, atol=0.05)


def test_efforts_are_what_the_servos_apply(simulation):
    np.testing.assert_allclose(simulation.joints()[2], 0.0, atol=1e-12)
    simulation.set_command(POSITION, NAMES, DCLAW.start + np.tile([0.1, 0.0, 0.0], 3))
    simulation.step_tick()
    np.testing.assert_allclose(simulation.joints()[2][0::3], 0.2, atol=0.05)


def test_hold_forgets_the_command(simulation):
    simulation.set_command(POSITION, NAMES, ALOFT)
    here = run(simulation, 5)[-1]
    simulation.hold()
    assert np.max(np.abs(run(simulation, SECOND)[-1] - here)) < 0.1


# Stop, disable, faults


@pytest.mark.parametrize('how', ['stop', 'disable'])
def test_a_hand_that_may_not_move_lets_go_and_hangs(simulation, how):
    simulation.stop() if how == 'stop' else simulation.enable(False)
    assert how in simulation.set_command(POSITION, NAMES, ALOFT)
    position = run(simulation, 5 * SECOND)[-1]
    assert np.all(simulation.joints()[2] == 0.0)
    assert np.all(position[1::3] > DCLAW.start[1] + 0.3)  # down, damped by the gears
    assert np.all(position[2::3] < DCLAW.start[2] - 0.1)


def test_an_enabled_hand_holds_where_it_hangs_and_follows_again(simulation):
    simulation.stop()
    run(simulation, SECOND)
    simulation.clear_stop()
    assert 'disabled' in simulation.set_command(POSITION, NAMES, ALOFT)
    run(simulation, SECOND)
    here = simulation.joints()[0]
    simulation.enable(True)
    assert np.max(np.abs(run(simulation, 20) - here)) < 0.1
    assert simulation.set_command(POSITION, NAMES, DCLAW.start) is None
    np.testing.assert_allclose(run(simulation, 3 * SECOND)[-1], DCLAW.start, atol=0.05)


def test_a_stop_outlives_a_reset(simulation):
    simulation.stop()
    simulation.reset(DCLAW.start)
    assert simulation.state.stopped
    assert np.all(simulation.joints()[2] == 0.0)


def test_non_finite_physics_end_in_a_fault_at_the_last_pose(simulation):
    before = run(simulation, 3)[-1]
    time_ns = simulation.time_ns
    simulation._data.qvel[4] = np.nan
    after = run(simulation, 3)
    np.testing.assert_array_equal(after, np.tile(before, (3, 1)))
    assert simulation.state.error
    assert np.all(simulation.joints()[1] == 0.0)
    assert simulation.time_ns == time_ns + 3 * DCLAW.guard_period_ns
    simulation.enable(True)
    assert not np.array_equal(run(simulation, 3)[-1], before)  # it moves again, by its weight


# Signals


def test_the_valve_tells_angle_and_velocity_and_is_turned_by_a_reset(simulation):
    simulation.reset(DCLAW.start, {VALVE: 2.5})
    np.testing.assert_array_equal(simulation.signal('valve'), [2.5, 0.0])
    simulation._data.qvel[9] = 1.0
    before, _ = simulation.signal('valve')
    simulation.step_tick()
    angle, velocity = simulation.signal('valve')
    assert 0.0 < angle - before < 0.01
    assert 0.0 < velocity < 1.0  # damped
    simulation.reset(DCLAW.start)
    assert simulation.signal('valve')[0] == 0.0


def test_an_unknown_signal_is_an_error_that_names_the_known(simulation):
    with pytest.raises(KeyError, match='valve'):
        simulation.signal('imu')


def test_a_sample_holds_joints_and_the_signals_asked_for(simulation):
    sample = simulation.joint_sample(('valve',))
    assert sample.stamp_ns == simulation.time_ns
    assert sample.names == NAMES
    assert set(sample.signals) == {'valve'}
    assert sample.position.shape == sample.velocity.shape == sample.effort.shape == (9,)


# Time, reset, reproducibility


def test_a_tick_is_10_ms_and_a_reset_moves_time_forward(simulation):
    start = simulation.time_ns
    simulation.step_tick()
    assert simulation.time_ns == start + 10_000_000
    assert simulation._data.time == pytest.approx(0.01)
    simulation.reset(DCLAW.start, gap_ns=7)
    assert simulation.time_ns == start + 10_000_007


@pytest.mark.parametrize(
    ('pose', 'objects', 'why'),
    [
        (np.zeros(8), {}, '9 finite numbers'),
        (DCLAW.start + 2.0, {}, 'FFJ10'),
        (INSIDE, {VALVE: np.pi / 3}, 'collides with'),
        (DCLAW.start, {'block': 0.0}, 'block'),
        (DCLAW.start, {VALVE: np.nan}, VALVE),
    ],
)
def test_a_bad_reset_is_refused_and_changes_nothing(pose, objects, why):
    simulation, twin = (DClawSimulation(DClawConfig(RANDOM_DYNAMICS)) for _ in range(2))
    for made in (simulation, twin):
        made.reset(ALOFT, {VALVE: 1.0}, seed=3)
    with pytest.raises(ValueError, match=why):
        simulation.reset(pose, objects, seed=4)
    assert simulation.time_ns == twin.time_ns
    np.testing.assert_array_equal(run(simulation, 50), run(twin, 50))
    np.testing.assert_array_equal(simulation.signal('valve'), twin.signal('valve'))


def test_fingers_may_start_between_the_lobes_of_the_valve(simulation):
    simulation.reset(INSIDE, {VALVE: 0.0})
    assert np.max(np.abs(run(simulation, SECOND)[-1] - INSIDE)) < 0.05


@pytest.mark.parametrize('variation', [DClawVariation(), RANDOM_DYNAMICS])
def test_an_episode_repeats_to_the_bit_whatever_happened_before(variation):
    simulation, other = (DClawSimulation(DClawConfig(variation)) for _ in range(2))
    first = episode(simulation, seed=5)
    episode(simulation, seed=6, command_seed=1)
    simulation.stop()
    run(simulation, 13)
    simulation.enable(True)
    np.testing.assert_array_equal(episode(simulation, seed=5), first)
    episode(other, seed=9, steps=3, command_seed=2)
    np.testing.assert_array_equal(episode(other, seed=5), first)


def test_another_seed_gives_other_physics_only_where_they_vary():
    plain, varied = DClawSimulation(), DClawSimulation(DClawConfig(RANDOM_DYNAMICS))
    np.testing.assert_array_equal(episode(plain, seed=1), episode(plain, seed=2))
    assert np.any(episode(varied, seed=1) != episode(varied, seed=2))


def test_varied_figures_reach_the_physics():
    simulation = DClawSimulation(DClawConfig(RANDOM_DYNAMICS))
    nominal = DClawSimulation().model
    simulation.reset(DCLAW.start, seed=11)
    model, drawn = simulation.model, simulation.dynamics
    np.testing.assert_array_equal(model.dof_damping[:9], drawn.joint_damping)
    np.testing.assert_array_equal(model.dof_frictionloss[:9], drawn.joint_friction)
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], drawn.servo_gain)
    assert model.geom('FFtip').friction[0] == drawn.tip_friction
    shift = model.body('mount').pos - nominal.body('mount').pos
    np.testing.assert_allclose(shift, drawn.mount_shift)
    valve, before = model.body('valve'), nominal.body('valve')
    np.testing.assert_allclose(valve.mass, drawn.valve_mass * before.mass)
    np.testing.assert_allclose(valve.inertia, drawn.valve_mass * before.inertia)


def test_every_drawn_hand_may_start_anywhere_near_the_start_pose():
    simulation, rng = DClawSimulation(DClawConfig(RANDOM_DYNAMICS)), np.random.default_rng(0)
    for seed in range(100):
        pose = DCLAW.start + rng.uniform(-0.2, 0.2, 9)
        simulation.reset(pose, {VALVE: rng.uniform(-np.pi, np.pi)}, seed=seed)


# Under the guard


@pytest.mark.parametrize('variation', [DClawVariation(), RANDOM_DYNAMICS])
def test_wild_actions_at_10_hz_pass_the_guard_without_an_alarm(variation):
    simulation, rng = DClawSimulation(DClawConfig(variation)), np.random.default_rng(0)
    for seed in range(5):
        guard = Guard(DCLAW)
        simulation.reset(DCLAW.start, {VALVE: float(seed)}, seed=seed)
        for tick in range(4 * SECOND):
            sample = simulation.joint_sample(('valve',))
            assert guard.on_state(sample, simulation.time_ns) is None
            if guard.action_due(sample.stamp_ns):
                wish = np.where(rng.random(9) < 0.5, TASK_LOWER, TASK_UPPER)
                wish = np.clip(wish, sample.position - 0.2, sample.position + 0.2)
                action = ActionSample(sample.stamp_ns, 's', tick, '', 0, POSITION, NAMES, wish)
                assert guard.on_action(action, simulation.time_ns) is None
            result = guard.tick(simulation.time_ns)
            assert result.level is Level.NORMAL, result.reason
            command = result.command
            assert simulation.set_command(command.mode, NAMES, command.values) is None
            simulation.step_tick()
