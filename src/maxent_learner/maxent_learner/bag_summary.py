# SPDX-License-Identifier: Apache-2.0
"""What a person wants to know of a bag: what was done, how well, by whom, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxent_learner.bag_reader import MalformedMessageError
from maxent_learner.bag_steps import StepCounts, read_steps
from maxent_learner.episode_log import EpisodeLog, EpisodeResult
from maxent_learner.sequence_gaps import SequenceGaps
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.safety.flags import INTERVENTIONS, Flag
from maxent_robot.types import NANOSECONDS, Level
from maxent_ros import topics

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagMessage, BagReader


@dataclass
class TopicTotal:
    """How much there is of a topic."""

    type_name: str
    messages: int = 0
    size: int = 0  # bytes, serialised, before compression
    lost: int = 0  # messages that were published but are not there; 0 where that is not known


@dataclass(frozen=True)
class Acted:
    """A skill, or a run that learns, that acted for a while; times in s from the first step."""

    skill: str
    first_version: int
    last_version: int
    from_s: float
    to_s: float
    steps: int


@dataclass
class GuardTotals:
    """What the guard made of the actions."""

    actions: int = 0
    changed: int = 0  # actions in whose period a limit changed a command
    flags: Counter[Flag] = field(default_factory=Counter)  # by how many actions raised them
    levels: Counter[int] = field(default_factory=Counter)  # highest of each action, see Level
    stops: list[tuple[float, str]] = field(default_factory=list)  # s from the first message, why


@dataclass
class BagSummary:
    """See the module. Counts are of what could be read."""

    path: Path
    about: Mapping[str, str]
    files: int
    size: int  # bytes on the disk
    duration_s: float = 0.0  # from the first message to the last, by log time
    topics: dict[str, TopicTotal] = field(default_factory=dict)
    episodes: list[EpisodeResult] = field(default_factory=list)
    cut_off: int = 0  # episodes without their last step
    steps: StepCounts = field(default_factory=StepCounts)
    acted: list[Acted] = field(default_factory=list)
    guard: GuardTotals = field(default_factory=GuardTotals)
    damage: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """Messages of all topics."""
        return sum(total.messages for total in self.topics.values())


def summarise(reader: BagReader) -> BagSummary:
    """Read a whole bag.

    Raises:
        BagError: several robots are in the bag and none was chosen, or a message that cannot be.
    """
    size = sum(path.stat().st_size for path in reader.files)
    summary = BagSummary(reader.path, reader.about, len(reader.files), size)
    _add_messages(summary, reader)
    _add_steps(summary, reader)
    summary.damage += reader.damage
    summary.notes += reader.notes
    return summary


def _add_messages(summary: BagSummary, reader: BagReader) -> None:
    summary.topics = {name: TopicTotal(kind) for name, kind in sorted(reader.topics.items())}
    gaps = {name: SequenceGaps(lambda: frozenset({b'the only one'})) for name in summary.topics}
    watch = _GuardWatch(reader, summary.guard)
    first = last = None
    strange: list[str] = []
    for message in reader.messages():
        total = summary.topics[message.topic]
        total.messages += 1
        total.size += len(message.data)
        gaps[message.topic].see(message.sequence)
        first = message.received_ns if first is None else first
        last = message.received_ns
        try:
            watch.add(message, (last - first) / NANOSECONDS)
        except MalformedMessageError as error:
            strange.append(str(error))
    if first is not None and last is not None:
        summary.duration_s = (last - first) / NANOSECONDS
    if strange:
        summary.damage.append(f'{len(strange)} messages are left out, the first: {strange[0]}')
    for name, gap in gaps.items():
        if not gap.unclear:  # else there were several publishers, or no numbers
            summary.topics[name].lost = gap.lost


class _GuardWatch:
    """Adds up what the guard said."""

    def __init__(self, reader: BagReader, totals: GuardTotals) -> None:
        self._reader, self._totals = reader, totals
        self._applied = reader.name(topics.APPLIED_COMMAND)
        self._status = reader.name(topics.SAFETY_STATUS)
        self._stop = reader.name(topics.EMERGENCY_STOP)
        self._level: int = Level.NORMAL

    def add(self, message: BagMessage, after_s: float) -> None:
        """Take any message."""
        if message.topic == self._applied:
            self._add_account(self._reader.decode(message))
        elif message.topic == self._status:
            self._add_status(self._reader.decode(message), after_s)
        elif message.topic == self._stop:
            self._totals.stops.append((after_s, f'message on {self._stop}'))

    def _add_account(self, account: Any) -> None:
        totals, flags = self._totals, Flag(account.flags)
        totals.actions += 1
        totals.changed += bool(flags & INTERVENTIONS)
        totals.flags.update(flag for flag in Flag if flag in flags)
        totals.levels[account.level] += 1

    def _add_status(self, status: Any, after_s: float) -> None:
        level, self._level = self._level, status.level
        if self._level == Level.ESTOP != level:
            self._totals.stops.append((after_s, status.reason))


def _add_steps(summary: BagSummary, reader: BagReader) -> None:
    log, who = EpisodeLog(), _WhoActed()
    before: StepRecord | None = None
    for step in read_steps(reader, summary.steps):
        follows = before is not None and _follows(before, step)
        result = log.add(step, transition=follows)
        if result is not None:
            summary.episodes.append(result)
        who.add(step)
        before = step
    summary.acted = who.acted
    summary.cut_off = summary.steps.episodes - len(summary.episodes)


def _follows(before: StepRecord, step: StepRecord) -> bool:
    """Whether a step is a transition from the one before."""
    same = (before.session_id, before.episode) == (step.session_id, step.episode)
    return same and step.index == before.index + 1


class _WhoActed:
    """Notes who acted from when to when."""

    def __init__(self) -> None:
        self.acted: list[Acted] = []
        self._first_ns: int | None = None

    def add(self, step: StepRecord) -> None:
        """Take the next step."""
        self._first_ns = step.stamp_ns if self._first_ns is None else self._first_ns
        now_s = (step.stamp_ns - self._first_ns) / NANOSECONDS
        version, last = step.policy_version, self.acted[-1] if self.acted else None
        if last is not None and last.skill == step.skill and version >= last.last_version:
            first, from_s, steps = last.first_version, last.from_s, last.steps
            self.acted.pop()
        else:
            first, from_s, steps = version, now_s, 0
        steps += step.index > 0
        self.acted.append(Acted(step.skill, first, version, from_s, now_s, steps))
