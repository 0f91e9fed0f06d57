# SPDX-License-Identifier: Apache-2.0
"""What the Sawyer does with joint commands, as pure computation: modes, time-out, brakes.

Imitates the behaviour of RethinkRobotics/sawyer_simulator (156bf12), which re-implements the
robot's own topics: a controller per mode, a command time-out that ends in a position hold, a speed
ratio, and gravity compensation under every mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
import math

import numpy as np

from maxent_robot.robot_spec import JointLimits
from maxent_robot.types import NANOSECONDS, Vector
from sim_bridge.assembly_state import AssemblyState

SUPPRESSION_NS = 200_000_000  # effect of one message on suppress_gravity_compensation
ROUNDING = 1e-6  # rad beyond a position limit that is no mistake of the sender


class ControlMode(IntEnum):
    """Modes of intera_core_msgs/JointCommand."""

    POSITION = 1  # rad, approached at speed ratio x URDF velocity
    VELOCITY = 2  # rad/s
    TORQUE = 3  # N m on top of gravity compensation
    TRAJECTORY = 4  # rad, approached at the URDF velocity: the sender sets the pace


@dataclass(frozen=True, eq=False)
class JointGains:
    """Gains of the joint loops, one entry per joint."""

    p: Vector  # N m/rad
    i: Vector  # N m/(rad s)
    d: Vector  # N m s/rad
    velocity: Vector  # N m s/rad, of the velocity mode
    integral_limit: Vector  # N m, largest torque of the integral term


# p, i, d: position controllers of sawyer_simulator. The others are ours: the integral may use a
# tenth of the effort; the velocity gains are soft enough for 0.1 kg m^2 at steps of 2.5 ms.
SAWYER_GAINS = JointGains(
    p=np.array([500.0, 400.0, 250.0, 300.0, 300.0, 100.0, 50.0]),
    i=np.array([10.0, 10.0, 10.0, 10.0, 10.0, 1.0, 10.0]),
    d=np.array([25.0, 30.0, 30.0, 50.0, 8.0, 5.0, 4.0]),
    velocity=np.array([60.0, 60.0, 40.0, 40.0, 20.0, 15.0, 15.0]),
    integral_limit=np.array([8.0, 8.0, 4.0, 4.0, 0.9, 0.9, 0.9]),
)


class SawyerController:
    """Turns joint commands into joint torques, gravity compensation not included.

    Call `tick` once per control period, then `torque` for each integration step in it. Arrays are
    in the order of `limits.joint_names`; times are integer nanoseconds of the robot's own clock.
    """

    def __init__(
        self, limits: JointLimits, position: Vector, gains: JointGains = SAWYER_GAINS
    ) -> None:
        """Make an enabled robot that holds `position` (n,) in rad."""
        self._limits = limits
        self._gains = gains
        self._index = {name: i for i, name in enumerate(limits.joint_names)}
        self.state = AssemblyState()
        self.timeout_ns = 200_000_000
        self.speed_ratio = 0.3
        self._is_entering = False  # the loop of the mode starts at the next tick
        self._integral: Vector = np.zeros(len(self._index))  # N m
        self.hold(position)

    def hold(self, position: Vector) -> None:
        """Forget all commands and hold this position (n,) in rad."""
        self.mode = ControlMode.POSITION
        self._target = np.array(position, dtype=np.float64)
        self._command_ns: int | None = None
        self._suppressed_until_ns: int | None = None
        self._start_at(position)

    def become(self, state: AssemblyState, position: Vector) -> None:
        """Take on a state; commands are forgotten and the present position (n,) is held."""
        self.state = state
        self.hold(position)

    def command(
        self, now_ns: int, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Take a command; return None, or the reason why it is refused and nothing changed.

        `values` are rad, rad/s or N m by mode, one for each joint of the arm in the order of
        `names`. Torques and velocities are cut to the limits of the arm, as its drives do.
        """
        if not self.state.can_move:
            return f'the robot is {self.state.why_not}'
        if mode not in tuple(ControlMode):
            known = ', '.join(f'{m.value} ({m.name})' for m in ControlMode)
            return f'mode {mode} is unknown; known are {known}'
        if len(names) != len(self._index) or set(names) != set(self._index):
            return f'joint names are {list(names)}, must be {list(self._index)} in any order'
        given = np.array(values, dtype=np.float64)
        if given.shape != (len(names),):
            return f'{len(names)} joints are named, but values has shape {given.shape}'
        if not np.isfinite(given).all():
            return f'values must be finite, are {given.tolist()}'
        target = np.empty_like(given)
        target[[self._index[name] for name in names]] = given
        limits = self._limits
        if mode == ControlMode.VELOCITY:
            target = np.clip(target, -limits.velocity, limits.velocity)
        elif mode == ControlMode.TORQUE:
            target = np.clip(target, -limits.effort, limits.effort)
        else:
            low, high = limits.position_lower - ROUNDING, limits.position_upper + ROUNDING
            for i in np.flatnonzero((target < low) | (target > high))[:1]:
                name = limits.joint_names[i]
                return f'{name} at {target[i]} rad is outside {low[i]:.4f}..{high[i]:.4f}'
        self._is_entering = self._is_entering or self._family(self.mode) != self._family(mode)
        self.mode, self._target, self._command_ns = ControlMode(mode), target, now_ns
        return None

    def set_timeout(self, seconds: float) -> str | None:
        """Set the command time-out, cut to [0, 1] s; return the reason if it is refused."""
        if not math.isfinite(seconds):
            return f'joint_command_timeout must be finite, is {seconds}'
        self.timeout_ns = round(min(max(seconds, 0.0), 1.0) * NANOSECONDS)
        return None

    def set_speed_ratio(self, ratio: float) -> str | None:
        """Set the share of the URDF velocity for position mode, cut to [0, 1]; as above."""
        if not math.isfinite(ratio):
            return f'set_speed_ratio must be finite, is {ratio}'
        self.speed_ratio = min(max(ratio, 0.0), 1.0)
        return None

    def suppress_gravity_compensation(self, now_ns: int) -> None:
        """Switch gravity compensation off for the next 0.2 s."""
        self._suppressed_until_ns = now_ns + SUPPRESSION_NS

    def compensates_gravity(self, now_ns: int) -> bool:
        """Whether gravity compensation is added at this time."""
        return self._suppressed_until_ns is None or now_ns >= self._suppressed_until_ns

    def tick(self, now_ns: int, position: Vector, period_ns: int) -> None:
        """Apply the command time-out; move the set-point of position mode by one period.

        When torque or velocity commands stay away for longer than the time-out, the arm goes to
        position mode and holds its present position (n,).
        """
        is_position = self._family(self.mode) == ControlMode.POSITION
        silent = self._command_ns is None or now_ns - self._command_ns > self.timeout_ns
        if silent and not is_position:
            suppressed = self._suppressed_until_ns
            self.hold(position)
            self._suppressed_until_ns = suppressed
        elif self._is_entering:
            self._start_at(position)
        if self._family(self.mode) == ControlMode.POSITION:
            self._move_set_point(period_ns / NANOSECONDS)

    def torque(self, position: Vector, velocity: Vector, dt: float) -> Vector:
        """Joint torques (n,) in N m for the next dt seconds, inside the URDF effort."""
        gains, effort = self._gains, self._limits.effort
        if self.mode == ControlMode.TORQUE:
            return self._target
        if self.mode == ControlMode.VELOCITY:
            error = self._target - velocity
            wanted = gains.velocity * error + self._integrate(gains.p * error * dt)
        else:
            error = self._set_point - position
            damping = gains.d * (self._set_point_velocity - velocity)
            wanted = gains.p * error + damping + self._integrate(gains.i * error * dt)
        cut: Vector = np.clip(wanted, -effort, effort)
        return cut

    def _integrate(self, increment: Vector) -> Vector:
        limit = self._gains.integral_limit
        self._integral = np.clip(self._integral + increment, -limit, limit)
        return self._integral

    def _start_at(self, position: Vector) -> None:
        """Start the loop of the present mode at this position, without memory."""
        self._is_entering = False
        self._set_point = np.array(position, dtype=np.float64)
        self._set_point_velocity = np.zeros(len(self._index))
        self._integral = np.zeros(len(self._index))

    def _move_set_point(self, dt: float) -> None:
        ratio = 1.0 if self.mode == ControlMode.TRAJECTORY else self.speed_ratio
        reach = ratio * self._limits.velocity * dt
        step = np.clip(self._target - self._set_point, -reach, reach)
        self._set_point = self._set_point + step
        self._set_point_velocity = step / dt

    @staticmethod
    def _family(mode: int) -> int:
        """Modes that share a controller, and so its memory."""
        return ControlMode.POSITION if mode == ControlMode.TRAJECTORY else mode
