# SPDX-License-Identifier: Apache-2.0
import mujoco
import numpy as np
import pytest

from maxent_robot.robots.minitaur import (
    LEGS,
    MINITAUR,
    knee_angles,
    leg_length,
    legs,
    motor_angles,
    toe_offset,
)
from sim_bridge.minitaur_simulation import TOES, MinitaurSimulation
from sim_bridge.robot_simulation import model_text

HIPS = np.array([[0.2375, 0.1265], [-0.2375, 0.1265], [0.2375, -0.1265], [-0.2375, -0.1265]])
LIMITS = MINITAUR.limits


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_string(model_text('minitaur.xml'))


def placed(model, pose):
    """Data of a robot whose body frame is the world's, with closed legs at motor angles (8,)."""
    data = mujoco.MjData(model)
    data.qpos[:7] = 0, 0, 0, 1, 0, 0, 0
    data.qpos[7::2], data.qpos[8::2] = pose, np.repeat(knee_angles(legs(pose)[1]), 2)
    mujoco.mj_forward(model, data)
    return data


def gaps(model, data):
    """Distance (4,) in m between the two lower links of each leg where they are pinned."""
    pins = [[data.site(f'{leg}_{side}_pin').xpos for side in 'LR'] for leg in LEGS]
    return np.linalg.norm(np.diff(pins, axis=1)[:, 0], axis=-1)


def poses(count):
    rng = np.random.default_rng(0)
    return rng.uniform(LIMITS.position_lower, LIMITS.position_upper, (count, 8))


def test_the_robot_weighs_what_was_identified(model):
    assert model.body_mass.sum() == pytest.approx(7.473, abs=1e-9)
    assert model.nv == 22
    chassis = model.body('chassis')
    assert chassis.mass == pytest.approx(3.353 + 2 * 1.32)
    assert chassis.ipos[0] == pytest.approx(0.05 * 3.353 / 5.993)


def test_left_and_right_are_mirror_images(model):
    body = placed(model, MINITAUR.start)
    mujoco.mj_comPos(model, body)
    assert body.subtree_com[model.body('chassis').id][1] == pytest.approx(0.0, abs=1e-12)


def test_the_model_has_the_joints_and_limits_of_the_robot(model):
    joints = [model.joint(name) for name in MINITAUR.joint_names]
    assert [joint.qposadr[0] for joint in joints] == list(range(7, 23, 2))
    np.testing.assert_array_equal([j.range[0] for j in joints], LIMITS.position_lower)
    np.testing.assert_array_equal([j.range[1] for j in joints], LIMITS.position_upper)
    np.testing.assert_array_equal(model.actuator_ctrlrange[:, 1], LIMITS.effort)
    assert MINITAUR.guard_period_ns % round(model.opt.timestep * 1e9) == 0


def test_knees_and_toes_are_where_the_kinematics_say(model):
    for pose in poses(50):
        data = placed(model, pose)
        swing, extension = legs(pose)
        assert np.max(gaps(model, data)) < 1e-9
        expected = toe_offset(swing, extension)
        for leg, hip, (x, z) in zip(LEGS, HIPS, expected, strict=True):
            want = [hip[0] + x, hip[1], -0.0185 + z]
            np.testing.assert_allclose(data.geom(f'{leg}_toe').xpos, want, atol=1e-9)


@pytest.mark.parametrize('extension', [0.6, np.pi / 2, 2.0, 2.5, np.pi])
def test_the_pin_is_as_far_from_the_motors_as_the_leg_is_long(model, extension):
    data = placed(model, motor_angles(np.zeros(4), np.full(4, extension)))
    for leg in LEGS:
        away = data.site(f'{leg}_L_pin').xpos - data.body(f'{leg}_L').xpos
        assert np.linalg.norm(away) == pytest.approx(float(leg_length(extension)), abs=1e-9)


def test_upper_links_are_horizontal_at_half_pi_and_fold_upward_below(model):
    level = placed(model, np.full(8, np.pi / 2))
    folded = placed(model, np.full(8, 1.0))
    for leg in LEGS:
        for side in 'LR':
            hip = level.body(f'{leg}_{side}').xpos[2]
            assert level.body(f'{leg}_{side}_lower').xpos[2] == pytest.approx(hip)
            assert folded.body(f'{leg}_{side}_lower').xpos[2] > hip + 0.05


def test_aft_links_carry_the_toes_and_lie_on_the_sides_of_the_published_model(model):
    data = placed(model, MINITAUR.start)
    for leg in LEGS:
        toe = model.body(model.geom_bodyid[model.geom(f'{leg}_toe').id]).name
        assert toe == f'{leg}_{"L" if leg.endswith("L") else "R"}_lower'
        assert data.body(toe).xpos[0] < data.body(f'{leg}_L').xpos[0]


def test_the_effective_inertia_is_within_what_the_robot_states(model):
    mass = np.zeros((22, 22))
    for pose in poses(100):
        data = placed(model, pose)
        for column, unit in zip(mass, np.eye(22), strict=True):
            mujoco.mj_mulM(model, data, column, unit)
        extension = legs(pose)[1]
        slope = (knee_angles(extension + 1e-6) - knee_angles(extension - 1e-6)) / 2e-6
        closed = np.zeros((22, 14))  # velocities of all joints from those of body and motors
        closed[:6, :6] = np.eye(6)
        for motor in range(8):
            closed[6 + 2 * motor, 6 + motor] = 1.0
            for knee in (motor - motor % 2, motor - motor % 2 + 1):
                closed[7 + 2 * knee, 6 + motor] = 0.5 * slope[motor // 2]
        reduced = closed.T @ mass @ closed
        assert np.all(1.0 / np.diag(np.linalg.inv(reduced))[6:] >= MINITAUR.inertia_min)
        assert np.all(np.diag(reduced)[6:] <= MINITAUR.inertia_max)


def test_all_parts_touch_the_ground_and_none_touches_another(model):
    robot = [g for g in range(model.ngeom) if model.geom_conaffinity[g]]
    assert {model.geom(name).id for name in TOES} < set(robot)
    assert not np.any(model.geom_contype[robot])
    touching = {model.body(model.geom_bodyid[g]).name for g in robot}
    bodies = {model.body(b).name for b in range(model.nbody)}
    assert touching == bodies - {'world', 'target'}


def test_loops_stay_closed_while_the_robot_trots_hard():
    simulation = MinitaurSimulation()
    worst = 0.0
    for k in range(500):
        phase = 2 * np.pi * 2.5 * 0.006 * k + np.array([0.0, np.pi, np.pi, 0.0])
        target = motor_angles(0.5 * np.sin(phase), 2.0 + 0.5 * np.cos(phase))
        assert simulation.set_command(1, MINITAUR.joint_names, target) is None
        simulation.step_tick()
        worst = max(worst, np.max(gaps(simulation.model, simulation._data)))
    assert np.max(np.abs(simulation.joints()[1])) > 0.5
    assert worst < 0.002
