# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics and Jacobian of a serial arm, in numpy alone.

A chain is a list of fixed frames as URDF writes them (xyz in metres, fixed-axis roll-pitch-yaw in
radians); a hinge turns about z of each. Written for control loops: position and Jacobian of a
seven-joint arm take some tens of microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, sin

import numpy as np

from maxent_robot.types import Vector


@dataclass(frozen=True)
class Frame:
    """A fixed transform to the parent, URDF convention: p_parent = Rz(y) Ry(p) Rx(r) p + xyz."""

    xyz: tuple[float, float, float]  # m
    rpy: tuple[float, float, float]  # rad

    def matrix(self) -> Vector:
        """Return the homogeneous transform (4, 4)."""
        (cr, sr), (cp, sp), (cy, sy) = ((cos(a), sin(a)) for a in self.rpy)
        transform = np.eye(4)
        transform[:3, :3] = [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
        transform[:3, 3] = self.xyz
        if not np.isfinite(transform).all():
            raise ValueError(f'the frame {self} is not finite')
        return transform


class SerialChain:
    """n hinges in a row and a tip that is fixed to the last link. Holds no state."""

    def __init__(self, joints: Sequence[Frame], tip: Frame) -> None:
        """Take the frame of each hinge relative to the link before it, and the tip's frame.

        Raises ValueError if there is no joint or a frame is not finite.
        """
        if not joints:
            raise ValueError('a serial chain needs at least one joint')
        self._fixed = np.stack([frame.matrix() for frame in joints])
        self._tip = tip.matrix()

    @property
    def joints(self) -> int:
        """Number of hinges, n."""
        return len(self._fixed)

    def tip(self, q: Vector) -> Vector:
        """Return the tip's position (3,) in m, base frame, at joint angles q (n,) in rad."""
        return self.tip_pose(q)[0]

    def tip_pose(self, q: Vector) -> tuple[Vector, Vector]:
        """Return position (3,) in m and rotation (3, 3) of the tip in the base frame at q (n,)."""
        pose = self._link_frames(q)[-1] @ self._tip
        return pose[:3, 3].copy(), pose[:3, :3].copy()

    def jacobian(self, q: Vector) -> Vector:
        """Return the derivative (3, n) in m/rad of the tip's position by the joint angles."""
        return self.tip_and_jacobian(q)[1]

    def tip_and_jacobian(self, q: Vector) -> tuple[Vector, Vector]:
        """Return position (3,) and Jacobian (3, n): column i is z_i x (tip - origin_i)."""
        frames = self._link_frames(q)
        tip = (frames[-1] @ self._tip)[:3, 3].copy()
        z = frames[:, :3, 2].T
        arm = tip[:, None] - frames[:, :3, 3].T
        jacobian = np.empty_like(z)  # by hand: np.cross is several times slower on small arrays
        jacobian[0] = z[1] * arm[2] - z[2] * arm[1]
        jacobian[1] = z[2] * arm[0] - z[0] * arm[2]
        jacobian[2] = z[0] * arm[1] - z[1] * arm[0]
        return tip, jacobian

    def _link_frames(self, q: Vector) -> Vector:
        """Return the pose (n, 4, 4) of each link in the base frame; z is its hinge's axis."""
        q = np.asarray(q, dtype=np.float64)
        if q.shape != (self.joints,):
            raise ValueError(f'the chain has {self.joints} joints, got angles of shape {q.shape}')
        c, s = np.cos(q)[:, None], np.sin(q)[:, None]
        frames = self._fixed.copy()
        frames[:, :, 0] = c * self._fixed[:, :, 0] + s * self._fixed[:, :, 1]
        frames[:, :, 1] = c * self._fixed[:, :, 1] - s * self._fixed[:, :, 0]
        for i in range(1, len(frames)):
            frames[i] = frames[i - 1] @ frames[i]
        return frames
