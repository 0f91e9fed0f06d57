# SPDX-License-Identifier: Apache-2.0
"""The physics of models/dclaw.xml: ROBEL's figures, and that the hand can turn the valve."""

import mujoco
import numpy as np
import pytest

from maxent_robot.robots.dclaw import DCLAW, TASK_LOWER, TASK_UPPER, VALVE
from maxent_robot.types import CommandMode
from sim_bridge.dclaw_simulation import TIPS, DClawSimulation

NAMES, LIMITS = DCLAW.joint_names, DCLAW.limits
LEAD = 0.209  # rad: ROBEL's targets are at most this far from the joint
LOBES = ('pointer', 'lobe_2', 'lobe_3', 'hub')


@pytest.fixture(scope='module')
def simulation():
    return DClawSimulation()


@pytest.fixture
def model(simulation):
    simulation.reset(DCLAW.start)
    return simulation.model


def move(simulation, target, steps=1):
    """Policy steps at 10 Hz towards a target (9,) in rad, as ROBEL limits them."""
    for _ in range(steps):
        q = simulation.joints()[0]
        values = np.clip(target, q - LEAD, q + LEAD)
        assert simulation.set_command(CommandMode.POSITION, NAMES, values) is None
        for _ in range(10):
            simulation.step_tick()
            yield


def sweep(simulation, side):
    """One cycle of all fingers in step: reach in at one side, sweep to the other, go back."""
    reach, away = (0.1, -0.1), (-1.0, 1.0)
    for top, bend, steps in ((-1, away, 6), (-1, reach, 5), (1, reach, 7), (1, away, 5)):
        yield from move(simulation, np.tile([0.45 * side * top, *bend], 3), steps)


def touching(simulation):
    """Names of geoms of the hand that touch the valve, and the deepest overlap in m."""
    data, names, deepest = simulation._data, set(), 0.0
    for contact in data.contact[: data.ncon]:
        pair = {simulation.model.geom(i).name for i in contact.geom}
        if pair & set(LOBES):
            names |= pair - set(LOBES)
            deepest = max(deepest, -contact.dist)
    return names, deepest


# ROBEL's figures


def test_hand_and_valve_weigh_what_robel_says(model):
    assert model.body('mount').subtreemass == pytest.approx(1.115, rel=0.05)
    assert model.body('valve').subtreemass == pytest.approx(0.476, rel=0.05)


def test_time_step_solver_and_contacts_are_those_of_robel(model):
    assert model.opt.timestep == 0.0025
    assert model.opt.solver == mujoco.mjtSolver.mjSOL_NEWTON
    assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    for name in (*TIPS, *LOBES):
        assert model.geom(name).condim == 4
        np.testing.assert_array_equal(model.geom(name).friction, [0.2, 0.005, 0.0001])


def test_joints_and_servos_are_those_of_robel(model):
    assert np.all(model.dof_damping == 0.1)
    assert np.all(model.dof_armature == 0.001)
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], np.full(9, 2.0))
    np.testing.assert_array_equal(model.actuator_biasprm[:, :3], [[0.0, -2.0, 0.0]] * 9)
    np.testing.assert_allclose(model.actuator_ctrlrange[0::3], [[-0.48, 0.48]] * 3)
    np.testing.assert_allclose(model.actuator_ctrlrange[1::3], [[-1.57, 1.57]] * 3, atol=1e-3)


def test_the_model_has_the_limits_of_the_robot(model):
    np.testing.assert_array_equal(model.jnt_range[:9, 0], LIMITS.position_lower)
    np.testing.assert_array_equal(model.jnt_range[:9, 1], LIMITS.position_upper)
    np.testing.assert_array_equal(model.actuator_forcerange[:, 1], LIMITS.effort)
    assert not model.joint(VALVE).limited


def test_straight_fingers_end_as_far_from_the_palm_as_robels(simulation):
    simulation.reset(DCLAW.start)
    simulation._scratch.qpos[:] = 0.0
    mujoco.mj_kinematics(simulation.model, simulation._scratch)
    for name, angle in (('FFtip', np.pi / 3), ('MFtip', -np.pi / 3), ('THtip', np.pi)):
        tip = simulation._scratch.site(name).xpos
        np.testing.assert_allclose(
            tip[:2], 0.06 * np.array([np.cos(angle), np.sin(angle)]), atol=1e-3
        )
        assert tip[2] == pytest.approx(0.335 - 0.003 - 0.01425 - 0.0675 - 0.068 - 0.076, abs=1e-6)


def test_the_effective_inertia_is_within_what_the_robot_says(model):
    rng, data, mass = np.random.default_rng(0), mujoco.MjData(model), np.zeros((10, 10))
    for _ in range(300):
        data.qpos[:9] = rng.uniform(LIMITS.position_lower, LIMITS.position_upper)
        mujoco.mj_forward(model, data)
        for column, unit in zip(mass, np.eye(10), strict=True):
            mujoco.mj_mulM(model, data, column, unit)
        assert np.all(1.0 / np.diag(np.linalg.inv(mass))[:9] >= DCLAW.inertia_min)
        assert np.all(np.diag(mass)[:9] <= DCLAW.inertia_max)


# What the hand can do


def test_the_start_pose_touches_nothing_at_any_angle_of_the_valve(simulation):
    rng = np.random.default_rng(0)
    for angle in np.linspace(-np.pi, np.pi, 36, endpoint=False):
        for noise in (np.zeros(9), rng.uniform(-0.1, 0.1, 9)):
            simulation.reset(DCLAW.start + noise, {VALVE: angle})
            assert simulation._data.ncon == 0


def test_a_free_finger_reaches_its_target(simulation):
    rng = np.random.default_rng(0)
    for _ in range(5):
        simulation.reset(DCLAW.start)
        target = rng.uniform(np.tile([-0.3, -1.0, 0.3], 3), np.tile([0.3, -0.6, 1.5], 3))
        for _ in move(simulation, target, 20):
            pass
        position, velocity, _ = simulation.joints()
        np.testing.assert_allclose(position, target, atol=0.5 * DCLAW.settled_position)
        np.testing.assert_allclose(velocity, 0.0, atol=0.01)


@pytest.mark.parametrize('side', [1, -1])
@pytest.mark.parametrize('angle', [0.0, 0.7])
def test_sweeping_fingers_turn_the_valve_a_quarter_turn_and_on_without_a_stop(
    simulation, side, angle
):
    simulation.reset(DCLAW.start, {VALVE: angle})
    names, deepest, strongest = set(), 0.0, 0.0
    for cycle in range(6):
        for _ in sweep(simulation, side):
            touched, depth = touching(simulation)
            names, deepest = names | touched, max(deepest, depth)
            strongest = max(strongest, np.abs(simulation.joints()[2]).max())
        if cycle == 2:
            assert side * (simulation.signal('valve')[0] - angle) > np.pi / 2
    assert side * (simulation.signal('valve')[0] - angle) > 1.5 * np.pi
    assert {'FFtip', 'MFtip', 'THtip'} <= names <= set(TIPS)  # only plastic touches the valve
    assert deepest < 0.003
    assert strongest < DCLAW.guard.overload_effort


def test_random_actions_move_the_valve_about_as_in_robel(simulation):
    rng, turned = np.random.default_rng(0), []
    for _ in range(20):
        simulation.reset(DCLAW.start)
        for _ in range(40):
            for _ in move(simulation, rng.uniform(TASK_LOWER, TASK_UPPER)):
                pass
        turned.append(simulation.signal('valve')[0])
    assert 0.1 < np.std(turned) < 0.5  # ROBEL: about 0.4 rad in these 4 s
    assert np.max(np.abs(turned)) < 1.5


def test_wild_targets_for_a_minute_stay_finite_and_solid(simulation):
    rng = np.random.default_rng(1)
    simulation.reset(DCLAW.start)
    deepest = 0.0
    for _ in range(600):
        target = np.where(rng.random(9) < 0.5, TASK_LOWER, TASK_UPPER)
        for _ in move(simulation, target):
            deepest = max(deepest, touching(simulation)[1])
    assert not simulation.state.error
    assert deepest < 0.01
