# SPDX-License-Identifier: Apache-2.0
"""Series over time from a bag: what joints did, what they were told, what the guard changed."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Float64MultiArray

from maxent_learner.bag_steps import read_steps
from maxent_robot.joint_reader import JointReader, MissingJointError
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import CommandMode
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import ROBOT_TOPICS

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagReader

UNITS = {CommandMode.POSITION: 'rad', CommandMode.VELOCITY: 'rad/s', CommandMode.TORQUE: 'N m'}


@dataclass
class Series:
    """Rows of numbers over time."""

    width: int
    _stamps: array[int] = field(default_factory=lambda: array('q'))
    _values: array[float] = field(default_factory=lambda: array('f'))

    def add(self, stamp_ns: int, values: Any) -> None:
        """Append a row, unless its stamp is not newer: a repetition."""
        if not self._stamps or stamp_ns > self._stamps[-1]:
            self._stamps.append(stamp_ns)
            self._values.extend(iter(values))  # an array of doubles cannot extend one of floats

    def __len__(self) -> int:
        return len(self._stamps)

    def thinned(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return every k-th stamp (m,) in ns and row (m, width), m at most `most`."""
        every = max(1, -(-len(self) // most))
        stamps = np.frombuffer(self._stamps, np.int64) if self._stamps else np.empty(0, np.int64)
        values = np.array(self._values, np.float32).reshape(-1, self.width)
        return stamps[::every], values[::every]


@dataclass(frozen=True)
class BagSignals:
    """Series of one robot, by its own clock."""

    positions: Series  # rad, in the robot's order of joints
    commands: Series  # as sent to the robot
    command_unit: str  # rad, rad/s or N m; '' without commands
    flags: list[tuple[int, int]]  # stamp in ns of each action, flags of the guard
    begins_ns: list[int]  # stamps at which episodes begin


def read_signals(reader: BagReader, spec: RobotSpec) -> BagSignals:
    """Read a whole bag.

    Raises:
        BagError: several robots are in the bag and none was chosen, or a message that cannot be.
    """
    size = len(spec.joint_names)
    positions, commands = Series(size), Series(size)
    units: set[str] = set()
    flags: list[tuple[int, int]] = []
    joints = JointReader(spec.joint_names)
    states = reader.name(ROBOT_TOPICS[spec.name].joint_states)
    command = reader.name(ROBOT_TOPICS[spec.name].command)
    applied = reader.name(topics.APPLIED_COMMAND)
    for message in reader.messages({states, command, applied}):
        decoded = reader.decode(message)
        if message.topic == states:
            _add_state(positions, joints, decoded)
        elif message.topic == applied:
            flags.append((conversions.to_ns(decoded.header.stamp), decoded.flags))
        else:
            units.add(_add_command(commands, decoded))
    begins = [step.stamp_ns for step in read_steps(reader) if step.index == 0]
    unit = ' or '.join(sorted(units - {''}))
    return BagSignals(positions, commands, unit, flags, begins)


def _add_state(positions: Series, joints: JointReader, message: Any) -> None:
    try:
        state = joints.read(conversions.to_joint_sample(message))
    except MissingJointError:
        return
    if state is not None:
        positions.add(state.stamp_ns, state.position)


def _add_command(commands: Series, message: Any) -> str:
    """Append a command that answers a state and return its unit, '' if it answers none."""
    if isinstance(message, Float64MultiArray):
        stamp_ns, values = conversions.answered_stamp(message), message.data
        mode = CommandMode.POSITION
    else:
        try:
            command = conversions.to_command(message)
        except ValueError:
            return ''
        stamp_ns, values, mode = command.stamp_ns, command.values, command.mode
    if stamp_ns is None or len(values) != commands.width:
        return ''
    commands.add(stamp_ns, values)
    return UNITS[mode]
