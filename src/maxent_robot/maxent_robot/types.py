# SPDX-License-Identifier: Apache-2.0
"""The few values that pass between robot, guard and policy. Times are integer nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Signals = Mapping[str, NDArray[Any]]  # what a robot tells besides its joints, by name

NANOSECONDS = 1_000_000_000


class CommandMode(IntEnum):
    """What the numbers of a command are. Values equal intera_core_msgs/JointCommand."""

    POSITION = 1  # rad
    VELOCITY = 2  # rad/s
    TORQUE = 3  # N m


class Level(IntEnum):
    """Rungs of the watchdog ladder, mildest first (AppliedCommand.LEVEL_*)."""

    NORMAL = 0
    HOLD = 1  # the newest action is late: hold it
    DAMP = 2  # brake
    RELAX = 3  # let go gently
    ESTOP = 4  # latched until a person clears it


@dataclass(frozen=True)
class JointSample:
    """One joint state as received, before any check: names and arrays may be anything."""

    stamp_ns: int
    names: tuple[str, ...]
    position: Vector  # rad
    velocity: Vector  # rad/s
    effort: Vector | None = None  # N m, as measured; None or empty: the robot tells none
    signals: Signals = field(default_factory=dict)  # see RobotSpec.signals


@dataclass(frozen=True)
class RobotState:
    """A checked joint state in the order of the robot's specification."""

    stamp_ns: int
    position: Vector  # (n,) rad
    velocity: Vector  # (n,) rad/s
    signals: Signals = field(default_factory=dict)  # see RobotSpec.signals


@dataclass(frozen=True)
class ActionSample:
    """A policy's action as received, before any check."""

    stamp_ns: int  # of the observation that it answers
    session_id: str
    seq: int
    skill: str
    policy_version: int
    mode: CommandMode
    names: tuple[str, ...]
    values: Vector  # SI units, one per name


@dataclass(frozen=True)
class Command:
    """What the guard gives the robot for one tick."""

    stamp_ns: int  # of the newest joint state that it is based on
    mode: CommandMode
    values: Vector  # (n,) SI units, in the order of the robot's specification


@dataclass(frozen=True)
class AppliedAction:
    """What became of one action over its control period (AppliedCommand.msg)."""

    stamp_ns: int
    session_id: str
    seq: int
    mode: CommandMode
    desired: Vector  # (n,)
    applied: Vector  # (n,) mean over `ticks`; in position mode the newest set-point
    ticks: int
    flags: int
    level: Level
