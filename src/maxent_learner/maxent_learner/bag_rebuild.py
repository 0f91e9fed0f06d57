# SPDX-License-Identifier: Apache-2.0
"""Makes steps of a task out of any bag of its robot, whoever moved it.

The rules are those of `maxent_robot.rebuild`. For bags of other people's controllers, which hold
no steps, and to judge our own by another task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from intera_core_msgs.msg import JointCommand
from maxent_msgs.msg import AppliedCommand, Step
import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from maxent_learner.bag_reader import BagError, BagReader, MalformedMessageError
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.rebuild import RebuildCounts, Rebuilder
from maxent_robot.recorded_actions import RecordedCommand
from maxent_robot.recorded_episodes import RecordedStep
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks.task import Task
from maxent_robot.types import CommandMode, Vector
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import PERIODS, ROBOT_TOPICS

__all__ = ['RebuildCounts', 'rebuild_steps']

Take = Callable[[Any, int], list[StepRecord] | None]  # of a message and its log time


@dataclass(frozen=True)
class _Listener:
    """What to do with the messages on a topic."""

    topic: str  # absolute
    kind: type
    take: Take


def rebuild_steps(
    reader: BagReader, spec: RobotSpec, task: Task, seed: int, counts: RebuildCounts
) -> Iterator[StepRecord]:
    """Return the steps of a task that a bag holds, episode by episode.

    Args:
        reader: of the bag.
        spec: the robot.
        task: whose observations and rewards are wanted; its own state is used up.
        seed: of the goals, as of a training.
        counts: what was met is added to it while the steps are taken.

    Raises:
        BagError: a topic is missing, of another type or without messages; at the end of the bag,
            if none of its joint states can be used.
        ValueError: the task is one of another robot, or the seed cannot be.
    """
    if spec.name not in ROBOT_TOPICS:
        raise BagError(
            f"no topics are known for robot '{spec.name}'; known robots: {sorted(ROBOT_TOPICS)}"
        )
    _require(reader, _state_topics(reader, spec, task), 'what the robot does')
    command = ROBOT_TOPICS[spec.name].command
    command_kind = JointCommand if command == topics.JOINT_COMMAND else Float64MultiArray
    applied_topic, command_topic = reader.name(topics.APPLIED_COMMAND), reader.name(command)
    by_applied = _has(reader, applied_topic, AppliedCommand)
    if not by_applied:
        _require(reader, {command_topic: command_kind}, 'what it was told to do')
    step_topic = reader.name(topics.STEP)
    signals = ROBOT_TOPICS[spec.name].signals
    rebuilder = Rebuilder(
        spec,
        task,
        seed,
        counts,
        oldest_ns={name: PERIODS * signals[name].period_ns for name in task.signals},
        by_applied=by_applied,
        by_steps=_has(reader, step_topic, Step),
    )
    listeners = _listeners(reader, spec, task, rebuilder)
    listeners.append(_Listener(step_topic, Step, _take_step(rebuilder)))
    take_command = _take_applied if by_applied else _take_command
    listeners.append(
        _Listener(
            applied_topic if by_applied else command_topic,
            AppliedCommand if by_applied else command_kind,
            take_command(rebuilder, spec.joint_names),
        )
    )
    return _rebuild(reader, rebuilder, {each.topic: each.take for each in listeners})


def _rebuild(
    reader: BagReader, rebuilder: Rebuilder, takers: Mapping[str, Take]
) -> Iterator[StepRecord]:
    for message in reader.messages(takers):
        try:
            decoded = reader.decode(message)
        except MalformedMessageError:
            rebuilder.counts.undecodable += 1
            continue
        yield from takers[message.topic](decoded, message.received_ns) or ()
    yield from rebuilder.finish()
    states = rebuilder.counts.states
    refused = states.unstamped + states.malformed + states.without_joints + states.impossible
    if refused + states.incomplete >= states.read:
        raise BagError(f'{reader.path}: {_useless(rebuilder.counts)}')


def _useless(counts: RebuildCounts) -> str:
    states = counts.states
    reasons = {
        'have no stamp': states.unstamped,
        'are malformed (arrays of another length than the names, or not finite)': states.malformed,
        f'lack joints ({states.missing})': states.without_joints,
        'are beyond the limits of the robot (degrees instead of radians?)': states.impossible,
        "came without a fresh one of the task's other signals": states.incomplete,
    }
    told = ', '.join(f'{count} {reason}' for reason, count in reasons.items() if count)
    return f'none of the {states.read} joint states can be used: {told}'


def _state_topics(reader: BagReader, spec: RobotSpec, task: Task) -> dict[str, type]:
    """Return absolute names and types of the topics that tell a task's states."""
    known = ROBOT_TOPICS[spec.name]
    wanted: dict[str, type] = {reader.name(known.joint_states): JointState}
    for name in task.signals:
        wanted[reader.name(known.signals[name].topic)] = known.signals[name].kind
    return wanted


def _require(reader: BagReader, wanted: Mapping[str, type], why: str) -> None:
    """Raise BagError unless there are messages on every one of these topics."""
    missing = [topic for topic, kind in wanted.items() if not _has(reader, topic, kind)]
    if missing:
        raise BagError(
            f'{reader.path} has no messages on {", ".join(missing)}, which tell {why}: record '
            f'them, say, by `ros2 bag record {" ".join(missing)}`. It holds '
            f'{", ".join(sorted(reader.topics)) or "no topics"}'
        )


def _has(reader: BagReader, topic: str, kind: type) -> bool:
    """Whether a topic has messages; BagError if they are of another type."""
    if topic not in reader.topics:
        return False
    expected, found = (
        '/'.join((*kind.__module__.split('.')[:2], kind.__name__)),
        reader.topics[topic],
    )
    if found != expected:
        raise BagError(f'{reader.path}: {topic} is of type {found}, it must be {expected}')
    return next(iter(reader.messages({topic})), None) is not None


def _listeners(
    reader: BagReader, spec: RobotSpec, task: Task, rebuilder: Rebuilder
) -> list[_Listener]:
    """Return what is done with the topics that tell the states."""
    known = ROBOT_TOPICS[spec.name]

    def take_joints(message: JointState, received_ns: int) -> list[StepRecord]:
        return rebuilder.on_joints(conversions.to_joint_sample(message), received_ns)

    def taker_of(name: str) -> Take:
        values = known.signals[name].values

        def take(message: Any, received_ns: int) -> None:
            stamp_ns = conversions.to_ns(message.header.stamp)
            rebuilder.on_signal(name, stamp_ns, values(message), received_ns)

        return take

    return [
        _Listener(reader.name(known.joint_states), JointState, take_joints),
        *(
            _Listener(
                reader.name(known.signals[name].topic), known.signals[name].kind, taker_of(name)
            )
            for name in task.signals
        ),
    ]


def _take_step(rebuilder: Rebuilder) -> Take:
    def take(message: Step, _received_ns: int) -> None:
        stamp_ns = conversions.to_ns(message.header.stamp)
        action = np.array(message.action, np.float32)
        rebuilder.on_step(RecordedStep(stamp_ns, message.session_id, message.episode, action))

    return take


def _take_applied(rebuilder: Rebuilder, names: tuple[str, ...]) -> Take:
    def take(message: AppliedCommand, _received_ns: int) -> None:
        try:
            applied = conversions.to_applied_action(message)
        except ValueError:  # mode or level is unknown
            rebuilder.counts.actions.malformed += 1
            return
        if tuple(message.joint_names) != names:
            rebuilder.counts.actions.malformed += 1
            return
        rebuilder.on_applied(applied)

    return take


def _take_command(rebuilder: Rebuilder, names: tuple[str, ...]) -> Take:
    def take(message: Any, _received_ns: int) -> None:
        if isinstance(message, JointCommand):
            rebuilder.on_command(_joint_command(message, names))
            return
        stamp_ns = conversions.answered_stamp(message)
        values = np.array(message.data, np.float64)
        rebuilder.on_command(RecordedCommand(stamp_ns, CommandMode.POSITION, values))

    return take


def _joint_command(message: JointCommand, names: tuple[str, ...]) -> RecordedCommand:
    """Return a command in the order of the robot's joints; without values if it lacks one."""
    stamp_ns = conversions.to_ns(message.header.stamp) or None
    try:
        command = conversions.to_command(message)
    except ValueError:  # a mode that no task has
        return RecordedCommand(stamp_ns, None, np.empty(0))
    return RecordedCommand(stamp_ns, command.mode, _ordered(message.names, command.values, names))


def _ordered(given: list[str], values: Vector, names: tuple[str, ...]) -> Vector:
    if sorted(given) != sorted(names) or len(values) != len(names):
        return np.empty(0)
    return values[[given.index(name) for name in names]]
