# SPDX-License-Identifier: Apache-2.0
"""Ghost Robotics Minitaur: eight direct-drive motors, two to each five-bar leg.

A motor angle counts from its upper link pointing up; the two upper links of a leg turn in opposite
directions, so that equal angles fold or stretch the leg along the vertical. Extension is their
mean (0 folded, pi/2 upper links horizontal, pi straight), swing half their difference; **swing
above 0 moves the foot backward**, on all legs.

Sources: angles, motor order and signs from pybullet's minitaur_reactive_env and
minitaur_rainbow_dash.urdf (3.2.7, the robot of Tan et al., arXiv 1804.10332); link lengths from
Ghost's firmware; torque, overheating and control step from pybullet's motor.py and minitaur.py.
"""

from __future__ import annotations

from math import pi

import numpy as np

from maxent_robot.robot_spec import JointLimits, RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.types import CommandMode, Vector

LEGS = ('FL', 'BL', 'FR', 'BR')  # front left, back left, front right, back right
UPPER_LENGTH = 0.1  # m, motor axis to knee
LOWER_LENGTH = 0.2  # m, knee to the pin that joins both lower links
# m in the body frame: where the motors of the legs have their axes, in the order of LEGS.
HIPS = np.array([[x, y, -0.0185] for y in (0.1265, -0.1265) for x in (0.2375, -0.2375)])
HIPS.setflags(write=False)
TOE_LENGTH = 0.028  # m, by which the toe's centre lies beyond the pin on the aft lower link


def _motors_from_legs() -> Vector:
    """Matrix (8, 8) that makes motor angles from [swing (4,), extension (4,)]."""
    matrix = np.zeros((8, 8))
    for leg in range(4):
        sign = (-1.0) ** (leg // 2)  # the motors of a right leg are mounted the other way round
        matrix[2 * leg, [leg, 4 + leg]] = -sign, 1.0
        matrix[2 * leg + 1, [leg, 4 + leg]] = sign, 1.0
    matrix.setflags(write=False)
    return matrix


def _inverse(matrix: Vector) -> Vector:
    """Inverse (8, 8) of a matrix whose columns are orthogonal and have the length sqrt(2)."""
    inverse = 0.5 * matrix.T
    inverse.setflags(write=False)
    return inverse


MOTORS_FROM_LEGS = _motors_from_legs()  # motors = this @ [swing (4,), extension (4,)]
LEGS_FROM_MOTORS = _inverse(MOTORS_FROM_LEGS)  # its inverse


def motor_angles(swing: Vector, extension: Vector) -> Vector:
    """Return motor angles (8,) in rad of swing and extension (4,) in rad, one per leg."""
    motors: Vector = MOTORS_FROM_LEGS @ np.concatenate([swing, extension])
    return motors


def legs(motors: Vector) -> tuple[Vector, Vector]:
    """Return swing and extension (4,) in rad of motor angles (8,) in rad."""
    both = LEGS_FROM_MOTORS @ motors
    return both[:4], both[4:]


def leg_length(extension: Vector) -> Vector:
    """Return the distance in m from motor axis to pin, of extensions (any shape) in rad."""
    along = UPPER_LENGTH * np.cos(extension)
    across = UPPER_LENGTH * np.sin(extension)
    return np.asarray(np.sqrt(LOWER_LENGTH**2 - across**2) - along)


def toe_offset(swing: Vector, extension: Vector) -> Vector:
    """Return where toes are from their motor axes, in the body frame: (..., 2) x and z in m.

    The toe is the end of the aft lower link, beyond the pin: a little ahead of the leg's line.
    """
    length = leg_length(extension)
    beyond = TOE_LENGTH / LOWER_LENGTH
    ahead = beyond * UPPER_LENGTH * np.sin(extension)
    down = length + beyond * (length + UPPER_LENGTH * np.cos(extension))
    sine, cosine = np.sin(swing), np.cos(swing)
    return np.stack([cosine * ahead - sine * down, -sine * ahead - cosine * down], axis=-1)


def knee_angles(extension: Vector) -> Vector:
    """Return the knee angle in rad that closes a leg, of extensions (any shape) in rad.

    Both knees of a leg have it; it is 0 at an extension of pi/2 and falls as the leg stretches.
    """
    lean = np.arcsin(UPPER_LENGTH / LOWER_LENGTH * np.sin(extension))
    return np.asarray(lean - extension + pi / 3.0)


_ONES = np.ones(8)

MINITAUR = RobotSpec(
    name='minitaur',
    limits=JointLimits(
        joint_names=tuple(str(motor) for motor in range(8)),
        # The motors could turn for ever. Below 0.4 the upper links meet; 3.3 is what extension 2.6
        # with swing 0.6 needs, margin included. Both motors of a leg up there would overstretch
        # it (extension above pi): a box of motor angles cannot exclude that, a task's actions can.
        position_lower=0.4 * _ONES,
        position_upper=3.3 * _ONES,
        velocity=100.0 * _ONES,  # no-load speed is 168 rad/s at 16 V, walking needs 20
        acceleration=10_000.0 * _ONES,  # a set-point is there well within a policy period
        effort=3.5 * _ONES,
        command_effort=3.5 * _ONES,
    ),
    neutral=motor_angles(np.zeros(4), np.full(4, 2.0)),
    start=motor_angles(np.zeros(4), np.full(4, 2.0)),
    policy_effort=1.75 * _ONES,  # would matter to torque skills only, of which there are none
    # Of closed legs in the air, body floating: extremes over 5,000 poses drawn evenly within the
    # limits (MuJoCo 4.0, sim_bridge/models/minitaur.xml), rounded outwards.
    inertia_min=5.5e-4 * _ONES,
    inertia_max=2.5e-3 * _ONES,
    soft_margin=0.1,
    guard_period_ns=6_000_000,
    policy_period_ns=48_000_000,
    command_timeout_s=0.5,
    command_modes=(CommandMode.POSITION,),
    # imu: quaternion w x y z, angular velocity rad/s and linear acceleration m/s^2 in the body
    # frame, gravity's reaction included. odometry: position m and quaternion in the world, linear
    # velocity m/s and angular velocity rad/s in the body frame.
    signals={'imu': 10, 'odometry': 13},
    guard_signals=('imu',),
    guard=GuardConfig(
        velocity_fraction=0.7,
        acceleration_fraction=0.5,
        # Far, or the set-point follows a leg that gives way under load and it never rises again.
        leash=1.0,
        # The robot reports torque as if it grew with the current for ever: 2.86 N m means 30 A,
        # in truth the 2.45 N m that a motor stands for a second only.
        overload_effort=2.86,
        overload_time=1.0,
        state_period=0.006,
        tracking_error=0.9,
        attitude_limit=0.8,
    ),
    rest=motor_angles(np.zeros(4), np.full(4, 0.9)),  # sits
    resets_itself=False,  # it may lie on its back
    settled_position=0.2,  # the legs of a standing robot give way by 0.15 rad
    settled_velocity=0.5,
)
