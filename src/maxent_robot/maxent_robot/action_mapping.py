# SPDX-License-Identifier: Apache-2.0
"""From a policy's action in [-1, 1] to a command in SI units, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import frozen_vector
from maxent_robot.types import CommandMode, Vector


@dataclass(frozen=True, eq=False)
class ActionMapping:
    """What an action of 1 means for each joint. Raises ValueError unless scales are above 0."""

    mode: CommandMode
    joint_names: tuple[str, ...]
    scale: Vector  # (m,) N m, rad/s or rad, as the mode says

    def __post_init__(self) -> None:
        scale = frozen_vector('action scale', self.scale, len(self.joint_names))
        object.__setattr__(self, 'scale', scale)
        if not (np.isfinite(scale) & (scale > 0.0)).all():
            raise ValueError(f'every action scale must be finite and above 0, got {scale}')

    @property
    def size(self) -> int:
        """Numbers in an action, m."""
        return len(self.joint_names)

    def to_values(self, action: NDArray[np.floating]) -> Vector:
        """Return the command (m,) in SI units for an action (m,), clipped to [-1, 1].

        Raises ValueError if the action has another shape or is not finite.
        """
        checked = self._checked('action', action)
        return np.clip(checked, -1.0, 1.0) * self.scale

    def to_normalised(self, values: Vector) -> NDArray[np.float32]:
        """Return the action (m,) in [-1, 1] for a command (m,) in SI units, clipped.

        Raises ValueError if the command has another shape or is not finite.
        """
        checked = self._checked('command', values)
        normalised: NDArray[np.float32] = np.clip(checked / self.scale, -1.0, 1.0).astype(
            np.float32
        )
        return normalised

    def _checked(self, what: str, numbers: NDArray[np.floating]) -> Vector:
        vector = np.asarray(numbers, dtype=np.float64)
        if vector.shape != (self.size,):
            raise ValueError(f'{what} must hold {self.size} numbers, has shape {vector.shape}')
        if not np.isfinite(vector).all():
            raise ValueError(f'{what} is not finite: {vector}')
        return vector
