# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots.minitaur import MINITAUR, motor_angles
from sim_bridge.minitaur_motor import MotorFigures
from sim_bridge.minitaur_simulation import MinitaurConfig, MinitaurSimulation
from sim_bridge.minitaur_variation import MinitaurVariation

NAMES = MINITAUR.joint_names
START = MINITAUR.start
STAND = 0.261  # m, height of the body frame


@pytest.fixture
def simulation():
    return MinitaurSimulation()


def run(simulation, ticks, target=None):
    """Motor angles (ticks, 8) under one target that is repeated at every tick, or under none."""
    positions = []
    for _ in range(ticks):
        if target is not None:
            assert simulation.set_command(1, NAMES, target) is None
        simulation.step_tick()
        positions.append(simulation.joints()[0])
    return np.array(positions)


def upright(extension):
    return motor_angles(np.zeros(4), np.full(4, extension))


def body_height(simulation):
    return simulation.signal('odometry')[2]


def tilt(simulation):
    """Angle in rad between the body's z axis and the vertical."""
    _, x, y, _ = simulation.signal('imu')[:4]
    return np.arccos(1.0 - 2.0 * (x * x + y * y))


# Standing and walking


@pytest.mark.parametrize(('extension', 'z'), [(np.pi / 2, 0.217), (2.0, 0.261), (2.3, 0.296)])
def test_it_stands(simulation, extension, z):
    simulation.reset(upright(extension))
    run(simulation, 500)
    position, velocity, torque = simulation.joints()
    assert body_height(simulation) == pytest.approx(z, abs=0.01)
    assert np.max(np.abs(position - extension)) <= 0.15
    assert np.max(np.abs(torque)) <= 1.5
    assert np.max(np.abs(velocity)) < 0.1
    assert tilt(simulation) < 0.02


def test_an_imu_at_rest_reads_gravity_and_a_level_body(simulation):
    for ticks in (0, 800):
        run(simulation, ticks)
        imu = simulation.signal('imu')
        np.testing.assert_allclose(imu[:4], [1.0, 0.0, 0.0, 0.0], atol=3e-3)
        np.testing.assert_allclose(imu[4:7], 0.0, atol=0.02)
        np.testing.assert_allclose(imu[7:], [0.0, 0.0, 9.81], atol=0.15)


def test_an_imu_in_free_fall_feels_nothing_and_one_that_lands_feels_more(simulation):
    simulation._data.qpos[2] += 0.1
    run(simulation, 2)
    assert np.linalg.norm(simulation.signal('imu')[7:]) < 1e-6
    most = 0.0
    for _ in range(60):
        run(simulation, 1)
        most = max(most, simulation.signal('imu')[9])
    assert most > 15.0


def test_an_open_loop_trot_walks_forward_without_falling(simulation):
    phase = np.array([0.0, np.pi, np.pi, 0.0])  # diagonal legs together
    for k in range(834):
        angle = 2.0 * np.pi * 2.0 * 0.006 * k + phase
        size = min(1.0, 0.006 * k / 0.5)
        target = motor_angles(0.3 * size * np.sin(angle), 2.0 + 0.25 * size * np.cos(angle))
        run(simulation, 1, target)
        assert tilt(simulation) < 0.3
        assert body_height(simulation) > 0.2
    x, y = simulation.signal('odometry')[:2]
    assert x > 0.2
    assert abs(y) < x
    assert not simulation.overheated


@pytest.mark.parametrize('yaw', [0.0, np.pi / 2])
def test_a_push_forward_gives_a_positive_forward_velocity(simulation, yaw):
    simulation._data.qpos[3:7] = np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)
    simulation._data.qvel[:3] = 0.5 * np.cos(yaw), 0.5 * np.sin(yaw), 0.0
    np.testing.assert_allclose(simulation.signal('odometry')[7:10], [0.5, 0.0, 0.0], atol=1e-12)
    before = simulation.signal('odometry')[:3]
    run(simulation, 3)
    moved = simulation.signal('odometry')[:3] - before
    assert moved[0 if yaw == 0.0 else 1] > 0.005
    assert simulation.signal('odometry')[7] > 0.0


def test_a_nose_down_robot_has_a_positive_pitch(simulation):
    simulation._data.qvel[3:6] = 0.0, 1.0, 0.0
    np.testing.assert_array_equal(simulation.signal('odometry')[10:], [0.0, 1.0, 0.0])
    run(simulation, 5)
    simulation._look()
    noses = [simulation._scratch.body(f'{leg}_L').xpos[2] for leg in ('FL', 'BL')]
    assert noses[0] < noses[1]
    assert simulation.signal('imu')[2] > 0.0


def test_an_unknown_signal_is_a_key_error(simulation):
    with pytest.raises(KeyError):
        simulation.signal('lidar')


# The robot's own behaviour


def test_a_command_moves_the_motors_after_the_latency():
    def answer(latency):
        made = MinitaurSimulation(MinitaurConfig(variation=MinitaurVariation(latency=latency)))
        still = run(made, 20)
        made.reset(START)
        return run(made, 20, upright(1.8)), still

    for latency, ticks in (((0.0, 0.0), 0), ((0.02, 0.02), 3), ((0.04, 0.04), 6)):
        moved, still = answer(latency)
        differs = np.any(moved != still, axis=1)
        assert not np.any(differs[:ticks])
        assert np.all(differs[ticks:])


def test_a_stopped_robot_sags_and_holds_itself_again_once_enabled(simulation):
    run(simulation, 100)
    for halt in (simulation.stop, lambda: simulation.enable(False)):
        simulation.enable(True)
        simulation.reset(START)
        halt()
        assert simulation.set_command(1, NAMES, START) is not None
        run(simulation, 300)
        assert body_height(simulation) < 0.2
        assert np.all(simulation.joints()[2] == 0.0)
    simulation.enable(True)
    here = simulation.joints()[0]
    np.testing.assert_allclose(run(simulation, 100)[-1], here, atol=0.2)
    assert simulation.set_command(1, NAMES, START) is None


def test_a_silent_sender_makes_the_robot_sit_down_gently(simulation):
    run(simulation, 150, START)
    run(simulation, 83)  # 0.5 s
    assert body_height(simulation) == pytest.approx(STAND, abs=0.01)
    fastest = 0.0
    for _ in range(160):
        run(simulation, 1)
        fastest = max(fastest, -simulation.signal('odometry')[9])
    assert fastest < 0.25
    assert body_height(simulation) < 0.2
    run(simulation, 100)
    assert np.all(simulation.joints()[2] == 0.0)
    run(simulation, 300, START)
    assert body_height(simulation) == pytest.approx(STAND, abs=0.02)


def test_a_robot_that_never_had_a_command_stands_for_ever(simulation):
    run(simulation, 600)
    assert body_height(simulation) == pytest.approx(STAND, abs=0.01)


def test_holding_keeps_the_legs_where_they_are(simulation):
    run(simulation, 40, upright(1.7))
    simulation.hold()
    here = simulation.joints()[0]
    np.testing.assert_allclose(run(simulation, 200)[-1], here, atol=0.2)


def test_a_fallen_robot_lies_on_its_body(simulation):
    simulation._data.qpos[3:7] = 0.0, 1.0, 0.0, 0.0  # on its back
    run(simulation, 300)
    assert 0.05 < body_height(simulation) < 0.13
    assert tilt(simulation) > 2.5


def test_motors_that_overheat_let_the_robot_down_until_a_reset():
    tender = MotorFigures(overheat_torque=0.5, overheat_time=0.5)  # standing takes 1.1 N m
    simulation = MinitaurSimulation(MinitaurConfig(motor=tender))
    run(simulation, 300, START)
    assert len(simulation.overheated) == 8
    assert body_height(simulation) < 0.2
    simulation.reset(START)
    assert simulation.overheated == ()
    run(simulation, 60, START)
    assert body_height(simulation) == pytest.approx(STAND, abs=0.02)


def test_non_finite_physics_end_in_a_fault_that_keeps_the_last_pose(simulation):
    before = run(simulation, 5)[-1]
    simulation._data.qvel[0] = np.nan
    after = run(simulation, 3)
    np.testing.assert_array_equal(after[-1], before)
    assert simulation.state.error
    assert np.isfinite(simulation.signal('odometry')).all()
    assert np.isfinite(simulation.signal('imu')).all()
    simulation.enable(True)
    run(simulation, 50)
    assert np.isfinite(simulation.joints()[0]).all()


def test_the_camera_follows_a_walking_robot(simulation):
    simulation._look()
    before = simulation._scratch.camera('overview').xpos.copy()
    simulation._data.qpos[0] += 5.0
    simulation._look()
    moved = simulation._scratch.camera('overview').xpos - before
    np.testing.assert_allclose(moved, [5.0, 0.0, 0.0], atol=1e-9)


def test_a_malformed_configuration_is_refused():
    with pytest.raises(ValueError, match='sensor_delay'):
        MinitaurConfig(sensor_delay=-0.001)
