# SPDX-License-Identifier: Apache-2.0
"""P9: what the measured robot says about itself, tick by tick, whatever was commanded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from maxent_robot.attitude import roll_and_pitch
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.types import NANOSECONDS, Level, Vector

OVERSPEED_TICKS = 3
OVERSPEED_STOP = 1.3  # of the URDF velocity
HARD_DAMP = 0.02  # rad beyond a hard limit
HARD_STOP = 0.05
TRACKING_NS = 200_000_000
TRACKING_RELEASED = 1 / 3  # of the tracking error, for
TRACKING_RELEASED_NS = 1_000_000_000
BLOCKED_SHARE = 0.75  # of the leash
BLOCKED_SPEED = 0.05  # rad/s
BLOCKED_NS = 500_000_000
UPRIGHT_NS = 1_000_000_000
COOLING_NS = 10_000_000_000
OVERRUNS = 10  # more than these in
OVERRUN_WINDOW_NS = 1_000_000_000


class Cause(NamedTuple):
    """A reason to be on a rung of the ladder."""

    level: Level
    flag: int
    reason: str  # 'word: detail'


class Overruns:
    """Counts late ticks; more than ten within a second are a cause."""

    def __init__(self) -> None:
        """Start with none."""
        self._late: deque[int] = deque(maxlen=OVERRUNS + 1)

    def note(self, now_ns: int) -> None:
        """Remember a late tick."""
        self._late.append(now_ns)

    def cause(self, now_ns: int) -> Cause | None:
        """Cause as long as the window holds too many."""
        late = self._late
        if len(late) <= OVERRUNS or not 0 <= now_ns - late[0] <= OVERRUN_WINDOW_NS:
            return None
        return Cause(Level.DAMP, int(Flag.OVERRUNS), f'overruns: more than {OVERRUNS} in 1 s')


class Monitors:
    """Overspeed, limits, tracking, overload, attitude and workspace, each with its own memory."""

    def __init__(self, spec: RobotSpec, config: GuardConfig) -> None:
        """Take limits from the robot and thresholds from the configuration.

        Raises ValueError if the attitude is limited but need not be told by the robot.
        """
        if config.attitude_limit > 0.0 and 'imu' not in spec.guard_signals:
            raise ValueError(
                f'attitude_limit is {config.attitude_limit} rad, but robot '
                f"'{spec.name}' tells the guard of no imu: only 0 (off) is possible"
            )
        limits = spec.limits
        self._names = spec.joint_names
        self._fastest = limits.velocity.tolist()
        self._low = limits.position_lower.tolist()
        self._high = limits.position_upper.tolist()
        self._config = config
        self._released = TRACKING_RELEASED * config.tracking_error
        self._overload_ns = [0] * len(self._names)
        self._cooling_ns: int | None = None  # how long ago an overload was noticed
        self._overload_reason = ''
        self.forget()

    def forget(self) -> None:
        """Start timers afresh, the cooling time of an overload excepted."""
        self._fast_ticks = 0
        self._far_ns = self._blocked_ns = self._near_ns = 0
        self._tracking = False
        self._box = False
        self._tilted, self._upright_ns = False, 0
        self._overload_ns = [0] * len(self._names)

    def state(self, q: Sequence[float], v: Sequence[float]) -> list[Cause]:
        """Causes in measured position (n,) and velocity (n,): hard limits and overspeed."""
        causes = []
        fast = False
        rows = zip(self._names, q, v, self._fastest, self._low, self._high, strict=True)
        for name, x, w, fastest, low, high in rows:
            if abs(w) > fastest:
                fast = True
                if abs(w) > OVERSPEED_STOP * fastest:
                    reason = f'overspeed: {name} at {w:.2f} rad/s'
                    causes.append(Cause(Level.ESTOP, int(Flag.OVERSPEED), reason))
            beyond = x - high if x > high else low - x if x < low else 0.0
            if beyond > HARD_DAMP:
                level = Level.ESTOP if beyond > HARD_STOP else Level.DAMP
                reason = f'hard_limit: {name} {beyond:.3f} rad beyond'
                causes.append(Cause(level, int(Flag.HARD_LIMIT), reason))
        self._fast_ticks = self._fast_ticks + 1 if fast else 0
        if self._fast_ticks >= OVERSPEED_TICKS:
            reason = f'overspeed: for {self._fast_ticks} ticks'
            causes.append(Cause(Level.DAMP, int(Flag.OVERSPEED), reason))
        return causes

    def tracking(
        self, set_point: Sequence[float] | None, q: Sequence[float], v: Sequence[float], dt_ns: int
    ) -> Cause | None:
        """Cause if joints do not follow the set-point (n,); None (torque mode) starts afresh.

        Far away for 0.2 s, or at rest with most of the leash taut for 0.5 s (a blocked joint, for
        the leash keeps it from ever being far away); until near for 1 s.
        """
        if set_point is None:
            self._far_ns = self._blocked_ns = self._near_ns = 0
            self._tracking = False
            return None
        errors = [abs(c - x) for c, x in zip(set_point, q, strict=True)]
        worst = max(errors)
        taut = BLOCKED_SHARE * self._config.leash
        blocked = worst > taut and any(
            e > taut and abs(w) < BLOCKED_SPEED for e, w in zip(errors, v, strict=True)
        )
        self._far_ns = self._far_ns + dt_ns if worst > self._config.tracking_error else 0
        self._blocked_ns = self._blocked_ns + dt_ns if blocked else 0
        self._near_ns = self._near_ns + dt_ns if worst < self._released else 0
        if self._far_ns > TRACKING_NS or self._blocked_ns > BLOCKED_NS:
            self._tracking = True
        elif self._near_ns >= TRACKING_RELEASED_NS:
            self._tracking = False
        if not self._tracking:
            return None
        reason = f'tracking: {self._names[errors.index(worst)]} is {worst:.2f} rad off'
        return Cause(Level.DAMP, int(Flag.TRACKING), reason)

    def workspace(self, depth: float) -> Cause | None:
        """Cause from the tip's depth outside the box (m) on, until it is nearly inside."""
        if depth > self._config.box_exceeded:
            self._box = True
        elif depth < self._config.box_released:
            self._box = False
        if not self._box:
            return None
        reason = f'workspace: the tip is {depth:.3f} m outside the box'
        return Cause(Level.DAMP, int(Flag.BOX_EXCEEDED), reason)

    def overload(self, torque: Sequence[float] | None, dt_ns: int) -> Cause | None:
        """Cause if a joint had too much torque (n,) for too long; latched until it has cooled."""
        most = self._config.overload_effort
        if most == 0.0:
            return None
        if self._cooling_ns is not None:
            self._cooling_ns += dt_ns
            rest = self._config.overload_rest
            if 0.0 < rest * NANOSECONDS <= self._cooling_ns:
                self._cooling_ns = None
        for i, name in enumerate(self._names):
            high = torque is not None and abs(torque[i]) > most
            self._overload_ns[i] = self._overload_ns[i] + dt_ns if high else 0
            if self._overload_ns[i] > self._config.overload_time * NANOSECONDS:
                self._cooling_ns = 0
                self._overload_reason = f'overload: {name} above {most} N m for too long'
        if self._cooling_ns is None:
            return None
        return Cause(Level.RELAX, int(Flag.OVERLOAD), self._overload_reason)

    def attitude(self, quaternion: Vector | None, dt_ns: int) -> Cause | None:
        """Cause from an orientation (4,) w, x, y, z on, until upright for 1 s; None: unknown."""
        limit = self._config.attitude_limit
        if limit == 0.0 or quaternion is None:
            return None
        tilt = max(abs(angle) for angle in roll_and_pitch(quaternion))
        if tilt > limit:
            self._upright_ns, self._tilted = 0, True
        else:
            self._upright_ns += dt_ns
            self._tilted = self._tilted and self._upright_ns < UPRIGHT_NS
        if not self._tilted:
            return None
        return Cause(Level.RELAX, int(Flag.TILTED), f'tilted: by {tilt:.2f} rad')

    def clear_overload(self) -> str | None:
        """End an overload that has cooled for 10 s; why not otherwise."""
        if self._cooling_ns is not None and self._cooling_ns < COOLING_NS:
            return f'overload: cooling, {(COOLING_NS - self._cooling_ns) / 1e9:.1f} s to go'
        self._cooling_ns = None
        return None
