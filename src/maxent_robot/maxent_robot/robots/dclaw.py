# SPDX-License-Identifier: Apache-2.0
"""ROBEL's D'Claw: three fingers of three servos above a valve, 10 Hz position policy.

Sources: joint names, task ranges, reset pose and rates from google-research/robel at 5b0fd37;
speed and torque from the data sheet of the servo, a Dynamixel XM430-W210 at 12 V.
"""

from __future__ import annotations

from math import pi

import numpy as np

from maxent_robot.robot_spec import JointLimits, RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.types import CommandMode, Vector

VALVE = 'valve_OBJRx'  # joint of the valve, which no motor turns
FINGERS = 3
IMAGE_SHAPE = (32, 32, 3)  # rows, columns, RGB of the signal 'camera'


def _three(top: float, middle: float, bottom: float) -> Vector:
    """The same three numbers for each finger (9,), read-only."""
    numbers = np.tile([top, middle, bottom], FINGERS)
    numbers.setflags(write=False)
    return numbers


# What a task's action of -1 and 1 means, rad (ROBEL). The soft limits hold all of it.
TASK_UPPER = _three(0.48, pi / 3, pi / 2)
TASK_LOWER = _three(-0.48, -pi / 3, -pi / 2)

_START = _three(0.0, -pi / 3, pi / 3)  # fingers spread: they touch no lobe at any valve angle

DCLAW = RobotSpec(
    name='dclaw',
    limits=JointLimits(
        joint_names=tuple(
            f'{finger}J{joint}'
            for finger, first in (('FF', 10), ('MF', 20), ('TH', 30))
            for joint in range(first, first + 3)
        ),
        position_lower=_three(-0.6, -2.0, -2.0),
        position_upper=_three(0.6, 2.0, 2.0),
        velocity=np.full(9, 8.1),  # without load
        acceleration=np.full(9, 200.0),
        effort=np.full(9, 3.0),  # stalled
        command_effort=np.full(9, 1.0),
    ),
    neutral=_START,
    start=_START,
    policy_effort=np.full(9, 0.5),  # no torque mode: named for completeness
    # Extremes of 1 / (M^-1)_ii and of M_ii over 5,000 poses drawn evenly within the limits (MuJoCo
    # 4.0, sim_bridge/models/dclaw.xml: armature 0.001), rounded outwards.
    inertia_min=_three(0.0014, 0.0013, 0.001),
    inertia_max=_three(0.0043, 0.0019, 0.0012),
    soft_margin=0.05,
    guard_period_ns=10_000_000,
    policy_period_ns=100_000_000,
    command_timeout_s=0.5,
    command_modes=(CommandMode.POSITION,),
    # valve: angle in rad (it grows beyond a turn) and velocity in rad/s; camera: 0..255
    signals={'valve': 2, 'camera': int(np.prod(IMAGE_SHAPE))},
    guard=GuardConfig(
        velocity_fraction=0.35,  # 2.8 rad/s; ROBEL's tasks move targets at 2.1 rad/s
        acceleration_fraction=0.5,
        # A blocked joint is noticed at 75 % of the leash, 0.225 rad: more than the 0.209 rad that
        # ROBEL's tasks put targets ahead of a joint, so pushing at the valve is no fault.
        leash=0.3,
        # Those targets ask for 0.42 N m of ROBEL's servo (2 N m/rad), 0.63 of its stiffest (3).
        overload_effort=0.8,
        overload_time=0.5,
        state_period=0.01,
        tracking_error=0.5,
    ),
    resets_itself=False,  # somebody must turn the valve
    settled_position=0.1,  # the servo gives way to gravity by 0.03 rad
    settled_velocity=0.2,
)
