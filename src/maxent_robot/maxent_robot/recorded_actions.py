# SPDX-License-Identifier: Apache-2.0
"""What a robot was made to do over a policy period, from recorded commands.

From our guard's AppliedActions where there are any: each belongs to the state whose stamp it
has. Otherwise from the commands to the robot itself: a command whose stamp is that of a joint
state answers that state, as our guard's do; any other stamp may be of another clock, so such a
command, like one without a stamp, belongs to the newest state that was received before it. The
action of a period is then the mean of its commands, of positions the newest one, as in
AppliedAction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.types import AppliedAction, CommandMode, Level, Vector

NEAR_NS = 60_000_000_000  # a stamp further from the newest state is of another clock
SESSION = 'rebuilt'


@dataclass
class ActionCounts:
    """What was met among the commands; the last three are transitions that could not be made."""

    read: int = 0  # AppliedActions, or commands to the robot
    duplicates: int = 0  # repeated commands
    malformed: int = 0  # of another size, not finite, or of other joints
    unplaced: int = 0  # commands before the first joint state
    by_receipt: int = 0  # commands that were used and placed by the order of receipt
    unused: int = 0  # AppliedActions of which no transition could be made
    missing: int = 0  # periods without a command or an AppliedAction
    other_mode: int = 0  # periods with a command of another mode than the task's
    unknown: int = 0  # periods for which our guard's account is malformed


@dataclass(frozen=True, eq=False)
class RecordedCommand:
    """A command to the robot as it was recorded."""

    stamp_ns: int | None  # None: it has none
    mode: CommandMode | None  # None: one that no task has
    values: Vector  # (m,) in the order of the mapping's joints


class RecordedActions:
    """Collects commands and says what was executed. Forgets what is older than it is asked for."""

    def __init__(
        self, mapping: ActionMapping, knows: Callable[[int], bool], counts: ActionCounts
    ) -> None:
        """Take the task's mapping, who knows the stamps of joint states, and where to count."""
        self._mapping, self._knows, self._counts = mapping, knows, counts
        self._applied: dict[int, AppliedAction] = {}
        self._answers: dict[int, list[RecordedCommand]] = {}  # by their own stamps
        self._received: dict[int, list[RecordedCommand]] = {}  # by that of the state before
        self._used = 0

    def on_applied(self, applied: AppliedAction) -> None:
        """Take the guard's account of an action; of one and the same stamp the newest counts."""
        self._counts.read += 1
        if applied.stamp_ns in self._applied:
            self._counts.duplicates += 1
        self._applied[applied.stamp_ns] = applied

    def on_command(self, command: RecordedCommand, newest_ns: int | None) -> None:
        """Take a command that was received when the newest state had this stamp."""
        self._counts.read += 1
        if command.mode is not None and not self._fits(command.values):
            self._counts.malformed += 1
        elif newest_ns is None:
            self._counts.unplaced += 1
        else:
            stamp_ns = command.stamp_ns
            if stamp_ns is not None and abs(stamp_ns - newest_ns) <= NEAR_NS:
                answers = self._answers.setdefault(stamp_ns, [])
                if any(_same(command, other) for other in answers):
                    self._counts.duplicates += 1
                    return
                answers.append(command)
            self._received.setdefault(newest_ns, []).append(command)

    def begins_at(self, stamp_ns: int) -> bool:
        """Whether the guard accounts for an action that answers the state of this stamp."""
        return stamp_ns in self._applied

    def begins_within(self, after_ns: int, until_ns: int) -> bool:
        """Whether it does so for a later state up to a stamp."""
        return any(after_ns < stamp_ns <= until_ns for stamp_ns in self._applied)

    def accounted(self, stamp_ns: int) -> AppliedAction | None:
        """Return what the guard made of the action that began at a state; counts why nothing."""
        self._counts.unused += _drop_before(self._applied, stamp_ns)
        applied = self._applied.pop(stamp_ns)
        if applied.mode != self._mapping.mode:
            self._counts.other_mode += 1
        elif not (self._fits(applied.applied) and self._fits(applied.desired)):
            self._counts.unknown += 1
        else:
            return applied
        return None

    def commanded(self, stamps: Sequence[int]) -> AppliedAction | None:
        """Return what was commanded over a period, of which these are the stamps of the states.

        None, counted, if nothing was, or anything in another mode than the task's.
        """
        _drop_before(self._answers, stamps[0])
        _drop_before(self._received, stamps[0])
        commands: list[RecordedCommand] = []
        for stamp_ns in stamps:
            commands += self._answers.pop(stamp_ns, [])
            strangers = [c for c in self._received.pop(stamp_ns, []) if not self._answered(c)]
            self._counts.by_receipt += len(strangers)
            commands += strangers
        if not commands:
            self._counts.missing += 1
            return None
        if any(command.mode != self._mapping.mode for command in commands):
            self._counts.other_mode += 1
            return None
        return self._sum_up(stamps[0], commands)

    def forget(self) -> None:
        """Drop everything: the clock was set back, or the recording ends."""
        self._counts.unused += len(self._applied)
        self._applied.clear()
        self._answers.clear()
        self._received.clear()

    def _answered(self, command: RecordedCommand) -> bool:
        return command.stamp_ns is not None and self._knows(command.stamp_ns)

    def _sum_up(self, stamp_ns: int, commands: list[RecordedCommand]) -> AppliedAction:
        mode = self._mapping.mode
        if mode is CommandMode.POSITION:
            values = commands[-1].values
        else:
            values = sum((c.values for c in commands), np.zeros(self._mapping.size))
            values = values / len(commands)
        self._used += 1
        ticks = len(commands)
        return AppliedAction(
            stamp_ns, SESSION, self._used, mode, values, values, ticks, 0, Level.NORMAL
        )

    def _fits(self, values: Vector) -> bool:
        return values.shape == (self._mapping.size,) and bool(np.isfinite(values).all())


def _same(one: RecordedCommand, other: RecordedCommand) -> bool:
    return one.mode == other.mode and np.array_equal(one.values, other.values)


def _drop_before(by_stamp: dict[int, Any], stamp_ns: int) -> int:
    """Drop the oldest entries, which come first; how many."""
    dropped = 0
    while by_stamp and (first := next(iter(by_stamp))) < stamp_ns:
        del by_stamp[first]
        dropped += 1
    return dropped
