# SPDX-License-Identifier: Apache-2.0
"""P1: which joint states the guard believes. Refusals are 'reason: detail'."""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import NANOSECONDS, JointSample, RobotState

POSITION_SLACK = 0.1  # rad beyond the hard limits: no joint is there, the reading is wrong
SPEED_FACTOR = 2.0  # of the URDF velocity, likewise
JUMP_SLACK = 0.01  # rad
OLDEST_NS = 100_000_000  # behind the clock relation taken at the first state
NEWEST_NS = 20_000_000  # ahead of it
SERIES = 5  # states in a row that agree with each other although not with the past
FROZEN_SAMPLES = 25


class _ClockSeries:
    """Counts refused states in a row whose stamps run on as the guard's own time does."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._count = 0

    def clear(self) -> None:
        self._first, self._count = None, 0

    def agrees(self, stamp_ns: int, now_ns: int) -> bool:
        """Whether this one completes the series.

        A burst of queued states is none: their stamps run on while time stands still.
        """
        if self._first is not None:
            ran, passed = stamp_ns - self._first[0], now_ns - self._first[1]
            if ran >= 0 and abs(passed - ran) <= min(NEWEST_NS, ran // 2):
                self._count += 1
                return self._count >= SERIES
        self._first, self._count = (stamp_ns, now_ns), 1
        return False


class StateGate:
    """Checks joint states one after another and keeps the newest that it believes.

    `state` is that state, `q`, `v` and `effort` the same as lists of floats, `received_ns` when
    it came.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Take names, hard limits and velocities from the robot's specification."""
        limits = spec.limits
        self._names = spec.joint_names
        self._required = frozenset(self._names)
        self._low = (limits.position_lower - POSITION_SLACK).tolist()
        self._high = (limits.position_upper + POSITION_SLACK).tolist()
        self._fastest = (SPEED_FACTOR * limits.velocity).tolist()
        self._cached_names: tuple[str, ...] = ()
        self._index: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._signals = {name: spec.signals[name] for name in spec.guard_signals}
        self._offset_ns: int | None = None
        self._clock = _ClockSeries()
        self._stray: tuple[int, list[float]] | None = None  # newest state refused as a jump
        self._strays = 0
        self._repeats = 0
        self.state: RobotState | None = None
        self.q: list[float] = []
        self.v: list[float] = []
        self.effort: list[float] | None = None  # N m, None if the robot tells none
        self.received_ns = 0
        self.jumps = 0  # refused in a row
        self.rebases = 0  # how often the clock relation was taken anew
        self.frozen = False

    def check(self, sample: JointSample, now_ns: int, acting: bool) -> str | None:
        """Believe the state (None) or say why not.

        `acting`: a torque is being commanded, so that a state that repeats to the bit is no rest.
        """
        if self.state is not None and sample.stamp_ns == self.state.stamp_ns:
            return 'duplicate'
        reason = self._refuse_content(sample)
        if reason is not None:
            return reason
        position = np.asarray(sample.position, dtype=np.float64)[self._index]
        velocity = np.asarray(sample.velocity, dtype=np.float64)[self._index]
        q, v = position.tolist(), velocity.tolist()
        reason = self._refuse_values(q, v) or self._refuse_signals(sample)
        if reason is not None:
            return reason
        rebased, reason = self._judge_time(sample.stamp_ns, now_ns)
        if reason is None and not rebased:
            reason = self._refuse_jump(sample.stamp_ns, q)
        if reason is not None:
            return reason
        self._note_repeat(q, v, acting)
        self.state = RobotState(sample.stamp_ns, position, velocity, sample.signals)
        self.q, self.v, self.received_ns = q, v, now_ns
        self.effort = self._ordered_effort(sample)
        self._stray, self._strays, self.jumps = None, 0, 0
        return None

    def _refuse_content(self, sample: JointSample) -> str | None:
        """Names and sizes; remembers where the robot's joints are among the names."""
        names = sample.names
        if names != self._cached_names:
            if len(set(names)) != len(names):
                twice = sorted({name for name in names if names.count(name) > 1})
                return f'names: {", ".join(twice)} named twice'
            missing = [name for name in self._names if name not in names]
            if missing:
                return f'names: {", ".join(missing)} missing'
            self._index = np.array([names.index(name) for name in self._names])
            self._cached_names = tuple(names)
        shape = (len(names),)
        if np.shape(sample.position) != shape or np.shape(sample.velocity) != shape:
            return (
                f'size: {len(names)} names, positions of shape {np.shape(sample.position)}, '
                f'velocities of shape {np.shape(sample.velocity)}'
            )
        return None

    def _refuse_values(self, q: list[float], v: list[float]) -> str | None:
        for name, x, low, high, w, fastest in zip(
            self._names, q, self._low, self._high, v, self._fastest, strict=True
        ):
            if not (low <= x <= high and -fastest <= w <= fastest):
                if not (isfinite(x) and isfinite(w)):
                    return f'non_finite: {name} has position {x}, velocity {w}'
                if not low <= x <= high:
                    return f'range: {name} at {x:.3f} rad, possible is {low:.3f} to {high:.3f}'
                return f'range: {name} at {w:.3f} rad/s, possible is {fastest:.3f}'
        return None

    def _refuse_signals(self, sample: JointSample) -> str | None:
        for name, size in self._signals.items():
            signal = sample.signals.get(name)
            if signal is None or signal.shape != (size,):
                return f'signal: {name} is missing or does not hold {size} numbers'
            if not np.isfinite(signal).all():
                return f'non_finite: {name} is {signal.tolist()}'
        return None

    def _ordered_effort(self, sample: JointSample) -> list[float] | None:
        """Measured efforts (n,); what cannot be used is not known."""
        effort = sample.effort
        if effort is None or effort.shape != (len(sample.names),):
            return None
        ordered: list[float] = effort[self._index].tolist()
        return ordered if all(isfinite(torque) for torque in ordered) else None

    def _judge_time(self, stamp_ns: int, now_ns: int) -> tuple[bool, str | None]:
        """Signed skew against the relation of the two clocks, and order; (rebased, refusal)."""
        if self.state is None or self._offset_ns is None:
            self._offset_ns = now_ns - stamp_ns
            return False, None
        skew = stamp_ns + self._offset_ns - now_ns
        if skew > NEWEST_NS:
            reason = f'future: stamp {skew / 1e6:.1f} ms ahead of the clock'
        elif skew < -OLDEST_NS:
            reason = f'old: stamp {-skew / 1e6:.1f} ms behind the clock'
        elif stamp_ns < self.state.stamp_ns:
            late = (self.state.stamp_ns - stamp_ns) / 1e6
            reason = f'out_of_order: {late:.1f} ms older than the newest'
        else:
            self._clock.clear()
            return False, None
        if not self._clock.agrees(stamp_ns, now_ns):
            return False, reason
        self._clock.clear()
        self._offset_ns = now_ns - stamp_ns
        self.rebases += 1
        return True, None

    def _refuse_jump(self, stamp_ns: int, q: list[float]) -> str | None:
        """A pose further away than the joints can have moved, unless five in a row agree."""
        if self.state is None:
            return None
        far = self._too_far(self.state.stamp_ns, self.q, stamp_ns, q)
        if far is None:
            return None
        together = self._stray is not None and not self._too_far(*self._stray, stamp_ns, q)
        self._strays = self._strays + 1 if together else 1
        self._stray = (stamp_ns, q)
        self.jumps += 1
        return None if self._strays >= SERIES else f'jump: {far}'

    def _too_far(self, t0: int, before: list[float], t1: int, after: list[float]) -> str | None:
        dt = max(0, t1 - t0) / NANOSECONDS
        for name, a, b, fastest in zip(self._names, before, after, self._fastest, strict=True):
            if abs(b - a) > fastest * dt + JUMP_SLACK:
                return f'{name} moved {abs(b - a):.3f} rad in {1e3 * dt:.1f} ms'
        return None

    def _note_repeat(self, q: list[float], v: list[float], acting: bool) -> None:
        if q != self.q or v != self.v:
            self._repeats, self.frozen = 0, False
        elif acting:
            self._repeats += 1
            self.frozen = self.frozen or self._repeats >= FROZEN_SAMPLES
        else:
            self._repeats = 0
