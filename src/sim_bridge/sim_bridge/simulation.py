# SPDX-License-Identifier: Apache-2.0
"""A Sawyer at a table in MuJoCo, with the robot's own behaviour towards commands. Knows no ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.sawyer import SAWYER
from maxent_robot.types import Vector
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.robot_simulation import (
    NOTHING,
    RESET_GAP_NS,
    RobotSimulation,
    checked_pose,
    model_text,
)
from sim_bridge.sawyer_controller import ControlMode, SawyerController
from sim_bridge.trajectory import DEFAULT_GOAL_TOLERANCE

TIP = 'right_hand'


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


class SawyerSimulation(RobotSimulation):
    """Physics and robot-side controller of one arm."""

    def __init__(self, config: SimulationConfig = SimulationConfig()) -> None:
        """Load the model and put the arm at rest into the robot's neutral pose."""
        robot = config.robot
        super().__init__(robot, model_text(config.model))
        self.config = config
        names = tuple(self.model.joint(i).name for i in range(self.model.njnt))
        if names != robot.joint_names:
            raise ValueError(f'{config.model} has joints {names}, {robot.name} has others')
        self.controller = SawyerController(robot.limits, robot.neutral)
        self.reset(robot.neutral)

    @property
    def goal_tolerance(self) -> float:
        """Rad from the end of a trajectory that counts as there: the arm is exact."""
        return DEFAULT_GOAL_TOLERANCE

    @property
    def state(self) -> AssemblyState:
        """Whether the arm may move; otherwise its brakes hold it."""
        return self.controller.state

    def reset(
        self,
        positions: Sequence[float] | Vector,
        objects: Mapping[str, float] = NOTHING,
        seed: int = 0,
        gap_ns: int = RESET_GAP_NS,
    ) -> None:
        """Put the arm into a pose, see RobotSimulation; time-out and speed ratio stay, too."""
        pose = checked_pose(self.robot, positions, gap_ns)
        if objects:
            raise ValueError(f'there are no movable objects here, got {list(objects)}')
        self._refuse_collision(pose)
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

    def follow(self, names: Sequence[str], positions: Vector) -> str | None:
        """Track a point of a trajectory at up to the URDF velocity; the reason if refused."""
        return self.set_command(ControlMode.TRAJECTORY, names, positions)

    def hold(self) -> None:
        """Forget all commands and hold the present position."""
        self.controller.hold(self._data.qpos)

    def step_tick(self) -> None:
        """Advance by one guard period. A robot that may not move is held by its brakes."""
        data, controller = self._data, self.controller
        position = data.qpos.copy()
        controller.tick(self.time_ns, position, self.robot.guard_period_ns)
        if controller.state.can_move:
            self.model.body_gravcomp[:] = float(controller.compensates_gravity(self.time_ns))
            dt = self.model.opt.timestep
            for _ in range(self._substeps):
                data.ctrl[:] = controller.torque(data.qpos, data.qvel, dt)
                mujoco.mj_step(self.model, data)
            if not self._is_finite():
                data.qpos[:] = position
                controller.become(controller.state.fault(), position)
        if not controller.state.can_move:
            data.qvel[:] = 0.0
            data.qacc_warmstart[:] = 0.0
        self.time_ns += self.robot.guard_period_ns

    def become(self, state: AssemblyState) -> None:
        """Take on a state; commands are forgotten and the present position is held."""
        self.controller.become(state, self._data.qpos)

    def suppress_gravity_compensation(self) -> None:
        """Switch gravity compensation off for 0.2 s."""
        self.controller.suppress_gravity_compensation(self.time_ns)

    # What can be measured

    def joints(self) -> tuple[Vector, Vector, Vector]:
        """Return positions, velocities and efforts, gravity compensation included."""
        return self._data.qpos.copy(), self._data.qvel.copy(), self.efforts()

    def signal(self, name: str) -> NDArray[Any]:
        """Raise KeyError: a Sawyer tells of nothing but its joints."""
        raise KeyError(name)

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

    def _refuse_collision(self, pose: Vector) -> None:
        self._scratch.qpos[:] = pose
        self._scratch.qvel[:] = 0.0
        mujoco.mj_forward(self.model, self._scratch)
        if self._scratch.ncon:
            geoms = self._scratch.contact[0].geom
            bodies = [self.model.body(self.model.geom_bodyid[geom]).name for geom in geoms]
            raise ValueError(f'in the pose {pose.tolist()} {bodies[0]} collides with {bodies[1]}')
