# SPDX-License-Identifier: Apache-2.0
"""Workspace box around the tip: springs at its faces, by the transposed Jacobian (P6-T 5)."""

from __future__ import annotations

from math import isfinite

from maxent_robot.kinematics import SerialChain
from maxent_robot.robot_spec import WorkspaceBox
from maxent_robot.types import Vector

RAMP = 0.01  # m: the damping grows over this depth, so that the push is continuous at the face
SHARE = 0.5  # of command_effort: most that the push may take


class WorkspaceSpring:
    """Torques that push the tip back into a box. Holds figures, no state."""

    def __init__(
        self,
        chain: SerialChain,
        box: WorkspaceBox,
        effort: Vector,
        stiffness: float,
        damping: float,
    ) -> None:
        """Take the chain, its box (m, base frame), command_effort (n,) and N/m, N s/m."""
        self._chain = chain
        self._faces = tuple(zip(box.lower.tolist(), box.upper.tolist(), strict=True))
        self._most = (SHARE * effort).tolist()
        self._stiffness = stiffness
        self._damping = damping

    def push(self, q: Vector, v: Vector) -> tuple[list[float] | None, float]:
        """Torques (n,) in N m at q (n,), v (n,), None inside the box; and the depth outside (m).

        F = -k depth - d v_n min(1, depth / RAMP) along each violated axis, tau = J^T F, scaled as
        a whole so that no joint gets more than half its command_effort. Raises ArithmeticError if
        the kinematics gives no finite torque.
        """
        tip = self._chain.tip(q).tolist()
        if not all(map(isfinite, tip)):
            raise ArithmeticError(f'the tip is at {tip}')
        outside = [
            x - high if x > high else x - low if x < low else 0.0
            for x, (low, high) in zip(tip, self._faces, strict=True)
        ]
        deepest = max(abs(depth) for depth in outside)
        if deepest == 0.0:
            return None, 0.0
        jacobian = self._chain.jacobian(q)
        speed = (jacobian @ v).tolist()
        force = [
            -self._stiffness * depth - self._damping * s * min(1.0, abs(depth) / RAMP)
            for depth, s in zip(outside, speed, strict=True)
        ]
        torque = (jacobian.T @ force).tolist()
        if not all(map(isfinite, torque)):
            raise ArithmeticError(f'the push of the workspace box is {torque}')
        excess = max(abs(t) / most for t, most in zip(torque, self._most, strict=True))
        scale = 1.0 / excess if excess > 1.0 else 1.0
        return [scale * t for t in torque], deepest
