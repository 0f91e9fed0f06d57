# SPDX-License-Identifier: Apache-2.0
"""Replays a recorded lock-step run through the guard of today: a regression test of the guard.

Recorded joint states and actions go through a new guard as the guard node does it in lock-step
(docs/design.md, "One control period, lock-step"); what it commands must be what was recorded, to
the bit. Where the bag lacks a state or an action nothing is compared until the next reset, at
which a guard forgets all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from std_msgs.msg import Float64MultiArray

from maxent_learner.bag_moments import Moment, StampOrder
from maxent_learner.bag_reader import BagError
from maxent_learner.message_bits import difference, distance
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.config import SIMULATED_REST, GuardConfig
from maxent_robot.safety.guard import GAP_NS, Guard, TickResult
from maxent_robot.types import NANOSECONDS, AppliedAction, JointSample
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import ROBOT_TOPICS

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagReader

ROUNDING = 1e-5  # single precision of networks; the guard's, double, differs by 1e-13


@dataclass(frozen=True)
class ReplayReport:
    """How much of a bag came out the same."""

    compared: int
    different: int
    first_difference: str = ''  # '' if there is none
    largest: float = 0.0  # difference of numbers; tiny if a processor merely rounds differently
    left_out: int = 0  # recorded, but what led to it is not known
    ended: str = ''  # why the comparison ended before the bag did

    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing differs beyond rounding."""
        return self.compared > 0 and self.largest <= ROUNDING

    def sentence(self, what: str) -> str:
        """Say it to a person, `what` being the plural of what was compared."""
        same = self.compared - self.different
        parts = [f'{same:,} of {self.compared:,} {what} the same to the bit']
        if self.first_difference:
            parts.append(f'the first that differs: {self.first_difference}')
        if self.different:
            cause = ', as between processors of two kinds' if self.largest <= ROUNDING else ''
            parts.append(f'the largest difference is {self.largest:.1g}{cause}')
        if self.left_out:
            parts.append(f'{self.left_out:,} not compared, for what led to them is not known')
        return '; '.join(parts + [self.ended] * bool(self.ended))


@dataclass
class Comparison:
    """Counts what is compared."""

    compared: int = 0
    different: int = 0
    first_difference: str = ''
    largest: float = 0.0
    left_out: int = 0
    ended: str = ''

    def add(self, name: str, difference_found: str, size: float = 0.0) -> None:
        """Count one thing; its difference is '' if it is the same."""
        self.compared += 1
        self.largest = max(self.largest, size)
        self.different += bool(difference_found)
        if difference_found and not self.first_difference:
            self.first_difference = f'{name}: {difference_found}'

    def report(self) -> ReplayReport:
        """Return the counts."""
        return ReplayReport(**vars(self))


def require_lock_step(reader: BagReader) -> None:
    """Refuse a bag whose commands depend on when something arrived.

    Raises:
        BagError: recorded in real time, as about.json says or else the guard's lateness.
    """
    pacing = reader.about.get('pacing', '')
    late = not pacing and any(
        reader.decode(message).lateness_p999_us > 0.0
        for message in reader.messages([reader.name(topics.SAFETY_STATUS)])
    )
    if late or pacing not in ('', 'lockstep'):
        raise BagError(
            f'{reader.path} was recorded in real time, where commands depend on when each message '
            'arrived: only lock-step bags (--pacing lockstep) can be compared to the bit'
        )


def replay_guard(
    reader: BagReader, spec: RobotSpec, figures: GuardConfig | None = None
) -> ReplayReport:
    """Compare joint commands and applied commands with those of a new guard.

    Args:
        reader: of a bag of a lock-step run.
        spec: of the robot.
        figures: of the guard; None: those of the robot in a simulation.

    Raises:
        BagError: recorded in real time, nothing of this robot in it, or a message that cannot be.
    """
    require_lock_step(reader)
    if spec.name not in ROBOT_TOPICS:
        raise BagError(f"no topics are known for robot '{spec.name}'")
    if figures is None:
        figures = replace(spec.guard, overload_rest=SIMULATED_REST)
    replay = _GuardReplay(spec, figures)
    order = StampOrder(reader, spec, ROBOT_TOPICS[spec.name].command)
    for item in order:
        if isinstance(item, Moment):
            replay.at(item)
        else:
            replay.take(item)
    report = replay.report(order.ended)
    if not report.compared and not report.ended:
        known = ROBOT_TOPICS[spec.name]
        raise BagError(
            f'{reader.path} holds no commands of a {spec.name} with the states and actions that '
            f'led to them: record {known.joint_states}, {topics.POLICY_ACTION}, '
            f'{topics.APPLIED_COMMAND} and {known.command} from the beginning of an episode on'
        )
    return report


class _GuardReplay:
    """A guard that ticks at each recorded state as in lock-step."""

    def __init__(self, spec: RobotSpec, figures: GuardConfig) -> None:
        self._guard = Guard(spec, figures)
        self._names = spec.joint_names
        self._last: int | None = None  # stamp of the newest state
        self._whole = False  # all that the guard remembers is in the bag
        self._comparison = Comparison()
        self._recorded: dict[tuple[str, int], Any] = {}  # AppliedCommands, by session and seq

    def at(self, moment: Moment) -> None:
        """Take all that was recorded with one stamp."""
        if moment.state is None:
            if moment.actions or moment.command is not None:
                self._whole = False  # the guard has seen a state that is not in the bag
                self._comparison.left_out += moment.command is not None
            return
        was_whole = self._whole  # an action that ends at a reset belongs to what was before
        if self._last is not None and moment.stamp_ns - self._last > GAP_NS:
            self._whole = True
        elif self._guard.idle and any(action.seq == 1 for action in moment.actions):
            self._whole = True  # the guard had served nobody
        self._last = moment.stamp_ns
        waits, result = self._answer(moment.state, moment)
        if waits and not moment.actions and moment.command is not None:
            self._whole = False  # it was answered: the action is not in the bag
        if result is not None and result.finished is not None:
            self._account(result.finished, was_whole)
        self._compare(moment, result)

    def _answer(self, state: JointSample, moment: Moment) -> tuple[bool, TickResult | None]:
        """Whether the guard waited for an action at this state, and what it then did."""
        guard, now_ns = self._guard, moment.stamp_ns
        if guard.on_state(state, now_ns) is not None:
            return False, None
        waits = guard.action_due(now_ns)
        result = None if waits else guard.tick(now_ns)
        for action in moment.actions:
            accepted = guard.on_action(action, now_ns) is None
            if accepted and result is None:
                result = guard.tick(now_ns)
        return waits, result

    def _compare(self, moment: Moment, result: TickResult | None) -> None:
        if moment.command is None:
            return
        if not self._whole:
            self._comparison.left_out += 1
            return
        name = f'joint command at {moment.stamp_ns / NANOSECONDS:.3f} s'
        command = None if result is None else result.command
        if command is None:
            self._comparison.add(name, 'the guard of today gives none', inf)
            return
        if isinstance(moment.command, Float64MultiArray):
            expected: Any = conversions.from_positions(command)
        else:
            expected = conversions.from_command(command, self._names)
        self._compare_messages(name, expected, moment.command)

    def _compare_messages(self, name: str, replayed: Any, recorded: Any) -> None:
        size = distance(replayed, recorded)
        self._comparison.add(name, difference(replayed, recorded), size)

    def take(self, account: Any) -> None:
        """Take a recorded AppliedCommand; before the moment at which it was published."""
        self._recorded[account.session_id, account.seq] = account

    def _account(self, finished: AppliedAction, whole: bool) -> None:
        recorded = self._recorded.pop((finished.session_id, finished.seq), None)
        if recorded is None:
            return
        if not whole:
            self._comparison.left_out += 1
            return
        replayed = conversions.from_applied_action(finished, self._names)
        name = f'applied command of action {recorded.seq}'
        self._compare_messages(name, replayed, recorded)

    def report(self, ended: str) -> ReplayReport:
        """Return the outcome."""
        self._comparison.left_out += len(self._recorded)
        self._comparison.ended = ended
        return self._comparison.report()
