# SPDX-License-Identifier: Apache-2.0
"""The physics of models/pusher.xml: what a skill can do with it, and that it cannot be cheated."""

import mujoco
import numpy as np
import pytest

from sim_bridge.pusher_env import PusherEnv

FAR = (5.0, 5.0)  # m, where the puck is out of the way
# m. To pass through, the puck would have to jump from this depth on one side of a link to this on
# the other, 0.12 m in a substep of 5 ms: more than the tip can do at 10 rad/s.
DEEPEST = 0.06


def place(env, arm, puck):
    """Put arm (3,) rad and puck (2,) m into a pose, at rest."""
    env.reset(seed=0)
    env.data.qpos[:] = [*arm, *puck]
    mujoco.mj_forward(env.model, env.data)


def reaching(x, y, heading, elbow):
    """Joint angles (3,) in rad: tip at x, y in m, last link along `heading` in degrees."""
    heading = np.deg2rad(heading)
    wrist = np.array([x, y]) - 0.62 * np.array([np.cos(heading), np.sin(heading)])
    bend = 2.0 * elbow * np.arccos(np.hypot(*wrist))  # both links are 0.5 m long
    first = np.arctan2(wrist[1], wrist[0]) - bend / 2.0
    return [first, bend, (heading - first - bend + np.pi) % (2.0 * np.pi) - np.pi]


def follow(env, waypoints, steps=100):
    """Pull the arm along joint angles (k, 3) in rad like a spring; returns the last info."""
    ways = np.unwrap(waypoints, axis=0)
    times = np.linspace(0.0, steps - 10, len(waypoints))
    for step in range(steps):
        wanted = np.array([np.interp(step, times, ways[:, joint]) for joint in range(3)])
        torque = 20.0 * (wanted - env.data.qpos[:3]) - env.data.qvel[:3]
        info = env.step((torque / 3.0).astype(np.float32))[4]
    return info


def deepest_contact(env, action, steps):
    """Apply an action (3,) for some steps; returns the deepest contact in m of all substeps."""
    env.data.ctrl[:] = 3.0 * action
    deepest = 0.0
    for _ in range(10 * steps):
        mujoco.mj_step(env.model, env.data)
        if env.data.ncon:
            deepest = max(deepest, -env.data.contact.dist.min())
    return deepest


def test_the_model_has_the_facts_of_the_reference():
    env = PusherEnv()
    model = env.model
    assert 10 * model.opt.timestep == pytest.approx(0.05)
    assert not model.opt.gravity.any()
    np.testing.assert_array_equal(model.actuator_ctrlrange, [[-3.0, 3.0]] * 3)
    np.testing.assert_array_equal(model.dof_armature[3:], [0.04, 0.04])
    np.testing.assert_array_equal(model.dof_damping[3:], [0.5, 0.5])
    assert model.body('puck').mass[0] < 0.01 * 0.04  # armature is the inertia
    env.reset(seed=0)
    env.step(np.zeros(3, np.float32))
    assert env.data.time == pytest.approx(0.05)


def test_sweeping_half_a_turn_takes_one_to_two_seconds_at_full_torque():
    env = PusherEnv()
    place(env, np.zeros(3), FAR)
    steps = 0
    while env.data.qpos[0] < np.pi:
        env.step(np.array([1.0, 0.0, 0.0], np.float32))
        steps += 1
    assert 1.0 < 0.05 * steps < 2.0


def test_without_torque_everything_comes_to_rest_and_never_gains_energy():
    env = PusherEnv()
    place(env, [0.0, 0.3, 0.0], [1.5, 0.1])
    env.data.qvel[:] = [-3.0, -1.0, 2.0, 0.0, 0.0]
    energies = []
    for _ in range(2000):
        mujoco.mj_step(env.model, env.data)
        mujoco.mj_energyVel(env.model, env.data)
        energies.append(env.data.energy[1])
    assert np.linalg.norm(env.data.qpos[3:] - [1.5, 0.1]) > 0.05  # it was hit
    assert np.diff(energies).max() < 1e-3 * energies[0]
    assert energies[-1] < 1e-4 * energies[0]


@pytest.mark.parametrize('radius', [1.5, 1.55, 1.6])
def test_a_fork_at_full_torque_sweeps_the_puck_along_and_does_not_pass_through(radius):
    env = PusherEnv()
    start = radius * np.array([np.cos(-1.2), np.sin(-1.2)])
    place(env, np.zeros(3), start)
    depth = deepest_contact(env, np.array([-1.0, 0.0, 0.0]), 40)
    assert np.linalg.norm(env.data.qpos[3:] - start) > 0.3
    assert 0.0 < depth < DEEPEST


@pytest.mark.parametrize('radius', [0.25, 0.5, 0.75, 1.0])
def test_the_links_pass_above_the_puck(radius):
    env = PusherEnv()
    start = radius * np.array([np.cos(-1.2), np.sin(-1.2)])
    place(env, np.zeros(3), start)
    assert deepest_contact(env, np.array([-1.0, 0.0, 0.0]), 40) == 0.0
    np.testing.assert_array_equal(env.data.qpos[3:], start)


def test_wild_torques_for_ten_thousand_steps_stay_finite_slow_and_solid():
    env = PusherEnv(episode_steps=10_000)
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    deepest, fastest, touched = 0.0, 0.0, 0
    for step in range(1, 10_001):
        if step % 8 == 1:
            action = rng.choice([-1.0, 1.0], 3).astype(np.float32)
        observation, reward, *_ = env.step(action)
        assert np.isfinite(observation).all()
        assert np.isfinite(reward)
        fastest = max(fastest, np.abs(env.data.qvel[:3]).max())
        if env.data.ncon:
            deepest = max(deepest, -env.data.contact.dist.min())
            touched += 1
        if step % 100 == 0:  # bring the puck back
            env.data.qpos[3:] = env.np_random.uniform([0.3, -1.0], [1.0, -0.4])
            env.data.qpos[:3] = [1.3, -1.3, -1.0]
            env.data.qvel[:] = 0.0
    assert touched > 100
    assert 4.0 < fastest < 10.0
    assert deepest < DEEPEST


def test_a_script_sweeps_the_puck_into_the_bottom_left_corner():
    env = PusherEnv(goal='bottom_left')
    x, y = env.reset(seed=1)[1]['puck']
    beside, behind = reaching(x + 0.1, y + 0.35, -85, -1), reaching(x + 0.18, y + 0.1, -95, -1)
    way = [reaching(0.3, -0.85, -125, -1), reaching(-0.3, -0.9, -150, -1)]
    last = follow(env, [beside, behind, *way, reaching(-1.0, -1.0, -145, -1)])
    assert last['distance'] < 0.1


def test_a_script_pushes_the_puck_outward_into_the_bottom_right_corner():
    env = PusherEnv(goal='bottom_right')
    behind = reaching(0.15, -0.7, -60, 1)
    place(env, behind, [0.5, -0.9])
    way = [reaching(0.3, -0.83, -40, 1), reaching(0.6, -0.92, -25, 1)]
    last = follow(env, [behind, *way, reaching(1.0, -1.0, -30, 1)])
    assert last['distance'] < 0.1
