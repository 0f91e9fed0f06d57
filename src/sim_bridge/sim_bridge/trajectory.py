# SPDX-License-Identifier: Apache-2.0
"""Joint trajectories as pure computation: check, interpolate, judge progress against tolerances.

Meaning of tolerances and error codes: control_msgs/action/FollowJointTrajectory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
import math

import numpy as np

from maxent_robot.robot_spec import JointLimits
from maxent_robot.types import NANOSECONDS, Vector

DEFAULT_GOAL_TOLERANCE = 0.02  # rad
DEFAULT_GOAL_TIME_NS = 2 * NANOSECONDS  # after the last point, for the goal tolerance to be met
START_TOLERANCE = 0.1  # rad between the arm and a first point at time 0


class ErrorCode(IntEnum):
    """Result codes of FollowJointTrajectory."""

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5


class TrajectoryError(ValueError):
    """A trajectory that cannot be followed; `code` is for the action's result."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        """Keep code and reason."""
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, eq=False)
class Waypoint:
    """A point of a trajectory, in the order of the trajectory's joint names."""

    time_ns: int  # from the start
    position: Vector  # rad
    velocity: Vector | None = None  # rad/s; None: chosen for a smooth passage


@dataclass(frozen=True, eq=False)
class Tolerances:
    """How far the arm may be off, per joint (n,) in rad; infinity: not judged."""

    path: Vector
    goal: Vector
    goal_time_ns: int = DEFAULT_GOAL_TIME_NS


class Trajectory:
    """Piecewise cubic path of n joints from where the arm is, at rest, through the waypoints."""

    def __init__(
        self,
        limits: JointLimits,
        start: Vector,
        names: Sequence[str],
        waypoints: Sequence[Waypoint],
    ) -> None:
        """Take the present position `start` (n,) in the order of limits.joint_names.

        Raises TrajectoryError naming the joint or point that is wrong.
        """
        joints = limits.joint_names
        if len(names) != len(joints) or set(names) != set(joints):
            raise TrajectoryError(
                ErrorCode.INVALID_JOINTS,
                f'joint names are {list(names)}, must be {list(joints)} in any order',
            )
        order = [list(names).index(joint) for joint in joints]
        points = _checked(waypoints, len(joints))
        if points[0].time_ns == 0:
            away = float(np.max(np.abs(points[0].position[order] - start)))
            if away > START_TOLERANCE:
                raise _invalid(f'the first point, at time 0, is {away:.3f} rad from the arm')
            points = points[1:]
        if not points:
            raise _invalid('no point lies after time 0')
        self._times = np.array([0, *(p.time_ns for p in points)]) / NANOSECONDS
        self._positions: Vector = np.array([start, *(p.position[order] for p in points)])
        self._velocities = _velocities(self._times, self._positions, points, order)
        self.duration_ns = points[-1].time_ns
        self._check_limits(limits)

    @property
    def goal(self) -> Vector:
        """Last position (n,) in rad."""
        return np.array(self._positions[-1])

    def sample(self, elapsed_ns: int) -> tuple[Vector, Vector]:
        """Position (n,) in rad and velocity (n,) in rad/s, at rest after the end."""
        if elapsed_ns >= self.duration_ns:
            return self.goal, np.zeros_like(self._positions[-1])
        t = max(elapsed_ns, 0) / NANOSECONDS
        i = int(np.searchsorted(self._times, t, side='right')) - 1
        h = float(self._times[i + 1] - self._times[i])
        s = (t - float(self._times[i])) / h
        p0, p1 = self._positions[i], self._positions[i + 1]
        v0, v1 = self._velocities[i] * h, self._velocities[i + 1] * h
        # cubic Hermite polynomial
        position = (
            (2 * s**3 - 3 * s**2 + 1) * p0
            + (s**3 - 2 * s**2 + s) * v0
            + (3 * s**2 - 2 * s**3) * p1
            + (s**3 - s**2) * v1
        )
        slope = (
            (6 * s**2 - 6 * s) * (p0 - p1) + (3 * s**2 - 4 * s + 1) * v0 + (3 * s**2 - 2 * s) * v1
        )
        return position, slope / h

    def _check_limits(self, limits: JointLimits) -> None:
        for elapsed in np.linspace(0, self.duration_ns, 50 * len(self._times), dtype=np.int64):
            position, velocity = self.sample(int(elapsed))
            outside = (position < limits.position_lower) | (position > limits.position_upper)
            fast = np.abs(velocity) > limits.velocity
            at = f'at {elapsed / NANOSECONDS:.2f} s'
            for i in np.flatnonzero(outside)[:1]:
                name, angle = limits.joint_names[i], position[i]
                raise _invalid(f'{name} would leave its range {at}: {angle:.3f} rad')
            for i in np.flatnonzero(fast)[:1]:
                name, speed, most = limits.joint_names[i], abs(velocity[i]), limits.velocity[i]
                raise _invalid(f'{name} would move at {speed:.3f} rad/s {at}, most is {most}')


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a followed trajectory stands."""

    desired: Vector  # (n,) rad, now
    desired_velocity: Vector  # (n,) rad/s
    command: Vector  # (n,) rad: set-point for the coming period
    finished: ErrorCode | None = None  # None: goes on
    reason: str = ''


class TrajectoryFollower:
    """Follows one trajectory in time and says when it is over."""

    def __init__(
        self, limits: JointLimits, trajectory: Trajectory, tolerances: Tolerances, start_ns: int
    ) -> None:
        """Start at start_ns; until then the trajectory's first position is commanded."""
        self._names = limits.joint_names
        self._trajectory = trajectory
        self._tolerances = tolerances
        self._start_ns = start_ns

    def update(self, now_ns: int, position: Vector, period_ns: int) -> Progress:
        """Judge the measured position (n,) and give the set-point for the next period."""
        elapsed = now_ns - self._start_ns
        desired, velocity = self._trajectory.sample(elapsed)
        command, _ = self._trajectory.sample(elapsed + period_ns)
        code, reason = self._judge(elapsed, position - desired)
        return Progress(desired, velocity, command, code, reason)

    def _judge(self, elapsed: int, error: Vector) -> tuple[ErrorCode | None, str]:
        tolerances, over = self._tolerances, elapsed - self._trajectory.duration_ns
        if over < 0:
            reason = self._violation(error, tolerances.path)
            return (ErrorCode.PATH_TOLERANCE_VIOLATED, reason) if reason else (None, '')
        reason = self._violation(error, tolerances.goal)
        if not reason:
            return ErrorCode.SUCCESSFUL, ''
        if over > tolerances.goal_time_ns:
            return ErrorCode.GOAL_TOLERANCE_VIOLATED, reason
        return None, ''

    def _violation(self, error: Vector, tolerance: Vector) -> str:
        for i in np.flatnonzero(~(np.abs(error) <= tolerance))[:1]:
            return f'{self._names[i]} is {error[i]:.4f} rad off, allowed are {tolerance[i]}'
        return ''


def tolerances(
    limits: JointLimits,
    path: Mapping[str, float],
    goal: Mapping[str, float],
    goal_time_ns: int,
    default_goal: float = DEFAULT_GOAL_TOLERANCE,
) -> Tolerances:
    """Tolerances from entries by joint name: 0 means the default, below 0 no limit.

    Defaults: path not judged, goal `default_goal` in rad, goal time 2 s. Raises TrajectoryError.
    """
    vectors = []
    for entries, default in ((path, math.inf), (goal, default_goal)):
        unknown = set(entries) - set(limits.joint_names)
        if unknown:
            raise TrajectoryError(
                ErrorCode.INVALID_JOINTS, f'tolerance for unknown joints {sorted(unknown)}'
            )
        values = [entries.get(name, 0.0) for name in limits.joint_names]
        if any(math.isnan(value) for value in values):
            raise _invalid('a tolerance is not a number')
        vectors.append([default if v == 0.0 else math.inf if v < 0.0 else v for v in values])
    time_ns = goal_time_ns if goal_time_ns > 0 else DEFAULT_GOAL_TIME_NS
    return Tolerances(np.array(vectors[0]), np.array(vectors[1]), time_ns)


def _invalid(reason: str) -> TrajectoryError:
    return TrajectoryError(ErrorCode.INVALID_GOAL, reason)


def _checked(waypoints: Sequence[Waypoint], size: int) -> list[Waypoint]:
    if not waypoints:
        raise _invalid('the trajectory has no points')
    before = -1
    for i, point in enumerate(waypoints):
        if point.time_ns <= before:
            raise _invalid(f'time_from_start of point {i} must be above that of the one before')
        before = point.time_ns
        given = {'positions': point.position}
        if point.velocity is not None:
            given['velocities'] = point.velocity
        for what, vector in given.items():
            if vector.shape != (size,) or not np.isfinite(vector).all():
                raise _invalid(f'{what} of point {i} must be {size} finite numbers')
    return list(waypoints)


def _velocities(
    times: Vector, positions: Vector, points: Sequence[Waypoint], order: Sequence[int]
) -> Vector:
    """Velocities (k, n) at the points: as given, else the mean slope, 0 at ends and turns."""
    slopes = np.diff(positions, axis=0) / np.diff(times)[:, None]
    velocities = np.zeros_like(positions)
    same_way = slopes[1:] * slopes[:-1] > 0.0
    velocities[1:-1] = np.where(same_way, 0.5 * (slopes[1:] + slopes[:-1]), 0.0)
    for i, point in enumerate(points, start=1):
        if point.velocity is not None:
            velocities[i] = point.velocity[order]
    return velocities
