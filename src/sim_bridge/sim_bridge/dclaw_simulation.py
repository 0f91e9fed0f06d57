# SPDX-License-Identifier: Apache-2.0
"""A D'Claw above a valve in MuJoCo, with the servos' own behaviour towards commands. Knows no ROS.

Reproducible to the bit: after `reset` with the same seed, the same commands give the same
trajectory, whatever happened before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.dclaw import DCLAW, IMAGE_SHAPE, VALVE
from maxent_robot.types import NANOSECONDS, Vector
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.dclaw_variation import DClawDynamics, DClawVariation
from sim_bridge.position_controller import PositionController
from sim_bridge.rendering import SCENE_ONLY, OffscreenRenderer
from sim_bridge.robot_simulation import (
    NOTHING,
    RESET_GAP_NS,
    RobotSimulation,
    checked_pose,
    model_text,
)

VALVE_CAMERA = 'camera'  # in the palm: what the policy sees
TIPS = ('FFtip', 'FFplate', 'MFtip', 'MFplate', 'THtip', 'THplate')  # geoms of plastic
DEEPEST = 0.002  # m that geoms may overlap in a pose to start from: a finger may rest on a lobe


@dataclass(frozen=True, eq=False)
class DClawConfig:
    """What is simulated."""

    variation: DClawVariation = field(default_factory=DClawVariation)
    robot: RobotSpec = DCLAW
    model: str = 'dclaw.xml'  # in sim_bridge/models


class DClawSimulation(RobotSimulation):
    """Physics of hand and valve, and the servos. Joint arrays are in the order of the robot.

    A hand that may not move has its motors off: it hangs, and the valve can be turned.
    """

    def __init__(self, config: DClawConfig = DClawConfig()) -> None:
        """Load the model and put the hand at rest into the robot's neutral pose."""
        robot = config.robot
        super().__init__(robot, model_text(config.model))
        self.config = config
        names = tuple(self.model.joint(i).name for i in range(self.model.njnt))
        if names != (*robot.joint_names, VALVE):
            raise ValueError(f'{config.model} has joints {names}, {robot.name} has others')
        self._n = len(robot.joint_names)
        self._tips = [self.model.geom(name).id for name in TIPS]
        self._mount, self._valve = self.model.body('mount').id, self.model.body('valve').id
        self._mount_pos = self.model.body_pos[self._mount].copy()
        self._valve_mass = float(self.model.body_mass[self._valve])
        self._valve_inertia = self.model.body_inertia[self._valve].copy()
        self._eye: OffscreenRenderer | None = None
        timeout_ns = round(robot.command_timeout_s * NANOSECONDS)
        self.controller = PositionController(robot.limits, robot.neutral, timeout_ns)
        self.dynamics = DClawDynamics.draw(DClawVariation(), self._n, 0)
        self.reset(robot.neutral)

    @property
    def state(self) -> AssemblyState:
        """Whether the robot may move, and what keeps it from that."""
        return self.controller.state

    def reset(
        self,
        positions: Sequence[float] | Vector,
        objects: Mapping[str, float] = NOTHING,
        seed: int = 0,
        gap_ns: int = RESET_GAP_NS,
    ) -> None:
        """Put hand and valve into a pose, at rest, and draw the episode's dynamics (see base).

        `objects` may give the angle of the valve, by default 0. Fingers may rest on a lobe.
        """
        pose = np.append(checked_pose(self.robot, positions, gap_ns), _valve_angle(objects))
        before, drawn = self.dynamics, DClawDynamics.draw(self.config.variation, self._n, seed)
        self._apply(drawn)
        try:
            self._refuse_collision(pose)
        except ValueError:
            self._apply(before)
            raise
        target = self._data.mocap_pos.copy()
        mujoco.mj_resetData(self.model, self._data)
        self._data.qpos[:] = pose
        self._data.mocap_pos[:] = target
        self.hold()
        self._set_motors()
        mujoco.mj_forward(self.model, self._data)
        self._data.qacc_warmstart[:] = 0.0
        self.time_ns += gap_ns

    def set_command(
        self, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        """Give the servos a target, which they keep; return the reason if they refuse."""
        return self.controller.command(self.time_ns, mode, names, values)

    def hold(self) -> None:
        """Forget all commands and hold the present position."""
        self.controller.hold(self._data.qpos[: self._n])

    def become(self, state: AssemblyState) -> None:
        """Take on a state; commands are forgotten."""
        self.controller.become(state, self._data.qpos[: self._n])

    def step_tick(self) -> None:
        """Advance by one guard period. In error the world stands still: its physics are void."""
        self.time_ns += self.robot.guard_period_ns
        if self.state.error:
            return
        data, before = self._data, self._data.qpos.copy()
        self._set_motors()
        mujoco.mj_step(self.model, data, nstep=self._substeps)
        if not self._is_finite():
            data.qpos[:] = before
            data.qvel[:] = 0.0
            data.qfrc_actuator[:] = 0.0
            data.qacc_warmstart[:] = 0.0
            self.become(self.state.fault())

    def joints(self) -> tuple[Vector, Vector, Vector]:
        """Return joint positions, velocities and servo torques (9,) in rad, rad/s, N m."""
        data, n = self._data, self._n
        return data.qpos[:n].copy(), data.qvel[:n].copy(), data.qfrc_actuator[:n].copy()

    def signal(self, name: str) -> NDArray[Any]:
        """Return 'valve': angle in rad and velocity in rad/s (2,), or 'camera': the image.

        The image is 32 x 32 x 3, row by row from the top, RGB, as uint8 (3072,). It does not show
        the target's marker. Raises KeyError for another name, RenderingUnavailableError.
        """
        if name == 'valve':
            return np.array([self._data.qpos[self._n], self._data.qvel[self._n]])
        if name != 'camera':
            raise KeyError(f'{self.robot.name} has no signal {name}, but {[*self.robot.signals]}')
        if self._eye is None:
            height, width, _ = IMAGE_SHAPE
            self._eye = OffscreenRenderer(self.model, width, height, SCENE_ONLY)
        self._look()
        return self._eye.render(self._scratch, VALVE_CAMERA).reshape(-1)

    def close(self) -> None:
        """Free what rendering holds, if it was used."""
        super().close()
        if self._eye is not None:
            self._eye.close()
            self._eye = None

    def _configuration(self, pose: Vector, signals: Mapping[str, NDArray[Any]]) -> Vector:
        """Hand and valve, which is at 0 where nothing is known of it."""
        return np.append(pose, signals['valve'][0] if 'valve' in signals else 0.0)

    def _set_motors(self) -> None:
        """Give the motors the target, which MuJoCo clips to the servos' ranges, or let go."""
        off = int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
        if self.state.can_move:
            self.model.opt.disableflags &= ~off
        else:
            self.model.opt.disableflags |= off
        self._data.ctrl[:] = self.controller.target

    def _apply(self, dynamics: DClawDynamics) -> None:
        """Put an episode's dynamics into the model."""
        model, n = self.model, self._n
        model.dof_damping[:n] = dynamics.joint_damping
        model.dof_damping[n] = dynamics.valve_damping
        model.dof_frictionloss[:n] = dynamics.joint_friction
        model.actuator_gainprm[:, 0] = dynamics.servo_gain
        model.actuator_biasprm[:, 1] = -dynamics.servo_gain
        model.geom_friction[self._tips, 0] = dynamics.tip_friction
        model.body_pos[self._mount] = self._mount_pos + dynamics.mount_shift
        model.body_mass[self._valve] = self._valve_mass * dynamics.valve_mass
        model.body_inertia[self._valve] = self._valve_inertia * dynamics.valve_mass
        mujoco.mj_setConst(model, self._scratch)
        self.dynamics = dynamics

    def _refuse_collision(self, pose: Vector) -> None:
        scratch = self._scratch
        scratch.qpos[:] = pose
        scratch.qvel[:] = 0.0
        mujoco.mj_forward(self.model, scratch)
        for contact in scratch.contact[: scratch.ncon]:
            if contact.dist < -DEEPEST:
                bodies = [self.model.body(self.model.geom_bodyid[i]).name for i in contact.geom]
                raise ValueError(
                    f'in the pose {pose.tolist()} {bodies[0]} collides with {bodies[1]}'
                )


def _valve_angle(objects: Mapping[str, float]) -> float:
    """Angle that the objects' state gives the valve, rad; ValueError for another object."""
    unknown = [name for name in objects if name != VALVE]
    if unknown:
        raise ValueError(f'unknown objects {unknown}; there is {VALVE}')
    angle = float(objects.get(VALVE, 0.0))
    if not isfinite(angle):
        raise ValueError(f'{VALVE} cannot be at {angle} rad')
    return angle
