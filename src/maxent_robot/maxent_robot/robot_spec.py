# SPDX-License-Identifier: Apache-2.0
"""What a robot is and may do: limits, poses, rates and workspace, as plain validated data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from maxent_robot.kinematics import SerialChain
from maxent_robot.safety.config import GuardConfig
from maxent_robot.types import CommandMode, Vector


class LimitsError(ValueError):
    """A limit or another figure of a robot is missing, not finite or contradicts another."""


def frozen_vector(name: str, values: Sequence[float] | Vector, size: int) -> Vector:
    """Return a read-only float64 copy (size,); LimitsError if the shape is another."""
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (size,):
        raise LimitsError(f'{name} must hold {size} numbers, has shape {vector.shape}')
    vector.setflags(write=False)
    return vector


def _require(
    name: str, labels: Sequence[str], vector: Vector, ok: NDArray[np.bool_], rule: str
) -> None:
    """Raise LimitsError naming the first entry of vector that breaks the rule."""
    for label, value, fine in zip(labels, vector, ok, strict=True):
        if not fine:
            raise LimitsError(f'{name} of {label} is {value}: {rule}')


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits per joint. Sequences given are kept as read-only float64 arrays (n,).

    Raises LimitsError naming joint and value unless all are finite, lower < upper, the others
    are above 0 and command_effort <= effort.
    """

    joint_names: tuple[str, ...]
    position_lower: Vector  # rad, hard
    position_upper: Vector  # rad, hard
    velocity: Vector  # rad/s
    acceleration: Vector  # rad/s^2
    effort: Vector  # N m, what the hardware stands
    command_effort: Vector  # N m, most that the guard lets through

    def __post_init__(self) -> None:
        names = tuple(self.joint_names)
        object.__setattr__(self, 'joint_names', names)
        if not names or len(set(names)) != len(names) or not all(names):
            raise LimitsError(f'joint names must be unique and not empty, got {names}')
        for item in fields(self)[1:]:
            vector = frozen_vector(item.name, getattr(self, item.name), len(names))
            object.__setattr__(self, item.name, vector)
            _require(item.name, names, vector, np.isfinite(vector), 'must be finite')
            if item.name not in ('position_lower', 'position_upper'):
                _require(item.name, names, vector, vector > 0.0, 'must be above 0')
        lower, upper = self.position_lower, self.position_upper
        _require('position_lower', names, lower, lower < upper, 'must be below position_upper')
        effort, command = self.effort, self.command_effort
        _require('command_effort', names, command, command <= effort, 'must not exceed effort')


@dataclass(frozen=True, eq=False)
class WorkspaceBox:
    """An axis-parallel box in the robot's base frame, metres."""

    lower: Vector  # (3,)
    upper: Vector  # (3,)

    def __post_init__(self) -> None:
        axes = ('x', 'y', 'z')
        for name in ('lower', 'upper'):
            vector = frozen_vector(name, getattr(self, name), 3)
            object.__setattr__(self, name, vector)
            _require(f'box {name}', axes, vector, np.isfinite(vector), 'must be finite')
        _require('box lower', axes, self.lower, self.lower < self.upper, 'must be below upper')

    def contains(self, point: Vector) -> bool:
        """Whether a point (3,) lies inside or on the box; False for NaN."""
        return bool(np.all((point >= self.lower) & (point <= self.upper)))


@dataclass(frozen=True, eq=False)
class RobotSpec:
    """A robot as the guard, the tasks and the bridge know it. n is the number of joints.

    Raises LimitsError naming the joint and the value of a figure that cannot be.
    """

    name: str
    limits: JointLimits
    neutral: Vector  # (n,) rad, the maker's resting pose
    start: Vector  # (n,) rad, where reaching episodes start
    policy_effort: Vector  # (n,) N m, torque that an action of 1 asks for
    inertia_min: Vector  # (n,) kg m^2, least effective inertia 1 / (M^-1)_ii, armature included
    inertia_max: Vector  # (n,) kg m^2, largest M_ii, armature included
    soft_margin: float = 0.1  # rad, soft limits lie this far inside the hard ones
    guard_period_ns: int = 5_000_000
    policy_period_ns: int = 50_000_000
    command_timeout_s: float = 0.1  # the robot falls back to its own hold without commands
    command_modes: tuple[CommandMode, ...] = (CommandMode.POSITION, CommandMode.TORQUE)
    signals: Mapping[str, int] = field(default_factory=dict)  # name and size of each, SI units
    guard_signals: tuple[str, ...] = ()  # those that the guard must see
    guard: GuardConfig = field(default_factory=GuardConfig)  # its figures for this robot
    rest: Vector | None = None  # (n,) rad, pose to sink into on rung RELAX; None: stay
    resets_itself: bool = True  # a motion to the start pose is all that an episode needs
    settled_position: float = 0.05  # rad from a start pose that counts as there, every joint
    settled_velocity: float = 0.05  # rad/s, likewise
    chain: SerialChain | None = None  # base frame to the tip
    box: WorkspaceBox | None = None  # the guard keeps the tip in here
    reach_box: WorkspaceBox | None = None  # all of it can be reached within the soft limits
    goal_box: WorkspaceBox | None = None  # random reach goals are drawn from here

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of every array (n,) of this robot."""
        return self.limits.joint_names

    @property
    def soft_lower(self) -> Vector:
        """Lower soft position limit (n,) in rad."""
        return self.limits.position_lower + self.soft_margin

    @property
    def soft_upper(self) -> Vector:
        """Upper soft position limit (n,) in rad."""
        return self.limits.position_upper - self.soft_margin

    def __post_init__(self) -> None:
        names = self.joint_names
        vectors = ('neutral', 'start', 'policy_effort', 'inertia_min', 'inertia_max')
        for name in vectors:
            vector = frozen_vector(name, getattr(self, name), len(names))
            object.__setattr__(self, name, vector)
            _require(name, names, vector, np.isfinite(vector), 'must be finite')
        self._check_scalars()
        poses: tuple[str, ...] = ('neutral', 'start')
        if self.rest is not None:
            object.__setattr__(self, 'rest', frozen_vector('rest', self.rest, len(names)))
            poses = (*poses, 'rest')
        for name in poses:
            pose = getattr(self, name)
            inside = (pose >= self.soft_lower) & (pose <= self.soft_upper)
            _require(name, names, pose, inside, 'must lie within the soft limits')
        effort, command = self.policy_effort, self.limits.command_effort
        fine = (effort > 0.0) & (effort <= command)
        _require('policy_effort', names, effort, fine, 'must be above 0, at most command_effort')
        low, high = self.inertia_min, self.inertia_max
        _require('inertia_min', names, low, (low > 0.0) & (low <= high), 'must be in (0, max]')
        if self.chain is not None and self.chain.joints != len(names):
            raise LimitsError(f'the chain has {self.chain.joints} joints, not {len(names)}')

    def _check_scalars(self) -> None:
        margin, widths = self.soft_margin, self.limits.position_upper - self.limits.position_lower
        fits = widths > 2.0 * margin
        _require('position range', self.joint_names, widths, fits, f'soft_margin is {margin}')
        if not margin > 0.0:
            raise LimitsError(f'soft_margin must be above 0 rad, is {margin}')
        if not 0 < self.guard_period_ns <= self.policy_period_ns:
            raise LimitsError(
                'periods must satisfy 0 < guard_period_ns <= policy_period_ns, are '
                f'{self.guard_period_ns} and {self.policy_period_ns}'
            )
        if self.policy_period_ns % self.guard_period_ns:
            raise LimitsError(
                f'policy_period_ns {self.policy_period_ns} must be a multiple of '
                f'guard_period_ns {self.guard_period_ns}'
            )
        if not self.guard_period_ns * 1e-9 < self.command_timeout_s <= 1.0:
            raise LimitsError(
                f'command_timeout_s must lie between the guard period and 1 s, is '
                f'{self.command_timeout_s}'
            )
        if not self.command_modes:
            raise LimitsError('command_modes must name at least one mode')
        unknown = [name for name in self.guard_signals if name not in self.signals]
        if unknown:
            raise LimitsError(f'guard_signals {unknown} are not among {list(self.signals)}')
