# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from sim_bridge.minitaur_motor import MotorFigures, Motors, observed_torque, pwm, torque

FIGURES = MotorFigures()
STEP = 0.002


def one(value):
    return np.array([float(value)])


# The model


def test_the_duty_cycle_is_a_pd_law_within_one():
    assert pwm(FIGURES, one(0.3), one(5.0)) == pytest.approx(0.3 - 0.02 * 5.0)
    np.testing.assert_array_equal(pwm(FIGURES, np.array([9.0, -9.0]), np.zeros(2)), [1.0, -1.0])


@pytest.mark.parametrize(
    ('duty', 'velocity', 'expected'),
    [
        # (0.2 * 16 - 0.0954 * 5) / 0.186 = 14.640 A; 1.0 + 0.4640 * 0.9
        (0.2, 5.0, 1.4176),
        # 0.1 * 16 / 0.186 = 8.602 A; 0.1 N m/A up to 10 A
        (0.1, 0.0, 0.8602),
        # 0.5 * 16 / 0.186 = 43.011 A; 3.0 + 0.3011 * 0.25
        (0.5, 0.0, 3.0753),
        # 86 A is beyond the curve
        (1.0, 0.0, 3.5),
        # a shorted motor brakes: -0.0954 * 10 / 0.186 = -5.129 A
        (0.0, 10.0, -0.5129),
        # no-load speed
        (1.0, 16.0 / 0.0954, 0.0),
    ],
)
def test_torque_follows_voltage_speed_and_the_measured_curve(duty, velocity, expected):
    assert torque(FIGURES, one(duty), one(velocity)) == pytest.approx(expected, abs=1e-4)
    assert torque(FIGURES, one(-duty), one(-velocity)) == pytest.approx(-expected, abs=1e-4)


def test_motors_are_independent_of_each_other():
    duty, velocity = np.array([0.2, -0.7, 0.0]), np.array([5.0, 1.0, -3.0])
    together = torque(FIGURES, duty, velocity)
    alone = [torque(FIGURES, one(d), one(v))[0] for d, v in zip(duty, velocity, strict=True)]
    np.testing.assert_array_equal(together, alone)


def test_weak_motors_and_low_batteries_give_less():
    weak, low = MotorFigures(strength=0.8), MotorFigures(voltage=14.0)
    assert torque(weak, one(1.0), one(0.0)) == pytest.approx(0.8 * 3.5)
    assert torque(low, one(0.1), one(0.0)) == pytest.approx(0.1 * 14.0 / 0.186 / 10.0)


def test_the_robot_reports_torque_from_the_duty_cycle_alone():
    assert observed_torque(FIGURES, one(0.1)) == pytest.approx(0.1 * 0.0954 * 16.0 / 0.186)
    assert observed_torque(FIGURES, one(-1.0)) == pytest.approx(-5.7)


@pytest.mark.parametrize('wrong', [{'voltage': 0.0}, {'kp': -1.0}, {'strength': float('nan')}])
def test_figures_that_cannot_be_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MotorFigures(**wrong)


# Memory: heat and latency


def motors(dead_time=0.0, sensor_delay=0.0, n=1):
    made = Motors(STEP, sensor_delay)
    made.reset(np.zeros(n), FIGURES, dead_time)
    return made


def test_a_motor_above_its_lasting_torque_for_a_second_switches_off_until_reset():
    both = motors(n=2)
    both.hold(np.array([0.5, 0.1]))  # stalled: 3.08 N m and 0.86 N m
    steps = 0
    while not both.overheated:
        both.step(np.zeros(2), np.zeros(2))
        steps += 1
        assert steps < 600
    assert steps == pytest.approx(500, abs=1)
    np.testing.assert_allclose(both.step(np.zeros(2), np.zeros(2)), [0.0, 0.8602], atol=1e-4)
    assert both.overheated == (0,)
    assert both.reported()[0] == 0.0
    both.hold(np.array([0.1, 0.1]))
    assert both.step(np.zeros(2), np.zeros(2))[0] == 0.0
    both.reset(np.zeros(2), FIGURES, 0.0)
    both.hold(np.array([0.1, 0.1]))
    assert both.step(np.zeros(2), np.zeros(2))[0] > 0.8


def test_a_pause_cools_a_motor():
    motor = motors()
    for _ in range(3):
        motor.hold(one(0.5))
        for _ in range(400):
            motor.step(one(0.0), one(0.0))
        motor.hold(one(0.0))
        motor.step(one(0.0), one(0.0))
    assert not motor.overheated


def test_a_command_counts_after_the_dead_time_and_in_order():
    motor = motors(dead_time=0.02)
    motor.aim(one(0.1))
    felt = []
    for step in range(25):
        if step == 5:
            motor.aim(one(0.2))
        felt.append(motor.step(one(0.0), one(0.0))[0] > 0.0)
        if step >= 15:
            assert motor.duty[0] == pytest.approx(0.2)
    assert felt.index(True) == 10
    assert all(felt[10:])


def test_holding_drops_commands_that_are_on_their_way():
    motor = motors(dead_time=0.02)
    motor.aim(one(0.5))
    motor.hold(one(0.0))
    assert all(motor.step(one(0.0), one(0.0))[0] == 0.0 for _ in range(20))


@pytest.mark.parametrize('delay', [0.0, 0.002, 0.003, 0.005])
def test_the_loop_sees_the_joint_as_it_was_before_the_delay(delay):
    motor = motors(sensor_delay=delay)
    for k in range(20):
        motor.step(one(0.01 * k), one(0.0))
        if k >= 4:
            assert motor.duty[0] == pytest.approx(-0.01 * (k - delay / STEP), abs=1e-9)


def test_motors_that_are_off_give_no_torque_even_when_turned():
    motor = motors()
    motor.hold(one(0.3))
    motor.off()
    assert motor.step(one(0.0), one(20.0))[0] == 0.0
    assert motor.reported()[0] == 0.0
