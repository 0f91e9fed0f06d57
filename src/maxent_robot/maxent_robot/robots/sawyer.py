# SPDX-License-Identifier: Apache-2.0
"""Rethink Robotics Sawyer: seven joints, 20 Hz torque policy under a 200 Hz guard.

Sources: position, velocity and effort limits and joint frames from sawyer_base.urdf.xacro
(RethinkRobotics/sawyer_robot at d1ef3d0); accelerations from sawyer_simulator at 156bf12; torque
range from mihdalal/sawyer_control, the interface of the soft Q-learning experiments.
"""

from __future__ import annotations

from math import pi

import numpy as np

from maxent_robot.kinematics import Frame, SerialChain
from maxent_robot.robot_spec import JointLimits, RobotSpec, WorkspaceBox

_LIMITS = JointLimits(
    joint_names=tuple(f'right_j{i}' for i in range(7)),
    position_lower=np.array([-3.0503, -3.8095, -3.0426, -3.0439, -2.9761, -2.9761, -4.7124]),
    position_upper=np.array([3.0503, 2.2736, 3.0426, 3.0439, 2.9761, 2.9761, 4.7124]),
    velocity=np.array([1.74, 1.328, 1.957, 1.957, 3.485, 3.485, 4.545]),
    acceleration=np.array([10.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.0]),
    effort=np.array([80.0, 80.0, 40.0, 40.0, 9.0, 9.0, 9.0]),
    command_effort=np.array([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]),
)

CHAIN = SerialChain(
    joints=(
        Frame((0.0, 0.0, 0.08), (0.0, 0.0, 0.0)),
        Frame((0.081, 0.05, 0.237), (-pi / 2, pi / 2, 0.0)),
        Frame((0.0, -0.14, 0.1425), (pi / 2, 0.0, 0.0)),
        Frame((0.0, -0.042, 0.26), (-pi / 2, 0.0, 0.0)),
        Frame((0.0, -0.125, -0.1265), (pi / 2, 0.0, 0.0)),
        Frame((0.0, 0.031, 0.275), (-pi / 2, 0.0, 0.0)),
        Frame((0.0, -0.11, 0.1053), (-pi / 2, -0.17453, 3.1416)),
    ),
    tip=Frame((0.0, 0.0, 0.0245), (0.0, 0.0, pi / 2)),  # link right_hand
)

# Every point of this box is reached within the soft limits (test_sawyer.py solves for them).
REACH_BOX = WorkspaceBox(lower=np.array([0.45, -0.25, 0.1]), upper=np.array([0.75, 0.25, 0.5]))

SAWYER = RobotSpec(
    name='sawyer',
    limits=_LIMITS,
    neutral=np.array([0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161]),
    start=np.array([-0.28, -1.2, 0.0, 1.9, 0.0, 0.87, 3.3161]),
    policy_effort=0.5 * _LIMITS.command_effort,
    # Extremes of 1 / (M^-1)_ii and of M_ii over 20,000 poses drawn evenly within the limits
    # (MuJoCo 4.0, sim_bridge/models/sawyer_reach.xml: URDF masses, armature 0.1), rounded
    # outwards. Summing menagerie's link inertias by hand gives the same within 4 %.
    inertia_min=np.array([0.30, 0.38, 0.13, 0.18, 0.11, 0.104, 0.10]),
    inertia_max=np.array([4.30, 2.80, 0.80, 0.60, 0.14, 0.11, 0.101]),
    chain=CHAIN,
    # sawyer_control keeps all links in x .3...7, y +-.4, z .2...7. Ours is for the tip alone and
    # holds the reach box with 0.06 m or more to each side for the wall spring to act in; its
    # floor lies 0.07 m above the simulated table (top at z = -0.03).
    box=WorkspaceBox(lower=np.array([0.3, -0.4, 0.04]), upper=np.array([0.85, 0.4, 0.7])),
    reach_box=REACH_BOX,
    # As large as the goal box of multiworld's sawyer_torque_reach, and as far in front of the arm;
    # 0.1 m higher, to keep off the floor of the safety box.
    goal_box=WorkspaceBox(lower=np.array([0.5, -0.1, 0.12]), upper=np.array([0.7, 0.1, 0.3])),
)
