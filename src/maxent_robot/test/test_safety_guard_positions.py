# SPDX-License-Identifier: Apache-2.0
"""The guard of robots with position servos: their own figures, attitude, measured efforts."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.robots import DCLAW, MINITAUR
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.guard import Guard
from maxent_robot.types import ActionSample, CommandMode, JointSample, Level


class Servos:
    """A guard, servos that are where they are told to be, and a policy that wants one pose."""

    def __init__(self, spec, config=None):
        self.spec, self.guard = spec, Guard(spec, config)
        n = len(spec.joint_names)
        self.q, self.effort, self.tilt = spec.start.copy(), np.zeros(n), 0.0
        self.wish, self.now, self.seq = spec.start.copy(), 0, 0
        self.acts = True

    def step(self):
        spec = self.spec
        imu = np.array([np.cos(self.tilt / 2), 0.0, np.sin(self.tilt / 2), *[0.0] * 7])
        signals = {'imu': imu} if 'imu' in spec.guard_signals else {}
        sample = JointSample(
            self.now, spec.joint_names, self.q, np.zeros(self.q.shape), self.effort, signals
        )
        assert self.guard.on_state(sample, self.now) is None
        if self.acts and self.guard.action_due(self.now):
            self.seq += 1
            action = ActionSample(
                self.now, 's', self.seq, 'walk', 0, CommandMode.POSITION, spec.joint_names,
                self.wish,
            )  # fmt: skip
            assert self.guard.on_action(action, self.now) is None
        result = self.guard.tick(self.now)
        self.q = result.command.values
        self.now += spec.guard_period_ns
        return result

    def run(self, seconds):
        return [self.step() for _ in range(round(seconds * 1e9 / self.spec.guard_period_ns))]


@pytest.fixture(params=[MINITAUR, DCLAW], ids=lambda robot: robot.name)
def servos(request):
    servos = Servos(request.param)
    assert servos.run(0.3)[-1].level is Level.NORMAL
    return servos


def test_the_guard_takes_the_figures_of_the_robot_unless_it_is_given_others(servos):
    far = servos.spec.start + 0.05
    servos.wish = far
    slow = Servos(servos.spec, replace(servos.spec.guard, velocity_fraction=0.05))
    slow.run(0.3)
    slow.wish = far
    ticks = 2
    servos.run(ticks * servos.spec.guard_period_ns * 1e-9)
    slow.run(ticks * servos.spec.guard_period_ns * 1e-9)
    most = 0.05 * servos.spec.limits.velocity * servos.spec.guard_period_ns * 1e-9
    assert (slow.q - slow.spec.start <= ticks * most + 1e-9).all()
    np.testing.assert_array_less(slow.q - slow.spec.start, servos.q - servos.spec.start + 1e-12)


def test_of_a_position_the_set_point_after_the_period_is_reported(servos):
    servos.wish = servos.spec.start + 0.02
    results = servos.run(3 * servos.spec.policy_period_ns * 1e-9)
    finished = [k for k, result in enumerate(results) if result.finished is not None]
    for k in finished:
        action = results[k].finished
        np.testing.assert_array_equal(action.applied, results[k].command.values)
        assert action.ticks == servos.spec.policy_period_ns // servos.spec.guard_period_ns
    assert len(finished) == 3


def test_only_positions_are_served(servos):
    spec = servos.spec
    torque = ActionSample(
        servos.now, 's', 99, 'walk', 0, CommandMode.TORQUE, spec.joint_names, spec.start
    )
    assert servos.guard.on_action(torque, servos.now).startswith('mode')


def test_a_robot_that_tips_over_sits_down_and_is_served_again_a_second_after_it_is_upright():
    robot = Servos(MINITAUR)
    robot.run(0.5)
    robot.tilt = 0.9
    result = robot.step()
    assert result.level is Level.RELAX
    assert result.flags & Flag.TILTED
    assert result.reason == 'tilted: by 0.90 rad'
    result = robot.run(1.5)[-1]
    np.testing.assert_allclose(result.command.values, MINITAUR.rest, atol=0.01)
    robot.tilt = 0.1
    assert robot.run(0.9)[-1].level is Level.RELAX
    result = robot.run(1.0)[-1]
    assert result.level is Level.NORMAL
    np.testing.assert_allclose(result.command.values, MINITAUR.start, atol=0.01)


def test_a_lost_policy_makes_a_minitaur_sit_down():
    robot = Servos(MINITAUR)
    robot.run(0.5)
    robot.acts = False
    results = robot.run(2.5)
    assert results[-1].level is Level.RELAX
    np.testing.assert_allclose(results[-1].command.values, MINITAUR.rest, atol=0.01)


def test_a_motor_that_measures_too_much_torque_for_too_long_makes_the_robot_relax(servos):
    guard = servos.spec.guard
    servos.effort[2] = -1.01 * guard.overload_effort
    assert servos.run(0.9 * guard.overload_time)[-1].level is Level.NORMAL
    servos.effort[2] = 0.0
    servos.step()
    servos.effort[2] = 1.01 * guard.overload_effort
    result = servos.run(1.1 * guard.overload_time)[-1]
    assert result.level is Level.RELAX
    assert result.flags & Flag.OVERLOAD
    assert servos.spec.joint_names[2] in result.reason
    servos.effort[2] = 0.0
    assert servos.run(5.0)[-1].level is Level.RELAX, 'it has to cool, and a person to clear it'
    done, why = servos.guard.clear_estop(servos.now)
    assert not done
    assert 'cooling' in why


def test_torque_below_the_limit_may_last(servos):
    servos.effort[:] = 0.99 * servos.spec.guard.overload_effort
    assert servos.run(5.0)[-1].level is Level.NORMAL


def test_efforts_that_are_not_told_overload_nothing(servos):
    servos.effort = np.zeros(0)
    assert servos.run(2.0)[-1].level is Level.NORMAL


def test_the_attitude_matters_to_those_who_have_one_alone():
    with pytest.raises(ValueError, match='attitude_limit'):
        Guard(DCLAW, GuardConfig(attitude_limit=0.5))
