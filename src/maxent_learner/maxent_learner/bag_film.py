# SPDX-License-Identifier: Apache-2.0
"""Films the motion in a bag: the robot's model takes on the recorded states, at real speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxent_learner.bag_reader import BagError
from maxent_robot.joint_reader import JointReader, MissingJointError
from maxent_robot.robots import get_robot
from maxent_robot.types import NANOSECONDS
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import ROBOT_TOPICS
from sim_bridge.simulations import make_simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maxent_learner.bag_reader import BagReader
    from sim_bridge.robot_simulation import RobotSimulation

PERIOD_NS = 50_000_000  # from one frame to the next
MOST_FRAMES = 2400  # two minutes: all are kept in memory until the film is written
SHOWN_SIGNALS = ('odometry', 'valve')  # of those that the robots tell, what can be seen


@dataclass(frozen=True)
class BagFilm:
    """What was recorded, to be seen."""

    frames: list[NDArray[np.uint8]]  # (height, width, 3)
    period_s: float  # from one to the next
    whole: bool  # the bag held no more


def film_bag(reader: BagReader, robot: str, size: tuple[int, int]) -> BagFilm:
    """Draw the recorded states of a robot, one every 50 ms of its own clock.

    Where the robot was put back, time that nobody saw is left out.

    Args:
        reader: of the bag.
        robot: name of the robot.
        size: width and height of a frame in pixels.

    Raises:
        BagError: no states of this robot, or a message that cannot be.
        sim_bridge.rendering.RenderingUnavailableError: no OpenGL here.
    """
    simulation = make_simulation(robot, {})
    frames: list[NDArray[np.uint8]] = []
    whole = True
    try:
        for _ in _scenes(reader, robot, simulation):
            if len(frames) >= MOST_FRAMES:
                whole = False
                break
            frames.append(simulation.render(*size))
    finally:
        simulation.close()
    if not frames:
        raise BagError(
            f'{reader.path} holds no joint states of a {robot} on '
            f'{reader.name(ROBOT_TOPICS[robot].joint_states)}'
        )
    return BagFilm(frames, PERIOD_NS / NANOSECONDS, whole)


def _scenes(reader: BagReader, robot: str, simulation: RobotSimulation) -> Iterator[None]:
    """Bring the simulation from one scene to the next."""
    spec, sources = get_robot(robot), ROBOT_TOPICS[robot]
    states, goals = reader.name(sources.joint_states), reader.name(topics.GOAL)
    watched = {
        reader.name(source.topic): (name, source.values)
        for name, source in sources.signals.items()
        if name in SHOWN_SIGNALS
    }
    joints, signals = JointReader(spec.joint_names), dict[str, NDArray[Any]]()
    due_ns: int | None = None
    for message in reader.messages({states, goals, *watched}):
        decoded = reader.decode(message)
        if message.topic in watched:
            name, values = watched[message.topic]
            found = values(decoded)
            if found.shape == (spec.signals[name],) and np.isfinite(found).all():
                signals[name] = found
        elif message.topic == goals:
            point = decoded.pose.position
            simulation.set_target((point.x, point.y, point.z))  # a goal that cannot be stays away
        else:
            position = _position(joints, decoded)
            stamp_ns = conversions.to_ns(decoded.header.stamp)
            if position is None or (due_ns is not None and 0 < due_ns - stamp_ns <= PERIOD_NS):
                continue
            due_ns = _next(due_ns, stamp_ns)
            simulation.show(position, signals)
            yield


def _next(due_ns: int | None, stamp_ns: int) -> int:
    """When the next frame is due: a period later, or counted anew where time has jumped."""
    if due_ns is None or not 0 <= stamp_ns - due_ns < PERIOD_NS:
        return stamp_ns + PERIOD_NS
    return due_ns + PERIOD_NS


def _position(joints: JointReader, message: Any) -> NDArray[np.float64] | None:
    try:
        state = joints.read(conversions.to_joint_sample(message))
    except MissingJointError:
        return None
    return None if state is None else state.position
