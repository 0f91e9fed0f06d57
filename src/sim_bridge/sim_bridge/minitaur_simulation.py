# SPDX-License-Identifier: Apache-2.0
"""A Minitaur in MuJoCo, with the robot's own behaviour towards commands. Knows no ROS.

World frame: x forward, y left, z up; the robot starts at x = y = 0, level, on ground at z = 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.robots.minitaur import MINITAUR, knee_angles, legs, motor_angles
from maxent_robot.types import NANOSECONDS, Vector
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.minitaur_motor import MotorFigures, Motors
from sim_bridge.minitaur_terrain import TerrainShape, place_blocks, with_terrain
from sim_bridge.minitaur_variation import MinitaurFigures, MinitaurVariation
from sim_bridge.position_controller import PositionController
from sim_bridge.robot_simulation import (
    NOTHING,
    RESET_GAP_NS,
    RobotSimulation,
    checked_pose,
    model_text,
)

START_GAP = 0.001  # m between the lowest point of the robot and the ground after a reset
SIT_EXTENSION = 0.9  # rad, from where a robot lowers itself gently when the motors let go
SIT_NS = NANOSECONDS  # time in which it gets there
IMU = 'imu'
ODOMETRY = 'odometry'
TOES = ('FL_toe', 'BL_toe', 'FR_toe', 'BR_toe')


@dataclass(frozen=True)
class MinitaurConfig:
    """What is simulated. The dead time of commands is `variation.latency`."""

    terrain: str = 'flat'  # one of minitaur_terrain.TERRAINS
    shape: TerrainShape = field(default_factory=TerrainShape)
    variation: MinitaurVariation = field(default_factory=MinitaurVariation)
    motor: MotorFigures = field(default_factory=MotorFigures)
    sensor_delay: float = 0.003  # s between the motors and what their PD loop sees of them

    def __post_init__(self) -> None:
        if not 0.0 <= self.sensor_delay <= 0.02:
            raise ValueError(f'sensor_delay must be in [0, 0.02] s, is {self.sensor_delay}')


class MinitaurSimulation(RobotSimulation):
    """Physics, motors and firmware of one robot. Joint arrays are motor angles in its order.

    Without commands for the time-out the robot lowers itself to the ground within a second and
    lets its motors go. A robot that may not move has no torque, so it sinks down as well.
    """

    def __init__(self, config: MinitaurConfig = MinitaurConfig()) -> None:
        """Build the scene and put the robot at rest into its neutral pose."""
        super().__init__(
            MINITAUR, with_terrain(model_text('minitaur.xml'), config.terrain, config.shape)
        )
        self.config = config
        self._position, self._velocity = self._data.qpos[7::2], self._data.qvel[6::2]
        self._nominal_mass = self.model.body_mass.copy()
        self._nominal_inertia = self.model.body_inertia.copy()
        self._toes = [self.model.geom(name).id for name in TOES]
        self._hull = np.flatnonzero(self.model.geom_conaffinity)
        self._motors = Motors(self.model.opt.timestep, config.sensor_delay)
        timeout_ns = round(self.robot.command_timeout_s * NANOSECONDS)
        self.controller = PositionController(self.robot.limits, self.robot.neutral, timeout_ns)
        self.reset(self.robot.neutral)

    @property
    def state(self) -> AssemblyState:
        """Whether the robot may move, and what keeps it from that."""
        return self.controller.state

    @property
    def figures(self) -> MinitaurFigures:
        """What was drawn for this episode."""
        return self._figures

    @property
    def overheated(self) -> tuple[int, ...]:
        """Motors that have switched themselves off, until the next `reset`."""
        return self._motors.overheated

    def reset(
        self,
        positions: Sequence[float] | Vector,
        objects: Mapping[str, float] = NOTHING,
        seed: int = 0,
        gap_ns: int = RESET_GAP_NS,
    ) -> None:
        """Put the robot level onto the ground with these motor angles (8,); see the base class.

        The seed decides this episode's figures (config.variation) and the places of blocks.
        """
        pose = checked_pose(self.robot, positions, gap_ns)
        if objects:
            raise ValueError(f'there are no objects beside a minitaur, got {sorted(objects)}')
        if seed < 0:
            raise ValueError(f'a seed must not be negative, is {seed}')
        figures = self.config.variation.draw(np.random.default_rng([seed, 1]))
        self._become_another(figures)
        data, target = self._data, self._data.mocap_pos.copy()
        mujoco.mj_resetData(self.model, data)
        data.mocap_pos[:] = target
        place_blocks(self.model, data, seed)
        data.qpos[:] = self._standing(pose)
        mujoco.mj_forward(self.model, data)
        data.qacc_warmstart[:] = 0.0
        self._acceleration = -self.model.opt.gravity  # as if it had been standing for a while
        self._motors.reset(pose, self._motor_figures(figures), figures.latency)
        self.controller.hold(pose)
        self.time_ns += gap_ns

    def set_command(
        self, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Give the robot target motor angles in rad; return the reason if it refuses."""
        return self.controller.command(self.time_ns, mode, names, values)

    def hold(self) -> None:
        """Forget all commands and hold the present position."""
        self.become(self.state)

    def become(self, state: AssemblyState) -> None:
        """Take on a state; commands are forgotten."""
        self.controller.become(state, self._position)
        self._motors.hold(self.controller.target)

    def step_tick(self) -> None:
        """Advance by one guard period. In an error of the physics itself, time alone goes on."""
        if not self.state.error:
            before = self._data.qpos.copy()
            self._steer()
            self._integrate()
            if not self._is_finite():
                self._data.qpos[:] = before
                self._data.qvel[:] = 0.0
                self._data.qacc_warmstart[:] = 0.0
                self._acceleration = -self.model.opt.gravity
                self.become(self.state.fault())
                self._motors.off()
        self.time_ns += self.robot.guard_period_ns

    def joints(self) -> tuple[Vector, Vector, Vector]:
        """Return motor angles, velocities and reported torques (8,) in rad, rad/s, N m."""
        return self._position.copy(), self._velocity.copy(), self._motors.reported()

    def urdf_joints(self) -> tuple[tuple[str, ...], Vector, Vector]:
        """Return names, positions (16,) and velocities (16,) of motors and knees."""
        names = tuple(self.model.joint(joint).name for joint in range(1, self.model.njnt))
        return names, self._data.qpos[7:].copy(), self._data.qvel[6:].copy()

    @property
    def battery_voltage(self) -> float:
        """Voltage of the battery in V."""
        return self._figures.voltage

    def signal(self, name: str) -> NDArray[Any]:
        """Return `imu` (10,) or `odometry` (13,), see MINITAUR.signals; KeyError for others."""
        quaternion, angular = self._data.qpos[3:7], self._data.qvel[3:6]
        if name == IMU:
            return np.concatenate([quaternion, angular, self._acceleration])
        if name != ODOMETRY:
            raise KeyError(name)
        linear, inverse = np.zeros(3), np.zeros(4)
        mujoco.mju_negQuat(inverse, quaternion)
        mujoco.mju_rotVecQuat(linear, self._data.qvel[:3], inverse)
        return np.concatenate([self._data.qpos[:3], quaternion, linear, angular])

    def _configuration(self, pose: Vector, signals: Mapping[str, NDArray[Any]]) -> Vector:
        """Closed legs; without odometry the robot stands level where it started."""
        configuration = self._standing(pose)
        if ODOMETRY in signals:
            configuration[:7] = signals[ODOMETRY][:7]
        return configuration

    def _look(self) -> None:
        self._scratch.mocap_quat[:] = self._data.mocap_quat  # blocks lie at any angle
        super()._look()

    def _steer(self) -> None:
        """Tell the motors what the robot wants in this tick."""
        controller, motors = self.controller, self._motors
        if not controller.state.can_move:
            motors.off()
        elif not controller.is_silent(self.time_ns):
            motors.aim(controller.target)
        else:
            assert controller.command_ns is not None
            late_ns = self.time_ns - controller.command_ns - controller.timeout_ns
            if late_ns > SIT_NS:
                motors.off()
            else:
                share = late_ns / SIT_NS
                swing, extension = legs(controller.target)
                lower = extension + share * (SIT_EXTENSION - extension)
                motors.hold(motor_angles((1.0 - share) * swing, lower))

    def _integrate(self) -> None:
        model, data, motors = self.model, self._data, self._motors
        control, sensed = data.ctrl, data.sensordata
        position, velocity = self._position, self._velocity
        total = np.zeros(3)
        for _ in range(self._substeps):
            control[:] = motors.step(position, velocity)
            mujoco.mj_step(model, data)
            total += sensed
        self._acceleration = total / self._substeps  # toes knock: one sample would be noise

    def _become_another(self, figures: MinitaurFigures) -> None:
        """Give the model this episode's masses and frictions."""
        model = self.model
        model.body_mass[:] = figures.mass * self._nominal_mass
        model.body_inertia[:] = figures.mass * self._nominal_inertia
        model.geom_friction[self._toes, 0] = figures.foot_friction
        model.dof_frictionloss[6::2] = figures.joint_friction
        mujoco.mj_setConst(model, self._scratch)  # what MuJoCo derives from masses
        self._figures = figures

    def _motor_figures(self, figures: MinitaurFigures) -> MotorFigures:
        strength = self.config.motor.strength * figures.motor_strength
        return replace(self.config.motor, strength=strength, voltage=figures.voltage)

    def _standing(self, pose: Vector) -> Vector:
        """Configuration (23,): closed legs at motor angles (8,), lowest point on the ground."""
        scratch = self._scratch
        knees = np.repeat(knee_angles(legs(pose)[1]), 2)
        scratch.qpos[:] = self.model.qpos0
        scratch.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
        scratch.qpos[7::2], scratch.qpos[8::2] = pose, knees
        mujoco.mj_kinematics(self.model, scratch)
        scratch.qpos[2] = START_GAP - self._lowest()
        return scratch.qpos.copy()

    def _lowest(self) -> float:
        """Height in m of the lowest point of the robot in the scratch data."""
        sizes, kinds = self.model.geom_size, self.model.geom_type
        lowest = np.inf
        for geom in self._hull:
            up = np.abs(self._scratch.geom_xmat[geom][6:])  # z of the geom's own axes
            size = sizes[geom]
            if kinds[geom] == mujoco.mjtGeom.mjGEOM_BOX:
                depth = up @ size
            else:  # a sphere or a capsule
                half = size[1] if kinds[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
                depth = size[0] + up[2] * half
            lowest = min(lowest, self._scratch.geom_xpos[geom][2] - depth)
        return float(lowest)
