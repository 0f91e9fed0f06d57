# SPDX-License-Identifier: Apache-2.0
"""A Sawyer at a table in MuJoCo, with the robot's own behaviour towards commands. Knows no ROS.

Reproducible to the bit: after `reset`, the same commands give the same trajectory, whatever
happened before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.sawyer import SAWYER
from maxent_robot.types import NANOSECONDS, JointSample, Vector
from sim_bridge.rendering import OffscreenRenderer
from sim_bridge.sawyer_controller import SawyerController

RESET_GAP_NS = 2 * NANOSECONDS  # time that a real motion to the start pose would take
TIP = 'right_hand'
TARGET = 'target'
CAMERA = 'overview'


@dataclass(frozen=True, eq=False)
class SimulationConfig:
    """What is simulated."""

    robot: RobotSpec = SAWYER
    model: str = 'sawyer_reach.xml'  # in sim_bridge/models


@dataclass(frozen=True, eq=False)
class Endpoint:
    """Cartesian state of the tip in the robot's base frame."""

    position: Vector  # (3,) m
    quaternion: Vector  # (4,) w, x, y, z
    linear_velocity: Vector  # (3,) m/s
    angular_velocity: Vector  # (3,) rad/s


class SawyerSimulation:
    """Physics and robot-side controller of one arm. Joint arrays are in the order of the robot."""

    def __init__(self, config: SimulationConfig = SimulationConfig()) -> None:
        """Load the model and put the arm at rest into the robot's neutral pose."""
        self.config = config
        robot = config.robot
        path = resources.files('sim_bridge') / 'models' / config.model
        self.model = mujoco.MjModel.from_xml_string(path.read_text(encoding='utf-8'))
        self._data = mujoco.MjData(self.model)
        self._scratch = mujoco.MjData(self.model)  # for questions that must not touch the physics
        names = tuple(self.model.joint(i).name for i in range(self.model.njnt))
        if names != robot.joint_names:
            raise ValueError(f'{config.model} has joints {names}, {robot.name} has others')
        step_ns = round(self.model.opt.timestep * NANOSECONDS)
        self._substeps, rest = divmod(robot.guard_period_ns, step_ns)
        if rest:
            raise ValueError(
                f'guard period {robot.guard_period_ns} ns is not a multiple of {step_ns}'
            )
        self._renderer: OffscreenRenderer | None = None
        self.time_ns = 0
        self.controller = SawyerController(robot.limits, robot.neutral)
        self.reset(robot.neutral)

    def reset(self, positions: Sequence[float] | Vector, gap_ns: int = RESET_GAP_NS) -> None:
        """Put the arm into a pose (n,) in rad, at rest; time moves forward by gap_ns.

        Commands and all memory of the physics are forgotten; a stop, the command time-out and the
        speed ratio stay, as they would on a robot.

        Raises:
            ValueError: the pose is malformed, outside a joint's range or in collision, or the gap
                is not positive; nothing has changed then.
        """
        pose = self._checked_pose(positions)
        if gap_ns <= 0:
            raise ValueError(f'time must move forward on reset, gap_ns is {gap_ns}')
        target = self._data.mocap_pos.copy()
        mujoco.mj_resetData(self.model, self._data)
        self._data.qpos[:] = pose
        self._data.mocap_pos[:] = target
        mujoco.mj_forward(self.model, self._data)
        self._data.qacc_warmstart[:] = 0.0
        self.controller.hold(pose)
        self.time_ns += gap_ns

    def set_command(
        self, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Give the robot a joint command; return the reason if it refuses (see controller)."""
        return self.controller.command(self.time_ns, mode, names, values)

    def hold(self) -> None:
        """Forget all commands and hold the present position."""
        self.controller.hold(self._data.qpos)

    def set_target(self, position: Sequence[float] | Vector) -> str | None:
        """Move the target marker to a position (3,) in m, base frame; it has no physics.

        Returns the reason if the position is refused.
        """
        point = np.array(position, dtype=np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            return f'a target must be three finite numbers, is {position}'
        self._data.mocap_pos[self.model.body(TARGET).mocapid[0]] = point
        return None

    def step_tick(self) -> None:
        """Advance by one guard period. A robot that may not move is held by its brakes."""
        data, controller = self._data, self.controller
        position = data.qpos.copy()
        controller.tick(self.time_ns, position, self.config.robot.guard_period_ns)
        if controller.state.can_move:
            self.model.body_gravcomp[:] = float(controller.compensates_gravity(self.time_ns))
            dt = self.model.opt.timestep
            for _ in range(self._substeps):
                data.ctrl[:] = controller.torque(data.qpos, data.qvel, dt)
                mujoco.mj_step(self.model, data)
            if not (np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all()):
                data.qpos[:] = position
                controller.become(controller.state.fault(), position)
        if not controller.state.can_move:
            data.qvel[:] = 0.0
            data.qacc_warmstart[:] = 0.0
        self.time_ns += self.config.robot.guard_period_ns

    # Robot state: enable, stop, reset (robot/set_super_*)

    def enable(self, wanted: bool) -> None:
        """Enable the robot, which clears a stop too, or disable it."""
        state = self.controller.state
        self.controller.become(state.enable() if wanted else state.disable(), self._data.qpos)

    def stop(self) -> None:
        """Stop the robot until it is reset or enabled."""
        self.controller.become(self.controller.state.stop(), self._data.qpos)

    def clear_stop(self) -> None:
        """Clear a stop or an error; the robot must still be enabled then."""
        self.controller.become(self.controller.state.reset(), self._data.qpos)

    def suppress_gravity_compensation(self) -> None:
        """Switch gravity compensation off for 0.2 s."""
        self.controller.suppress_gravity_compensation(self.time_ns)

    # What can be measured

    def joint_sample(self) -> JointSample:
        """Return the present joint positions and velocities."""
        data, names = self._data, self.config.robot.joint_names
        return JointSample(self.time_ns, names, data.qpos.copy(), data.qvel.copy())

    def efforts(self) -> Vector:
        """Return the joint torques (n,) of the last step in N m, gravity compensation included."""
        if not self.controller.state.can_move:
            return np.zeros(self.model.nv)
        return np.array(self._data.qfrc_actuator)

    def gravity_torques(self) -> Vector:
        """Return the joint torques (n,) in N m that hold the arm against gravity."""
        self._look()
        self._scratch.qvel[:] = 0.0
        mujoco.mj_comVel(self.model, self._scratch)
        torques = np.zeros(self.model.nv)
        mujoco.mj_rne(self.model, self._scratch, 0, torques)
        return torques

    def endpoint(self) -> Endpoint:
        """Return pose and velocity of the tip."""
        self._look()
        site = self._scratch.site(TIP)
        linear, angular = np.zeros((3, self.model.nv)), np.zeros((3, self.model.nv))
        mujoco.mj_jacSite(self.model, self._scratch, linear, angular, site.id)
        quaternion, velocity = np.zeros(4), self._data.qvel
        mujoco.mju_mat2Quat(quaternion, site.xmat)
        return Endpoint(site.xpos.copy(), quaternion, linear @ velocity, angular @ velocity)

    def in_collision(self) -> bool:
        """Return whether the arm touched something in the last step."""
        return bool(self._data.ncon > 0)

    def render(self, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
        """Return an image (height, width, 3) of the scene; raises RenderingUnavailableError."""
        if self._renderer is None or self._renderer.size != (width, height):
            self.close()
            self._renderer = OffscreenRenderer(self.model, width, height)
        self._look()
        return self._renderer.render(self._scratch, CAMERA)

    def close(self) -> None:
        """Free what rendering holds, if it was used."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _look(self) -> None:
        """Compute positions of all bodies in the scratch data, at the present joint angles."""
        self._scratch.qpos[:] = self._data.qpos
        self._scratch.mocap_pos[:] = self._data.mocap_pos
        mujoco.mj_kinematics(self.model, self._scratch)
        mujoco.mj_comPos(self.model, self._scratch)
        mujoco.mj_camlight(self.model, self._scratch)

    def _checked_pose(self, positions: Sequence[float] | Vector) -> Vector:
        limits = self.config.robot.limits
        pose = np.array(positions, dtype=np.float64)
        if pose.shape != limits.position_lower.shape or not np.isfinite(pose).all():
            raise ValueError(f'a pose is {self.model.nq} finite numbers, got {positions}')
        outside = (pose < limits.position_lower) | (pose > limits.position_upper)
        for i in np.flatnonzero(outside)[:1]:
            raise ValueError(f'{limits.joint_names[i]} cannot be at {pose[i]} rad')
        self._scratch.qpos[:] = pose
        self._scratch.qvel[:] = 0.0
        mujoco.mj_forward(self.model, self._scratch)
        if self._scratch.ncon:
            geoms = self._scratch.contact[0].geom
            bodies = [self.model.body(self.model.geom_bodyid[geom]).name for geom in geoms]
            raise ValueError(f'in the pose {pose.tolist()} {bodies[0]} collides with {bodies[1]}')
        return pose
