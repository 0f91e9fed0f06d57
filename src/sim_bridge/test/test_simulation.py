# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import mujoco
import numpy as np
import pytest

from maxent_robot.robots.sawyer import SAWYER
from sim_bridge.sawyer_controller import ControlMode
from sim_bridge.simulation import SawyerSimulation

NAMES = SAWYER.joint_names
LIMITS = SAWYER.limits
ZERO = np.zeros(7)


@pytest.fixture
def simulation():
    made = SawyerSimulation()
    made.reset(SAWYER.start)
    return made


def run(simulation, ticks, mode=None, values=ZERO):
    """Positions (ticks, n) under one command that is repeated at every tick, or under none."""
    positions = []
    for _ in range(ticks):
        if mode is not None:
            assert simulation.set_command(mode, NAMES, values) is None
        simulation.step_tick()
        positions.append(simulation.joint_sample().position)
    return np.array(positions)


# The model


@given(st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7))
@settings(max_examples=200, deadline=None)
def test_the_tip_is_where_the_kinematics_say(shares):
    q = LIMITS.position_lower + np.array(shares) * (LIMITS.position_upper - LIMITS.position_lower)
    simulation = test_the_tip_is_where_the_kinematics_say.simulation
    simulation._data.qpos[:] = q
    np.testing.assert_allclose(simulation.endpoint().position, SAWYER.chain.tip(q), atol=1e-6)
    _, rotation = SAWYER.chain.tip_pose(q)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.flatten())
    assert abs(simulation.endpoint().quaternion @ quaternion) > 1.0 - 1e-9


test_the_tip_is_where_the_kinematics_say.simulation = SawyerSimulation()


def test_the_model_has_the_limits_of_the_robot(simulation):
    model = simulation.model
    np.testing.assert_array_equal(model.jnt_range[:, 0], LIMITS.position_lower)
    np.testing.assert_array_equal(model.jnt_range[:, 1], LIMITS.position_upper)
    np.testing.assert_array_equal(model.jnt_actfrcrange[:, 1], LIMITS.effort)
    np.testing.assert_array_equal(model.actuator_ctrlrange[:, 1], LIMITS.effort)
    assert np.all(model.dof_armature == 0.1)
    assert np.all(model.dof_damping == 1.0)
    assert model.opt.timestep == 0.0025
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST


def test_the_effective_inertia_is_within_what_the_guard_assumes(simulation):
    rng = np.random.default_rng(0)
    model, data = simulation.model, mujoco.MjData(simulation.model)
    mass = np.zeros((7, 7))
    for _ in range(300):
        data.qpos[:] = rng.uniform(LIMITS.position_lower, LIMITS.position_upper)
        mujoco.mj_forward(model, data)
        for column, unit in zip(mass, np.eye(7), strict=True):
            mujoco.mj_mulM(model, data, column, unit)
        assert np.all(1.0 / np.diag(np.linalg.inv(mass)) >= SAWYER.inertia_min)
        assert np.all(np.diag(mass) <= SAWYER.inertia_max)


def test_neutral_and_start_poses_touch_nothing(simulation):
    rng = np.random.default_rng(0)
    for pose in (SAWYER.neutral, SAWYER.start):
        for _ in range(50):
            simulation.reset(pose + rng.uniform(-0.1, 0.1, 7))  # refuses collisions
            assert not simulation.in_collision()


def test_the_table_lies_below_the_reach_box(simulation):
    geom = simulation.model.geom('table_top')
    top = simulation.model.body('table').pos[2] + geom.pos[2] + geom.size[2]
    assert -0.1 <= top <= 0.0 < SAWYER.reach_box.lower[2]


# Behaviour of the arm


def test_a_gravity_compensated_arm_does_not_drift(simulation):
    positions = run(simulation, 2000, ControlMode.TORQUE)
    assert np.max(np.abs(positions - SAWYER.start)) < 1e-9


def test_a_suppressed_gravity_compensation_lets_the_arm_sag(simulation):
    simulation.set_command(ControlMode.TORQUE, NAMES, ZERO)
    simulation.suppress_gravity_compensation()
    before = simulation.endpoint().position[2]
    run(simulation, 30, ControlMode.TORQUE)
    assert simulation.endpoint().position[2] < before - 0.005


def test_gravity_torques_are_what_the_compensation_adds(simulation):
    run(simulation, 1, ControlMode.TORQUE)
    torques = simulation.gravity_torques()
    np.testing.assert_allclose(simulation.efforts(), torques, atol=1e-9)
    assert np.max(np.abs(torques)) > 5.0


def test_a_silent_sender_leaves_the_arm_holding_where_it_is(simulation):
    simulation.set_command(ControlMode.TORQUE, NAMES, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    moving = run(simulation, 41)
    assert simulation.controller.mode == ControlMode.TORQUE
    assert moving[-1, 5] > SAWYER.start[5] + 0.01
    run(simulation, 1)
    assert simulation.controller.mode == ControlMode.POSITION
    held = run(simulation, 400)
    np.testing.assert_allclose(held[-1], moving[-1], atol=0.03)
    assert np.max(np.abs(simulation.joint_sample().velocity)) < 1e-3


def test_a_stopped_robot_does_not_move_until_it_is_reset_and_enabled(simulation):
    run(simulation, 20, ControlMode.TORQUE, [2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
    simulation.stop()
    here = simulation.joint_sample().position
    for change in (lambda: None, simulation.clear_stop):
        change()
        assert simulation.set_command(ControlMode.TORQUE, NAMES, np.ones(7)) is not None
        assert np.all(run(simulation, 20) == here)
        assert np.all(simulation.joint_sample().velocity == 0.0)
    simulation.enable(True)
    np.testing.assert_allclose(run(simulation, 100)[-1], here, atol=1e-6)
    assert run(simulation, 20, ControlMode.TORQUE, np.ones(7))[-1, 6] != here[6]


def test_a_disabled_robot_does_not_move(simulation):
    simulation.enable(False)
    assert 'disabled' in simulation.set_command(ControlMode.POSITION, NAMES, SAWYER.neutral)
    assert np.all(run(simulation, 20) == SAWYER.start)


@pytest.mark.parametrize('ratio', [0.1, 0.3, 1.0])
def test_position_mode_reaches_its_target_at_the_speed_ratio(simulation, ratio):
    simulation.controller.set_speed_ratio(ratio)
    target = SAWYER.start + np.array([0.4, 0, 0, 0, 0, 0, 0])
    simulation.set_command(ControlMode.POSITION, NAMES, target)
    seconds = 0.4 / (ratio * LIMITS.velocity[0])
    ticks = round(seconds / 0.005)
    assert run(simulation, ticks // 2)[-1, 0] == pytest.approx(SAWYER.start[0] + 0.2, abs=0.08)
    np.testing.assert_allclose(run(simulation, ticks + 400)[-1], target, atol=2e-3)


@pytest.mark.parametrize('joint', range(7))
def test_velocity_mode_tracks(simulation, joint):
    wanted = np.zeros(7)
    wanted[joint] = -0.4
    run(simulation, 80, ControlMode.VELOCITY, wanted)
    np.testing.assert_allclose(simulation.joint_sample().velocity, wanted, atol=0.02)


def test_the_torque_with_gravity_compensation_stays_within_the_urdf_effort(simulation):
    run(simulation, 1, ControlMode.TORQUE, -LIMITS.effort)
    assert np.all(np.abs(simulation.efforts()) <= LIMITS.effort)


def test_joint_ranges_stop_the_arm(simulation):
    torque = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    positions = run(simulation, 400, ControlMode.TORQUE, torque)
    assert np.max(positions[:, 6]) < LIMITS.position_upper[6] + 0.1
    assert positions[-1, 6] == pytest.approx(LIMITS.position_upper[6], abs=0.01)


def test_the_arm_can_hit_the_table(simulation):
    down = SAWYER.start + np.array([0, 0.9, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match='collides with'):
        simulation.reset(down)
    simulation.set_command(ControlMode.POSITION, NAMES, down)
    run(simulation, 600)
    assert simulation.in_collision()
    assert simulation.endpoint().position[2] > -0.05


def test_non_finite_physics_end_in_a_fault_with_the_brakes_on(simulation):
    before = run(simulation, 1)[-1]
    simulation._data.qvel[0] = np.nan
    after = run(simulation, 2)
    np.testing.assert_array_equal(after[-1], before)
    assert simulation.controller.state.error


# Time, reset, reproducibility


def test_a_tick_is_one_guard_period_and_reset_moves_time_forward(simulation):
    start = simulation.time_ns
    simulation.step_tick()
    assert simulation.time_ns - start == SAWYER.guard_period_ns
    simulation.reset(SAWYER.neutral)
    assert simulation.time_ns - start == SAWYER.guard_period_ns + 2_000_000_000
    simulation.reset(SAWYER.neutral, gap_ns=7)
    assert simulation.time_ns - start == SAWYER.guard_period_ns + 2_000_000_007
    with pytest.raises(ValueError, match='forward'):
        simulation.reset(SAWYER.neutral, gap_ns=0)


@pytest.mark.parametrize(
    ('pose', 'why'),
    [
        (np.zeros(6), '7 finite numbers'),
        (np.full(7, np.nan), '7 finite numbers'),
        (SAWYER.start + np.array([0, 0, 0, 9.0, 0, 0, 0]), 'right_j3'),
    ],
)
def test_a_bad_pose_is_refused_and_changes_nothing(simulation, pose, why):
    time_ns = simulation.time_ns
    with pytest.raises(ValueError, match=why):
        simulation.reset(pose)
    assert simulation.time_ns == time_ns
    np.testing.assert_array_equal(simulation.joint_sample().position, SAWYER.start)


def trajectory(simulation, seed):
    rng = np.random.default_rng(seed)
    simulation.reset(SAWYER.start)
    states = []
    for _ in range(200):
        simulation.set_command(ControlMode.TORQUE, NAMES, rng.uniform(-4, 4, 7))
        simulation.step_tick()
        sample = simulation.joint_sample()
        states.append(np.concatenate([sample.position, sample.velocity]))
    return np.array(states)


def test_the_same_commands_give_the_same_trajectory_to_the_bit_whatever_was_before(simulation):
    reference = trajectory(SawyerSimulation(), 1)
    # a past with contacts, position mode, suppressed gravity compensation and pictures asked for
    down = SAWYER.start + np.array([0, 0.9, 0, 0, 0, 0, 0])
    simulation.set_command(ControlMode.POSITION, NAMES, down)
    run(simulation, 500)
    simulation.set_target([0.5, 0.1, 0.3])
    run(simulation, 5, ControlMode.VELOCITY, np.full(7, 0.1))
    simulation.suppress_gravity_compensation()
    simulation.step_tick()
    np.testing.assert_array_equal(trajectory(simulation, 1), reference)
    assert np.any(trajectory(simulation, 2) != reference)


def test_looking_does_not_change_the_trajectory():
    plain, watched = SawyerSimulation(), SawyerSimulation()
    for simulation in (plain, watched):
        simulation.reset(SAWYER.start)
    for k in range(100):
        for simulation in (plain, watched):
            simulation.set_command(ControlMode.TORQUE, NAMES, np.full(7, np.sin(0.1 * k)))
            simulation.step_tick()
        watched.endpoint()
        watched.gravity_torques()
        watched.in_collision()
        watched.set_target([0.5, 0.0, 0.1 + 0.001 * k])
    np.testing.assert_array_equal(plain.joint_sample().position, watched.joint_sample().position)


def test_the_target_is_moved_by_data(simulation):
    assert simulation.set_target([0.5, 0.1, 0.25]) is None
    simulation._look()
    np.testing.assert_array_equal(simulation._scratch.site('target').xpos, [0.5, 0.1, 0.25])
    simulation.reset(SAWYER.start)
    simulation._look()
    np.testing.assert_array_equal(simulation._scratch.site('target').xpos, [0.5, 0.1, 0.25])
    assert 'finite' in simulation.set_target([np.nan, 0, 0])


def test_the_tip_moves_as_its_velocity_says(simulation):
    run(simulation, 50, ControlMode.TORQUE, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    first = simulation.endpoint()
    simulation.step_tick()
    second = simulation.endpoint()
    slope = (second.position - first.position) / 0.005
    mean = 0.5 * (first.linear_velocity + second.linear_velocity)
    np.testing.assert_allclose(slope, mean, atol=5e-3)
