# SPDX-License-Identifier: Apache-2.0
"""Conversions between ROS messages and the plain values of maxent_robot.

Message fields are assigned as `array.array`: rosidl copies an array in one go, but walks through
`bytes` and lists element by element (rosidl_python#156: minutes for a megabyte).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from builtin_interfaces.msg import Time
from intera_core_msgs.msg import JointCommand
from maxent_msgs.msg import AppliedCommand, PolicyAction, Step
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension

from maxent_robot.episode_outputs import StepRecord
from maxent_robot.types import (
    NANOSECONDS,
    ActionSample,
    AppliedAction,
    Command,
    CommandMode,
    JointSample,
    Level,
)

MOST_DIGITS = 19  # of a stamp in ns; Python refuses to read thousands of them
COMMAND_FIELDS = {
    CommandMode.POSITION: 'position',
    CommandMode.VELOCITY: 'velocity',
    CommandMode.TORQUE: 'effort',
}


def to_ns(stamp: Time) -> int:
    """Return a time stamp as integer nanoseconds."""
    return stamp.sec * NANOSECONDS + stamp.nanosec


def to_stamp(ns: int) -> Time:
    """Return integer nanoseconds as a time stamp."""
    return Time(sec=ns // NANOSECONDS, nanosec=ns % NANOSECONDS)


def to_bytes(data: bytes | bytearray | memoryview) -> array[int]:
    """Return a payload in the form that uint8[] fields take without a walk over each byte."""
    return array('B', data)


def to_doubles(values: NDArray[np.float64] | Sequence[float]) -> array[float]:
    """Return numbers in the form that float64[] fields take."""
    return array('d', np.asarray(values, dtype=np.float64).tobytes())


def to_floats(values: NDArray[np.float32] | Sequence[float]) -> array[float]:
    """Return numbers in the form that float32[] fields take."""
    return array('f', np.asarray(values, dtype=np.float32).tobytes())


def to_joint_sample(message: JointState) -> JointSample:
    """Return what a joint state says, unchecked: the arrays may have any length."""
    return JointSample(
        stamp_ns=to_ns(message.header.stamp),
        names=tuple(message.name),
        position=np.array(message.position, dtype=np.float64),
        velocity=np.array(message.velocity, dtype=np.float64),
        effort=np.array(message.effort, dtype=np.float64),
    )


def from_joint_sample(sample: JointSample) -> JointState:
    """Return a joint state without efforts."""
    message = JointState(
        name=list(sample.names),
        position=to_doubles(sample.position),
        velocity=to_doubles(sample.velocity),
    )
    message.header.stamp = to_stamp(sample.stamp_ns)
    return message


def from_positions(command: Command) -> Float64MultiArray:
    """Return positions as ros2_control's forward controllers take them.

    The type has no header: the label of its dimension holds the stamp in ns that the command
    answers, which a robot disregards and a simulation in lock-step waits for.
    """
    size = len(command.values)
    dimension = MultiArrayDimension(label=str(command.stamp_ns), size=size, stride=size)
    message = Float64MultiArray(data=to_doubles(command.values))
    message.layout.dim = [dimension]
    return message


def answered_stamp(message: Float64MultiArray) -> int | None:
    """Return the stamp in ns that `from_positions` has put in, None if another has sent it."""
    dimensions = message.layout.dim
    text = dimensions[0].label if len(dimensions) == 1 else ''
    is_number = text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_number else None


def to_action_sample(message: PolicyAction) -> ActionSample:
    """Return what a policy asks for, with its numbers unchecked.

    Raises:
        ValueError: the command mode is none of POSITION, VELOCITY, TORQUE.
    """
    return ActionSample(
        stamp_ns=to_ns(message.header.stamp),
        session_id=message.session_id,
        seq=message.seq,
        skill=message.skill,
        policy_version=message.policy_version,
        mode=_command_mode(message.command_mode),
        names=tuple(message.joint_names),
        values=np.array(message.values, dtype=np.float64),
    )


def from_action_sample(action: ActionSample) -> PolicyAction:
    """Return the message for a policy's action."""
    message = PolicyAction(
        session_id=action.session_id,
        seq=action.seq,
        skill=action.skill,
        policy_version=action.policy_version,
        command_mode=int(action.mode),
        joint_names=list(action.names),
        values=to_doubles(action.values),
    )
    message.header.stamp = to_stamp(action.stamp_ns)
    return message


def to_applied_action(message: AppliedCommand) -> AppliedAction:
    """Return what became of an action.

    Raises:
        ValueError: the command mode or the level is unknown.
    """
    return AppliedAction(
        stamp_ns=to_ns(message.header.stamp),
        session_id=message.session_id,
        seq=message.seq,
        mode=_command_mode(message.command_mode),
        desired=np.array(message.desired, dtype=np.float64),
        applied=np.array(message.applied, dtype=np.float64),
        ticks=message.ticks,
        flags=message.flags,
        level=Level(message.level),
    )


def from_applied_action(action: AppliedAction, joint_names: Sequence[str]) -> AppliedCommand:
    """Return the message for a finished action; its arrays are in the order of `joint_names`."""
    message = AppliedCommand(
        session_id=action.session_id,
        seq=action.seq,
        command_mode=int(action.mode),
        joint_names=list(joint_names),
        desired=to_doubles(action.desired),
        applied=to_doubles(action.applied),
        ticks=action.ticks,
        flags=int(action.flags),
        level=int(action.level),
    )
    message.header.stamp = to_stamp(action.stamp_ns)
    return message


def to_command(message: JointCommand) -> Command:
    """Return the command in the order of the message's own joint names.

    Raises:
        ValueError: the mode is none of POSITION, VELOCITY, TORQUE.
    """
    mode = _command_mode(message.mode)
    return Command(
        stamp_ns=to_ns(message.header.stamp),
        mode=mode,
        values=np.array(getattr(message, COMMAND_FIELDS[mode]), dtype=np.float64),
    )


def from_command(command: Command, joint_names: Sequence[str]) -> JointCommand:
    """Return the Intera command; only the field that its mode needs is filled."""
    message = JointCommand(mode=int(command.mode), names=list(joint_names))
    message.header.stamp = to_stamp(command.stamp_ns)
    setattr(message, COMMAND_FIELDS[command.mode], to_doubles(command.values))
    return message


def to_step_record(message: Step) -> StepRecord:
    """Return one step of an episode."""
    return StepRecord(
        stamp_ns=to_ns(message.header.stamp),
        session_id=message.session_id,
        episode=message.episode,
        index=message.index,
        skill=message.skill,
        policy_version=message.policy_version,
        layout_hash=message.layout_hash,
        observation=np.array(message.observation, dtype=np.float32),
        action=np.array(message.action, dtype=np.float32),
        applied_action=np.array(message.applied_action, dtype=np.float32),
        reward=message.reward,
        reward_terms=dict(zip(message.reward_term_names, message.reward_terms, strict=True)),
        measures=dict(zip(message.measure_names, message.measures, strict=True)),
        terminated=message.terminated,
        truncated=message.truncated,
    )


def from_step_record(step: StepRecord) -> Step:
    """Return the message for one step of an episode."""
    message = Step(
        session_id=step.session_id,
        episode=step.episode,
        index=step.index,
        skill=step.skill,
        policy_version=step.policy_version,
        layout_hash=step.layout_hash,
        observation=to_floats(step.observation),
        action=to_floats(step.action),
        applied_action=to_floats(step.applied_action),
        reward=float(step.reward),
        reward_term_names=list(step.reward_terms),
        reward_terms=to_doubles(list(step.reward_terms.values())),
        measure_names=list(step.measures),
        measures=to_doubles(list(step.measures.values())),
        terminated=step.terminated,
        truncated=step.truncated,
    )
    message.header.stamp = to_stamp(step.stamp_ns)
    return message


def _command_mode(value: int) -> CommandMode:
    try:
        return CommandMode(value)
    except ValueError:
        known = ', '.join(f'{mode.value} ({mode.name})' for mode in CommandMode)
        raise ValueError(f'command mode {value} is unknown; known are {known}') from None
