# SPDX-License-Identifier: Apache-2.0
"""From a policy's action in [-1, 1] to a command in SI units, and back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import frozen_vector
from maxent_robot.types import CommandMode, Vector


@dataclass(frozen=True, eq=False)
class ActionMapping:
    """What an action means for the joints: command = offset + mixing (scale * action).

    With `reach`, a command leads the measured position by that much at most (ROBEL's speed limit:
    Ahn et al. 2019), so many actions may have one and the same effect. Raises ValueError unless
    scales and reach are above 0, offsets are finite and the mixing can be inverted.
    """

    mode: CommandMode
    joint_names: tuple[str, ...]
    scale: Vector  # (m,) N m, rad/s or rad, as the mode says
    offset: Vector | float = 0.0  # (m,) likewise
    mixing: NDArray[np.float64] | None = None  # (m, m), None: each number moves its own joint
    reach: float | None = None  # rad
    _unmixing: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        scale = frozen_vector('action scale', self.scale, self.size)
        offset = np.broadcast_to(np.asarray(self.offset, dtype=np.float64), (self.size,))
        object.__setattr__(self, 'scale', scale)
        object.__setattr__(self, 'offset', frozen_vector('action offset', offset, self.size))
        if not (np.isfinite(scale) & (scale > 0.0)).all():
            raise ValueError(f'every action scale must be finite and above 0, got {scale}')
        if not np.isfinite(offset).all():
            raise ValueError(f'every action offset must be finite, got {offset}')
        if self.reach is not None and not (np.isfinite(self.reach) and self.reach > 0.0):
            raise ValueError(f'action reach must be finite and above 0, is {self.reach}')
        mixing = np.eye(self.size) if self.mixing is None else np.array(self.mixing, np.float64)
        square = mixing.shape == (self.size, self.size) and np.isfinite(mixing).all()
        if not square or np.linalg.matrix_rank(mixing) < self.size:
            raise ValueError(f'action mixing must be invertible, {self.size} by {self.size}')
        if self.mixing is not None:
            mixing.setflags(write=False)
            object.__setattr__(self, 'mixing', mixing)
        object.__setattr__(self, '_unmixing', np.linalg.inv(mixing))

    @property
    def size(self) -> int:
        """Numbers in an action, m."""
        return len(self.joint_names)

    def to_values(self, action: NDArray[np.floating], position: Vector | None = None) -> Vector:
        """Return the command (m,) in SI units for an action (m,), clipped to [-1, 1].

        `position` (m,) is the measured one, needed by mappings with a reach. Raises ValueError if
        action or position have another shape or are not finite.
        """
        moved = np.clip(self._checked('action', action), -1.0, 1.0) * self.scale
        if self.mixing is not None:
            moved = self.mixing @ moved
        values: Vector = moved + self.offset
        if self.reach is None:
            return values
        if position is None:
            raise ValueError('an action with a reach needs the position at which it is chosen')
        here = self._checked('position', position)
        return np.clip(values, here - self.reach, here + self.reach)

    def to_normalised(self, values: Vector) -> NDArray[np.float32]:
        """Return the action (m,) in [-1, 1] for a command (m,) in SI units, clipped.

        Raises ValueError if the command has another shape or is not finite.
        """
        unmixed = self._unmixed(self._checked('command', values) - self.offset)
        normalised: NDArray[np.float32] = np.clip(unmixed, -1.0, 1.0).astype(np.float32)
        return normalised

    def executed(
        self, action: NDArray[np.floating], asked: Vector, applied: Vector
    ) -> NDArray[np.float32]:
        """Return the action (m,) in [-1, 1] that was executed.

        Args:
            action: (m,) that was chosen.
            asked: (m,) its command in SI units.
            applied: (m,) what the guard made of that.

        Raises:
            ValueError: one of them has another shape or is not finite.
        """
        if self.reach is None:
            return self.to_normalised(applied)
        change = self._checked('command', applied) - self._checked('command', asked)
        chosen = np.clip(self._checked('action', action), -1.0, 1.0)
        executed: NDArray[np.float32] = np.clip(chosen + self._unmixed(change), -1.0, 1.0).astype(
            np.float32
        )
        return executed

    def _unmixed(self, moved: Vector) -> Vector:
        if self.mixing is not None:
            moved = self._unmixing @ moved
        return moved / self.scale

    def _checked(self, what: str, numbers: NDArray[np.floating]) -> Vector:
        vector = np.asarray(numbers, dtype=np.float64)
        if vector.shape != (self.size,):
            raise ValueError(f'{what} must hold {self.size} numbers, has shape {vector.shape}')
        if not np.isfinite(vector).all():
            raise ValueError(f'{what} is not finite: {vector}')
        return vector
