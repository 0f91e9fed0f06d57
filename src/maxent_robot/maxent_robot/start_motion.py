# SPDX-License-Identifier: Apache-2.0
"""When a robot that is driven to a start pose has arrived, and what to say if it does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import NANOSECONDS, RobotState, Vector

TIMEOUT_NS = 15 * NANOSECONDS


def settled(spec: RobotSpec, state: RobotState, start: Vector) -> bool:
    """Whether every joint is at the start pose (n,) and at rest, as nearly as the robot can."""
    near = np.abs(state.position - start) < spec.settled_position
    still = np.abs(state.velocity) < spec.settled_velocity
    return bool((near & still).all())


def timeout_reason(state: RobotState, start: Vector, joint_names: Sequence[str]) -> str:
    """Say which joint is farthest from the start pose after the timeout."""
    error = np.abs(state.position - start)
    worst = int(np.argmax(error))
    return (
        f'the start pose was not reached within {TIMEOUT_NS // NANOSECONDS} s: '
        f'{joint_names[worst]} is {error[worst]:.3f} rad away, the fastest joint moves at '
        f'{np.abs(state.velocity).max():.3f} rad/s; look for an obstacle or a stopped robot'
    )
