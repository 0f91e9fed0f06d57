# SPDX-License-Identifier: Apache-2.0
"""Whether the robot may move: enabled, stopped, in error; and how it gets from one to another.

Transitions of the assembly interface of RethinkRobotics/sawyer_simulator (156bf12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


class EstopSource(IntEnum):
    """Who stopped the robot (RobotAssemblyState.ESTOP_SOURCE_*)."""

    NONE = 0
    USER = 1
    UNKNOWN = 2
    FAULT = 3


@dataclass(frozen=True)
class AssemblyState:
    """State of the whole robot (RobotAssemblyState.msg); each method gives the next one."""

    homed: bool = True
    ready: bool = True
    enabled: bool = True
    stopped: bool = False
    error: bool = False
    estop_source: EstopSource = EstopSource.NONE

    @property
    def can_move(self) -> bool:
        """Whether motors follow commands; otherwise the brakes hold the arm."""
        return self.enabled and not self.stopped and not self.error

    @property
    def hindrance(self) -> str:
        """What keeps the robot from moving, in words; empty if nothing does."""
        if self.error:
            return 'in error'
        if self.stopped:
            return 'stopped'
        return '' if self.enabled else 'disabled'

    @property
    def why_not(self) -> str:
        """The hindrance, and by which topic of the Sawyer it ends."""
        if self.error or self.stopped:
            return f'{self.hindrance} (clear it with set_super_reset, then set_super_enable)'
        return '' if self.enabled else f'{self.hindrance} (send true to set_super_enable)'

    def enable(self) -> AssemblyState:
        """Clear everything."""
        return AssemblyState()

    def disable(self) -> AssemblyState:
        """Apply the brakes; a stop or an error stays."""
        return replace(self, enabled=False)

    def stop(self) -> AssemblyState:
        """Stop as by an emergency stop, until reset or enable."""
        return AssemblyState(
            ready=False, enabled=False, stopped=True, estop_source=EstopSource.UNKNOWN
        )

    def fault(self) -> AssemblyState:
        """Stop because of an error of the robot itself."""
        return AssemblyState(
            ready=False, enabled=False, stopped=True, error=True, estop_source=EstopSource.FAULT
        )

    def reset(self) -> AssemblyState:
        """Clear a stop or an error: a robot that was stopped is ready, but not yet enabled."""
        return AssemblyState(enabled=self.can_move)
