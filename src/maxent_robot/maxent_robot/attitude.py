# SPDX-License-Identifier: Apache-2.0
"""Roll, pitch, heading and axes of a body from its orientation."""

from __future__ import annotations

from math import asin, atan2

import numpy as np

from maxent_robot.types import Vector


def roll_and_pitch(quaternion: Vector) -> tuple[float, float]:
    """Roll and pitch in rad of a unit quaternion (4,) w, x, y, z (z-y'-x'' angles, REP 103)."""
    w, x, y, z = (float(number) for number in quaternion)
    roll = atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    pitch = asin(min(1.0, max(-1.0, 2.0 * (w * y - z * x))))
    return roll, pitch


def yaw(quaternion: Vector) -> float:
    """Yaw in rad, left is positive, of a unit quaternion (4,) w, x, y, z (REP 103)."""
    w, x, y, z = (float(number) for number in quaternion)
    return atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def rotation(quaternion: Vector) -> Vector:
    """Matrix (3, 3) that turns a body's vectors into the world's, of a unit quaternion (4,)."""
    w, x, y, z = (float(number) for number in quaternion)
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )
