# SPDX-License-Identifier: Apache-2.0
"""Recorded joint states and signals, put into the order of their stamps and checked.

The rules, each with its count in StateCounts:

- A joint state without a stamp, one that JointReader calls malformed or that lacks a joint, and
  one that no robot of this kind can be in (the guard's own figures) are left out.
- A joint state that comes late is put where its stamp says. One that lies more than a policy
  period behind the newest is not late: the clock was set back.
- Otherwise a stamp that has been seen is a duplicate: the first counts.
- Signals belong to the first joint state that is not older than they are; a signal older than
  the one before it is left out, like one of another clock. A joint state goes on with the newest
  signals that are not younger, and not at all while one is too old (StateAssembler).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.joint_reader import JointReader, MissingJointError
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.state_gate import JUMP_SLACK, POSITION_SLACK, SPEED_FACTOR
from maxent_robot.state_assembly import StateAssembler
from maxent_robot.types import NANOSECONDS, JointSample, RobotState

HOLD_PERIODS = 3  # policy periods of the robot's clock, and ...
HOLD_NS = 2 * NANOSECONDS  # ... log time, for which is waited for what belongs to a state
STRAY_NS = 60 * NANOSECONDS  # a signal that is so much younger than the states has another clock
REMEMBERED = 20_000  # stamps of states that have gone on
_SIGNAL, _JOINTS = 0, 1  # with equal stamps signals come first


@dataclass
class StateCounts:
    """What was met among the joint states and signals."""

    read: int = 0  # joint states
    unstamped: int = 0
    malformed: int = 0  # JointReader refuses them, or a signal of theirs
    without_joints: int = 0  # of another device on the same topic, or of another robot
    impossible: int = 0  # beyond every limit: degrees instead of radians, say
    duplicates: int = 0
    reordered: int = 0  # late, put in their place
    set_backs: int = 0  # of the clock
    incomplete: int = 0  # a signal was missing or too old
    stray_signals: int = 0  # older than the one before, or of another clock
    missing: str = ''  # what the last one without joints lacked


class StateOrder:
    """Takes joint states and signals in order of receipt; gives RobotStates in order of stamps."""

    def __init__(self, spec: RobotSpec, oldest_ns: Mapping[str, int], counts: StateCounts) -> None:
        """Take the robot, the wanted signals with their greatest ages, and where to count."""
        self._counts = counts
        self._spec = spec
        self._period_ns = spec.policy_period_ns
        self._bare = JointReader(spec.joint_names)
        self._full = JointReader(
            spec.joint_names, {name: spec.signals[name] for name in oldest_ns}
        )
        self._assembler = StateAssembler(oldest_ns, self._deliver, exact=False)
        self._delivered: list[RobotState] = []
        self._heap: list[tuple[int, int, int, int, Any]] = []  # stamp, kind, serial, received, it
        self._serial = 0
        self._held: set[int] = set()  # stamps of the joint states in the heap
        self._gone: dict[int, None] = {}  # the newest stamps that have left it
        self._newest_signals: dict[str, int] = {}
        self.newest_ns: int | None = None  # stamp, since the clock was set back

    def knows(self, stamp_ns: int) -> bool:
        """Whether there was a joint state with this stamp lately."""
        return stamp_ns in self._held or stamp_ns in self._gone

    def on_joints(self, sample: JointSample, received_ns: int) -> list[RobotState | None]:
        """Take a joint state; returns those whose turn has come, None for a clock set back."""
        self._counts.read += 1
        if not self._usable(sample):
            return []
        stamp_ns, newest_ns = sample.stamp_ns, self.newest_ns
        released: list[RobotState | None] = []
        if newest_ns is not None and newest_ns - stamp_ns > self._period_ns:
            self._counts.set_backs += 1
            released = [*self.flush(), None]
        elif stamp_ns in self._held:
            self._counts.duplicates += 1
            return []
        elif newest_ns is not None and stamp_ns < newest_ns:
            self._counts.reordered += 1
        self._held.add(stamp_ns)
        self._push(stamp_ns, _JOINTS, received_ns, sample)
        self.newest_ns = max(stamp_ns, self.newest_ns or stamp_ns)
        return released + self._release(received_ns)

    def on_signal(self, name: str, stamp_ns: int, values: NDArray[Any], received_ns: int) -> None:
        """Take what the robot says besides its joints."""
        if self.newest_ns is not None and stamp_ns - self.newest_ns > STRAY_NS:
            self._counts.stray_signals += 1
            return
        self._push(stamp_ns, _SIGNAL, received_ns, (name, values))

    def flush(self) -> list[RobotState]:
        """Return all that is held back, and forget: what comes next may have any stamp."""
        while self._heap:
            self._pass_on()
        self._newest_signals.clear()
        self.newest_ns = None
        return self._take_delivered()

    def _push(self, stamp_ns: int, kind: int, received_ns: int, content: Any) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (stamp_ns, kind, self._serial, received_ns, content))

    def _release(self, now_ns: int) -> list[RobotState | None]:
        assert self.newest_ns is not None
        before_ns = self.newest_ns - HOLD_PERIODS * self._period_ns
        while self._heap and self._heap[0][0] < before_ns and now_ns - self._heap[0][3] > HOLD_NS:
            self._pass_on()
        return [*self._take_delivered()]

    def _pass_on(self) -> None:
        stamp_ns, kind, _, _, content = heapq.heappop(self._heap)
        if kind == _SIGNAL:
            name, values = content
            if stamp_ns < self._newest_signals.get(name, stamp_ns):
                self._counts.stray_signals += 1
                return
            self._newest_signals[name] = stamp_ns
            self._assembler.on_signal(name, stamp_ns, values)
            return
        self._held.discard(stamp_ns)
        self._gone[stamp_ns] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._assembler.on_joints(content)
        self._counts.incomplete = self._assembler.incomplete

    def _deliver(self, sample: JointSample) -> None:
        state = self._full.read(sample)
        if state is None:
            self._counts.malformed += 1
        else:
            self._delivered.append(state)

    def _take_delivered(self) -> list[RobotState]:
        delivered, self._delivered = self._delivered, []
        return delivered

    def _usable(self, sample: JointSample) -> bool:
        """Whether a joint state is one; counts why not."""
        counts = self._counts
        if sample.stamp_ns <= 0:
            counts.unstamped += 1
            return False
        try:
            state = self._bare.read(sample)
        except MissingJointError as error:
            counts.without_joints += 1
            counts.missing = str(error)
            return False
        if state is None:
            counts.malformed += 1
            return False
        if not _possible(self._spec, state):
            counts.impossible += 1
            return False
        return True


def _possible(spec: RobotSpec, state: RobotState) -> bool:
    """Whether the guard would believe the numbers of a state."""
    limits, position = spec.limits, state.position
    low, high = limits.position_lower - POSITION_SLACK, limits.position_upper + POSITION_SLACK
    slow = np.abs(state.velocity) <= SPEED_FACTOR * limits.velocity
    return bool(((position >= low) & (position <= high) & slow).all())


def has_jumped(spec: RobotSpec, before: RobotState, after: RobotState) -> bool:
    """Whether the joints are further apart than motion explains, by the guard's own figures."""
    dt = (after.stamp_ns - before.stamp_ns) / NANOSECONDS
    way = SPEED_FACTOR * spec.limits.velocity * dt + JUMP_SLACK
    return bool((np.abs(after.position - before.position) > way).any())
