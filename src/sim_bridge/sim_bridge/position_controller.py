# SPDX-License-Identifier: Apache-2.0
"""Joint commands of robots with position servos: a target per joint, and a time-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maxent_robot.robot_spec import JointLimits
from maxent_robot.types import CommandMode, Vector
from sim_bridge.assembly_state import AssemblyState

ROUNDING = 1e-6  # rad beyond a position limit that is no mistake of the sender


class PositionController:
    """Keeps the newest target (n,) in rad, in the order of `limits.joint_names`.

    Without commands for `timeout_ns` the robot holds its last target (`is_silent`): what it does
    after that is the robot's own affair. Times are integer nanoseconds of the robot's own clock.
    """

    def __init__(self, limits: JointLimits, position: Vector, timeout_ns: int) -> None:
        """Make an enabled robot that holds `position` (n,) in rad."""
        self._limits = limits
        self._index = {name: i for i, name in enumerate(limits.joint_names)}
        self.state = AssemblyState()
        self.timeout_ns = timeout_ns
        self.hold(position)

    def hold(self, position: Vector) -> None:
        """Forget all commands and hold this position (n,) in rad."""
        self.target = np.array(position, dtype=np.float64)
        self.command_ns: int | None = None

    def become(self, state: AssemblyState, position: Vector) -> None:
        """Take on a state; commands are forgotten and the present position (n,) is held."""
        self.state = state
        self.hold(position)

    def is_silent(self, now_ns: int) -> bool:
        """Whether a command had come, and none has for longer than the time-out."""
        return self.command_ns is not None and now_ns - self.command_ns > self.timeout_ns

    def command(
        self, now_ns: int, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Take a command; return None, or the reason why it is refused and nothing changed.

        `values` are rad, one for each joint in the order of `names`.
        """
        if not self.state.can_move:
            return f'the robot is {self.state.hindrance}'
        if mode != CommandMode.POSITION:
            return f'mode {mode} is unknown; known is {CommandMode.POSITION.value} (POSITION)'
        if len(names) != len(self._index) or set(names) != set(self._index):
            return f'joint names are {list(names)}, must be {list(self._index)} in any order'
        given = np.array(values, dtype=np.float64)
        if given.shape != (len(names),):
            return f'{len(names)} joints are named, but values has shape {given.shape}'
        if not np.isfinite(given).all():
            return f'values must be finite, are {given.tolist()}'
        target = np.empty_like(given)
        target[[self._index[name] for name in names]] = given
        low = self._limits.position_lower - ROUNDING
        high = self._limits.position_upper + ROUNDING
        for i in np.flatnonzero((target < low) | (target > high))[:1]:
            name = self._limits.joint_names[i]
            return f'{name} at {target[i]} rad is outside {low[i]:.4f}..{high[i]:.4f}'
        self.target, self.command_ns = target, now_ns
        return None
