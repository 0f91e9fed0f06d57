# SPDX-License-Identifier: Apache-2.0
"""A recorded lock-step run in the order of its stamps: what belongs to one joint state, together.

Several processes publish, so a bag's order of receipt is not that of events; stamps are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import heapq
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from std_msgs.msg import Float64MultiArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.state_assembly import StateAssembler
from maxent_robot.types import NANOSECONDS, ActionSample, JointSample, Level
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import ROBOT_TOPICS

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagReader

WINDOW_NS = 2 * NANOSECONDS  # of log time, by less than which messages of one moment lie apart
STOP_NS = NANOSECONDS // 2  # likewise: a stop may have acted so much before it was seen


@dataclass
class Moment:
    """What was recorded with one stamp."""

    stamp_ns: int
    state: JointSample | None = None  # with the signals that the guard must see
    actions: list[ActionSample] = field(default_factory=list)  # each once
    command: Any = None  # message on the robot's command topic


@dataclass
class _Parts:
    """Parts of a moment as they come in; `received_ns` is the log time of the first."""

    received_ns: int
    joints: JointSample | None = None
    signals: dict[str, Any] = field(default_factory=dict)
    actions: dict[tuple[str, int], ActionSample] = field(default_factory=dict)
    command: Any = None

    def moment(self, stamp_ns: int, wanted: tuple[str, ...]) -> Moment:
        """Put the state together as policy and guard do in lock-step."""
        found: list[JointSample] = []
        assembler = StateAssembler(dict.fromkeys(wanted, 0), found.append, exact=True)
        for name, values in self.signals.items():
            assembler.on_signal(name, stamp_ns, values)
        if self.joints is not None:
            assembler.on_joints(self.joints)
        state = found[0] if found else None
        return Moment(stamp_ns, state, list(self.actions.values()), self.command)


class StampOrder:
    """Iterates over Moments in the order of their stamps, and AppliedCommands as they come.

    An AppliedCommand comes before the Moment at which it was published. The iteration ends at an
    emergency stop, whose place between two ticks is not recorded, and where the clock of the
    robot was set back; `ended` then says so.
    """

    def __init__(self, reader: BagReader, spec: RobotSpec, command_topic: str) -> None:
        """Prepare to read the topics of a robot."""
        self.ended = ''
        self._reader = reader
        self._wanted = tuple(spec.guard_signals)
        self._parts: dict[int, _Parts] = {}
        self._heap: list[int] = []  # their stamps
        self._released = -1  # the newest stamp that is done with
        robot, name = ROBOT_TOPICS[spec.name], reader.name
        self._take: dict[str, Callable[[Any, int], None]] = {
            name(robot.joint_states): self._on_joints,
            name(topics.POLICY_ACTION): self._on_action,
            name(command_topic): self._on_command,
        }
        for signal in self._wanted:
            source = robot.signals[signal]
            self._take[name(source.topic)] = self._listener(signal, source.values)
        self._applied = name(topics.APPLIED_COMMAND)
        self._stops = {name(topics.EMERGENCY_STOP), name(topics.SAFETY_STATUS)}

    def __iter__(self) -> Iterator[Any]:
        """Yield Moments and AppliedCommand messages; BagError for a message that cannot be."""
        begin_ns: int | None = None
        for message in self._reader.messages([*self._take, self._applied, *self._stops]):
            begin_ns = message.received_ns if begin_ns is None else begin_ns
            decoded = self._reader.decode(message)
            if message.topic == self._applied:
                yield decoded
            elif message.topic not in self._stops:
                self._take[message.topic](decoded, message.received_ns)
                yield from self._settled(message.received_ns - WINDOW_NS)
            elif getattr(decoded, 'level', Level.ESTOP) == Level.ESTOP:
                self.ended = 'the comparison ends at the emergency stop'
                self._forget(message.received_ns - STOP_NS)
            if self.ended:
                after_s = (message.received_ns - begin_ns) / NANOSECONDS
                self.ended += f', {after_s:.1f} s after the first message'
                break
        yield from self._settled(None)

    def _settled(self, before_ns: int | None) -> Iterator[Moment]:
        """Yield moments to which nothing can be added: a later one began before that log time.

        How long one moment lasts is not bounded: simulated time waits for a learner. None: all.
        """
        heap = self._heap
        while heap:
            if before_ns is not None:
                later = min(heap[1:3], default=None)
                if later is None or self._parts[later].received_ns > before_ns:
                    return
            stamp_ns = self._released = heapq.heappop(heap)
            yield self._parts.pop(stamp_ns).moment(stamp_ns, self._wanted)

    def _forget(self, since_ns: int) -> None:
        """Drop the moments from a log time on."""
        first = min((s for s, p in self._parts.items() if p.received_ns > since_ns), default=None)
        if first is not None:
            self._parts = {s: p for s, p in self._parts.items() if s < first}
            self._heap = sorted(self._parts)

    def _at(self, stamp_ns: int, received_ns: int) -> _Parts | None:
        """Return the parts of a moment; None if it is done with: this is a repetition."""
        if stamp_ns <= self._released:
            return None
        if stamp_ns not in self._parts:
            self._parts[stamp_ns] = _Parts(received_ns)
            heapq.heappush(self._heap, stamp_ns)
        return self._parts[stamp_ns]

    def _on_joints(self, message: Any, received_ns: int) -> None:
        sample = conversions.to_joint_sample(message)
        if sample.stamp_ns < self._released:
            self.ended = 'the comparison ends where the clock of the robot was set back'
            return
        parts = self._at(sample.stamp_ns, received_ns)
        if parts is not None and parts.joints is None:
            parts.joints = sample

    def _listener(
        self, name: str, values: Callable[[Any], NDArray[Any]]
    ) -> Callable[[Any, int], None]:
        def on_signal(message: Any, received_ns: int) -> None:
            parts = self._at(conversions.to_ns(message.header.stamp), received_ns)
            if parts is not None:
                parts.signals.setdefault(name, values(message))

        return on_signal

    def _on_action(self, message: Any, received_ns: int) -> None:
        try:
            action = conversions.to_action_sample(message)
        except ValueError:
            return  # refused before it reached the guard
        parts = self._at(action.stamp_ns, received_ns)
        if parts is not None:
            parts.actions.setdefault((action.session_id, action.seq), action)

    def _on_command(self, message: Any, received_ns: int) -> None:
        is_plain = isinstance(message, Float64MultiArray)
        stamp_ns = (
            conversions.answered_stamp(message)
            if is_plain
            else conversions.to_ns(message.header.stamp)
        )
        parts = None if stamp_ns is None else self._at(stamp_ns, received_ns)
        if parts is not None and parts.command is None:
            parts.command = message
