# SPDX-License-Identifier: Apache-2.0
"""Steps of a bag in the order in which the learner took them.

They are read in the order in which they were recorded, whatever the clocks said, and put in order
by the rules of `step_order`. Numbers are not looked at: `Trainer.observe` refuses and counts what
is not finite.
"""

from __future__ import annotations

from collections.abc import Iterator

from maxent_learner.bag_reader import BagError, BagMessage, BagReader
from maxent_learner.step_cdr import LITTLE_ENDIAN, decode_step
from maxent_learner.step_order import StepCounts, StepOrder
from maxent_robot.episode_outputs import StepRecord
from maxent_ros import topics
from maxent_ros.conversions import to_step_record

__all__ = ['StepCounts', 'joint_names', 'read_steps']

STEP_TYPE = 'maxent_msgs/msg/Step'
ACTION_TYPE = 'maxent_msgs/msg/PolicyAction'


def read_steps(reader: BagReader, counts: StepCounts | None = None) -> Iterator[StepRecord]:
    """Yield the recorded steps, each once and in order.

    Args:
        reader: of the bag; its namespace chooses the robot.
        counts: grows while the steps are taken.

    Raises:
        BagError: steps of several robots and no namespace chosen, of several observation layouts
            (raised at the first step of the second), or recorded with another definition.
    """
    counts = StepCounts() if counts is None else counts
    order = StepOrder(counts)
    topic = reader.name(topics.STEP)
    first: StepRecord | None = None
    for message in _of_type(reader, topic, STEP_TYPE):
        try:
            step = _to_step(reader, message)
        except ValueError:
            counts.malformed += 1
            continue
        if first is None:
            first = step
        elif step.layout_hash != first.layout_hash:
            raise BagError(_mixed(reader, topic, first, step))
        yield from order.add(step)
    yield from order.finish()


def joint_names(reader: BagReader) -> tuple[str, ...]:
    """Return the names of the joints that the recorded actions move, () if none is recorded.

    Raises:
        BagError: actions name different joints, or cannot be decoded.
    """
    found: tuple[str, ...] = ()
    topic = reader.name(topics.POLICY_ACTION)
    for message in _of_type(reader, topic, ACTION_TYPE):
        names = tuple(reader.decode(message).joint_names)
        if found and names != found:
            raise BagError(
                f'{reader.path} mixes robots: actions on {topic} move the joints '
                f'{", ".join(found)} first and {", ".join(names)} later; record one robot per '
                'namespace and choose one, or one per bag'
            )
        found = names
    return found


def _of_type(reader: BagReader, topic: str, type_name: str) -> Iterator[BagMessage]:
    """Yield the messages on a topic; BagError if they cannot be of this type."""
    found = reader.topics.get(topic, type_name)
    if found != type_name:
        raise BagError(f'{reader.path}: {topic} carries {found} and not {type_name}')
    if topic in reader.topics:
        reader.require_definition(type_name)
    return reader.as_received({topic})


def _to_step(reader: BagReader, message: BagMessage) -> StepRecord:
    """Return a step, its definition being the installed one; ValueError if it is none."""
    if message.data.startswith(LITTLE_ENDIAN):
        return decode_step(message.data)
    return to_step_record(reader.decode(message))


def _mixed(reader: BagReader, topic: str, first: StepRecord, other: StepRecord) -> str:
    one, two = (
        f'{step.layout_hash} (session {step.session_id}, episode {step.episode}, skill '
        f'{step.skill})'
        for step in (first, other)
    )
    return (
        f'{reader.path} mixes observation layouts on {topic}: {one} and {two}; they cannot be '
        'learned from together: record one task per bag'
    )
