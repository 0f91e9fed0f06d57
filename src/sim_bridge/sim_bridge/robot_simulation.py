# SPDX-License-Identifier: Apache-2.0
"""What the simulations of all robots have in common: MuJoCo scenes, stepped in guard ticks.

Reproducible to the bit: after `reset`, the same commands give the same trajectory, whatever
happened before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import NANOSECONDS, CommandMode, JointSample, Vector
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.rendering import OffscreenRenderer

RESET_GAP_NS = 2 * NANOSECONDS  # time that a real motion to the start pose would take
TARGET = 'target'  # mocap body of every scene: where the goal is shown
CAMERA = 'overview'  # of every scene
NOTHING: Mapping[str, float] = MappingProxyType({})
UNKNOWN: Mapping[str, NDArray[Any]] = MappingProxyType({})


class RobotSimulation(ABC):
    """Physics and robot-side behaviour of one robot. Joint arrays are in the robot's order.

    `time_ns` is the robot's clock, which only moves forward. A subclass loads its model through
    this constructor and may use `_data` (the physics) and `_scratch` (for questions that must not
    touch it).
    """

    def __init__(self, robot: RobotSpec, xml: str) -> None:
        """Compile a model; raises ValueError if its time step does not divide the guard period."""
        self.robot = robot
        self.model = mujoco.MjModel.from_xml_string(xml)
        self._data = mujoco.MjData(self.model)
        self._scratch = mujoco.MjData(self.model)
        step_ns = round(self.model.opt.timestep * NANOSECONDS)
        self._substeps, rest = divmod(robot.guard_period_ns, step_ns)
        if rest:
            raise ValueError(
                f'guard period {robot.guard_period_ns} ns is not a multiple of {step_ns}'
            )
        self._renderers: dict[tuple[str, int, int], OffscreenRenderer] = {}
        self.time_ns = 0

    @property
    def goal_tolerance(self) -> float:
        """Rad from the end of a trajectory that counts as there, unless the goal says more."""
        return self.robot.settled_position

    @property
    @abstractmethod
    def state(self) -> AssemblyState:
        """Whether the robot may move, and what keeps it from that."""

    @abstractmethod
    def reset(
        self,
        positions: Sequence[float] | Vector,
        objects: Mapping[str, float] = NOTHING,
        seed: int = 0,
        gap_ns: int = RESET_GAP_NS,
    ) -> None:
        """Put the robot into a pose (n,) in rad, at rest; time moves forward by gap_ns.

        Commands and all memory of the physics are forgotten; a stop stays, as it would on a robot.

        Args:
            positions: (n,) rad.
            objects: state of movable things beside the robot, by the name of their joint, rad.
            seed: of whatever varies from episode to episode.
            gap_ns: by which time moves forward.

        Raises:
            ValueError: the pose is malformed, outside a joint's range or in collision, an object
                is unknown, or the gap is not positive; nothing has changed then.
        """

    @abstractmethod
    def set_command(
        self, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Give the robot a joint command; return the reason if it refuses."""

    def follow(self, names: Sequence[str], positions: Vector) -> str | None:
        """Track a point of a trajectory, whose pace the sender sets; the reason if refused."""
        return self.set_command(CommandMode.POSITION, names, positions)

    @abstractmethod
    def hold(self) -> None:
        """Forget all commands and hold the present position."""

    @abstractmethod
    def step_tick(self) -> None:
        """Advance by one guard period."""

    @abstractmethod
    def become(self, state: AssemblyState) -> None:
        """Take on a state; commands are forgotten."""

    @abstractmethod
    def joints(self) -> tuple[Vector, Vector, Vector]:
        """Return joint positions, velocities and efforts (n,) in rad, rad/s, N m."""

    @abstractmethod
    def signal(self, name: str) -> NDArray[Any]:
        """Return what the robot tells besides its joints; KeyError for an unknown name."""

    def enable(self, wanted: bool) -> None:
        """Enable the robot, which clears a stop too, or disable it."""
        self.become(self.state.enable() if wanted else self.state.disable())

    def stop(self) -> None:
        """Stop the robot until it is reset or enabled."""
        self.become(self.state.stop())

    def clear_stop(self) -> None:
        """Clear a stop or an error; the robot must still be enabled then."""
        self.become(self.state.reset())

    def joint_sample(self, signals: Iterable[str] = ()) -> JointSample:
        """Return the present joint state with the signals of these names."""
        position, velocity, effort = self.joints()
        extra = {name: self.signal(name) for name in signals}
        names = self.robot.joint_names
        return JointSample(self.time_ns, names, position, velocity, effort, extra)

    def set_target(self, position: Sequence[float] | Vector) -> str | None:
        """Move the target marker to a position (3,) in m, base frame; it has no physics.

        Returns the reason if the position is refused.
        """
        point = np.array(position, dtype=np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            return f'a target must be three finite numbers, is {position}'
        self._data.mocap_pos[self.model.body(TARGET).mocapid[0]] = point
        return None

    def show(
        self, positions: Sequence[float] | Vector, signals: Mapping[str, NDArray[Any]] = UNKNOWN
    ) -> None:
        """Take on a measured configuration, for a picture. Before physics go on, `reset`.

        Args:
            positions: (n,) rad.
            signals: what the robot told besides, such as the odometry of one that walks; where it
                is missing, a likely configuration is shown.

        Raises:
            ValueError: positions of another size, or numbers that are not finite.
        """
        pose = np.array(positions, dtype=np.float64)
        size = len(self.robot.joint_names)
        if pose.shape != (size,) or not np.isfinite(pose).all():
            raise ValueError(f'a pose is {size} finite numbers, got {positions}')
        self._data.qpos[:] = self._configuration(pose, signals)

    def _configuration(self, pose: Vector, _signals: Mapping[str, NDArray[Any]]) -> Vector:
        """Return all of MuJoCo's qpos for joint angles (n,): of an arm, just these."""
        return pose

    def render(
        self, width: int = 640, height: int = 480, camera: str = CAMERA
    ) -> NDArray[np.uint8]:
        """Return an image (height, width, 3) of the scene; raises RenderingUnavailableError."""
        key = (camera, width, height)
        if key not in self._renderers:
            self._renderers[key] = OffscreenRenderer(self.model, width, height)
        self._look()
        return self._renderers[key].render(self._scratch, camera)

    def close(self) -> None:
        """Free what rendering holds, if it was used."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _look(self) -> None:
        """Compute positions of all bodies in the scratch data, at the present joint angles."""
        self._scratch.qpos[:] = self._data.qpos
        self._scratch.mocap_pos[:] = self._data.mocap_pos
        mujoco.mj_kinematics(self.model, self._scratch)
        mujoco.mj_comPos(self.model, self._scratch)
        mujoco.mj_camlight(self.model, self._scratch)

    def _is_finite(self) -> bool:
        """Whether the physics has not exploded."""
        return bool(np.isfinite(self._data.qpos).all() and np.isfinite(self._data.qvel).all())


def model_text(name: str) -> str:
    """Return an XML file of sim_bridge/models."""
    return (resources.files('sim_bridge') / 'models' / name).read_text(encoding='utf-8')


def checked_pose(robot: RobotSpec, positions: Sequence[float] | Vector, gap_ns: int) -> Vector:
    """Return a pose (n,) in rad; ValueError if it is malformed or out of range, or the gap is."""
    limits = robot.limits
    pose = np.array(positions, dtype=np.float64)
    if pose.shape != limits.position_lower.shape or not np.isfinite(pose).all():
        raise ValueError(f'a pose is {len(robot.joint_names)} finite numbers, got {positions}')
    outside = (pose < limits.position_lower) | (pose > limits.position_upper)
    for i in np.flatnonzero(outside)[:1]:
        raise ValueError(f'{limits.joint_names[i]} cannot be at {pose[i]} rad')
    if gap_ns <= 0:
        raise ValueError(f'time must move forward on reset, gap_ns is {gap_ns}')
    return pose
