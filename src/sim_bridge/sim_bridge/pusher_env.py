# SPDX-License-Identifier: Apache-2.0
"""A planar arm that pushes a puck: the Gymnasium environment `maxent/Pusher-v0`.

The task of pusher_task.py with the physics of models/pusher.xml. Importing this module registers
the environment; it needs no ROS.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.layout import ObservationLayout, Vector32
from maxent_robot.tasks.options import build_config
from maxent_robot.types import CommandMode, Vector
from sim_bridge.pusher_task import GOALS, LAYOUT, PusherConfig, goal_distance
from sim_bridge.rendering import OffscreenRenderer

ENVIRONMENT = 'maxent/Pusher-v0'
STEP_S = 0.05  # s, one action
TORQUE = 3.0  # N m, an action of 1
JOINTS = ('joint_1', 'joint_2', 'joint_3')
# The links point to 100, 0 and -70 degrees: the fork is above the middle of the area in which
# pucks start, and opens towards it. It touches none of them, and is about as near to the side of a
# puck where pushing right begins as to the side where pushing left begins.
START_POSE = np.deg2rad([100.0, -100.0, -70.0])
START_NOISE = 0.05  # rad, uniform, +-
JOINT_RANGE = np.array([np.pi, 2.4, 2.4])  # rad, of starts anywhere; joints 2 and 3 end at 2.6
REACH = 1.5  # m
PUCK_LOW, PUCK_HIGH = np.array([0.3, -1.0]), np.array([1.0, -0.4])  # m
SOLVED_CORNER, SOLVED_RADIUS = np.array([1.0, -1.0]), 0.45  # m, no puck starts near this corner
IMAGE_SIZE = 480  # pixels
HIDDEN_Z = -10.0  # m, far below the floor: markers that a goal does not need


class PusherEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Push a puck to a goal with three joint torques at 20 Hz.

    Actions: Box(-1, 1, (3,)), times 3 N m. Observations: 15 numbers as `layout` says. Reward of a
    step, at the state it leads to: minus the distance of the puck to the goal, minus
    `action_cost` times the squared norm of the action, minus `approach` times the distance from
    tip to puck. No state ends an episode; it is truncated after `episode_steps`. `info` holds
    the `measures`: `distance` of the puck to the goal in m, and `puck`, its position (2,) in m.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': ['rgb_array'], 'render_fps': 20}
    layout: ClassVar[ObservationLayout] = LAYOUT
    measures: ClassVar[tuple[str, ...]] = ('distance', 'puck')

    def __init__(self, render_mode: str | None = None, **options: object) -> None:
        """Make an environment with the options of PusherConfig.

        Raises ValueError for an unknown option or render mode, or a value that cannot be.
        """
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f"render_mode must be None or 'rgb_array', is {render_mode!r}")
        self.render_mode = render_mode
        self.config = build_config(PusherConfig, 'pusher', options)
        self.mapping = ActionMapping(CommandMode.TORQUE, JOINTS, np.full(3, TORQUE))
        size, actions = self.layout.size, self.mapping.size
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        path = resources.files('sim_bridge') / 'models' / 'pusher.xml'
        self.model = mujoco.MjModel.from_xml_string(path.read_text(encoding='utf-8'))
        self.data = mujoco.MjData(self.model)
        self._tip = self.data.site('tip').xpos  # a view
        self._substeps = round(STEP_S / self.model.opt.timestep)
        self._renderer: OffscreenRenderer | None = None
        self._count: int | None = None  # steps of the episode; None: it has ended
        self._show_goal()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode at rest: the arm near START_POSE, the puck in its box.

        In a share `anywhere` of the episodes both are anywhere, the puck in the half of the reach
        that has the goals: skills that are to be composed must know places that they would not go
        to by themselves.
        """
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self._show_goal()
        share = self.config.anywhere
        draw = self._anywhere if share and self.np_random.random() < share else self._usual
        self.data.qpos[:] = draw()
        while self._touches():
            self.data.qpos[:] = draw()
        self._count = 0
        return self._observe(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Apply torques for 0.05 s. Actions beyond -1..1 are clipped.

        Raises ValueError for a malformed action, RuntimeError when the episode has ended.
        """
        if self._count is None:
            raise RuntimeError('the episode has ended: call reset before step')
        torque = self.mapping.to_values(action)
        self.data.ctrl[:] = torque
        mujoco.mj_step(self.model, self.data, nstep=self._substeps)
        mujoco.mj_kinematics(self.model, self.data)  # mj_step leaves positions one substep behind
        self._count += 1
        info = self._info()
        reward = -info['distance'] - self.config.action_cost * float(torque @ torque) / TORQUE**2
        if self.config.approach:
            reward -= self.config.approach * float(np.linalg.norm(info['puck'] - self._tip[:2]))
        truncated = self._count >= self.config.episode_steps
        if truncated:
            self._count = None
        return self._observe(), reward, False, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image (480, 480, 3) from above, goal in green, in render mode rgb_array."""
        if self.render_mode != 'rgb_array':
            return None
        if self._renderer is None:
            self._renderer = OffscreenRenderer(self.model, IMAGE_SIZE, IMAGE_SIZE)
        mujoco.mj_camlight(self.model, self.data)
        return self._renderer.render(self.data, 'top')

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _usual(self) -> Vector:
        """Draw arm and puck (5,) of the task, not solved already for the bottom right corner."""
        noise = self.np_random.uniform(-START_NOISE, START_NOISE, 3)
        while True:
            puck = self.np_random.uniform(PUCK_LOW, PUCK_HIGH)
            if np.linalg.norm(puck - SOLVED_CORNER) >= SOLVED_RADIUS:
                return np.concatenate([START_POSE + noise, puck])

    def _anywhere(self) -> Vector:
        """Draw arm and puck (5,): the puck uniform over the lower half of the arm's reach."""
        joints = self.np_random.uniform(-JOINT_RANGE, JOINT_RANGE)
        angle, square = self.np_random.uniform((-np.pi, 0.0), (0.0, REACH**2))
        puck = np.sqrt(square) * np.array([np.cos(angle), np.sin(angle)])
        return np.concatenate([joints, puck])

    def _touches(self) -> bool:
        mujoco.mj_forward(self.model, self.data)
        self.data.qacc_warmstart[:] = 0.0  # the episode must not depend on poses that were tried
        return bool(self.data.ncon > 0)

    def _observe(self) -> Vector32:
        data = self.data
        angles, puck, tip = data.qpos[:3], data.qpos[3:], self._tip[:2]
        return self.layout.pack(
            {
                'sin_position': np.sin(angles),
                'cos_position': np.cos(angles),
                'velocity': data.qvel[:3],
                'tip': tip,
                'puck': puck,
                'puck_from_tip': puck - tip,
            }
        )

    def _info(self) -> dict[str, Any]:
        puck = self.data.qpos[3:].copy()
        return {'distance': float(goal_distance(self.config.goal, puck)), 'puck': puck}

    def _show_goal(self) -> None:
        """Move the markers: a line for each coordinate that counts, a point if both do."""
        x, y = GOALS[self.config.goal]
        places = {
            'goal_x': (x, 0.0) if np.isfinite(x) else None,
            'goal_y': (0.0, y) if np.isfinite(y) else None,
            'goal_point': (x, y) if np.isfinite(x + y) else None,
        }
        for name, place in places.items():
            marker = self.model.body(name).mocapid[0]
            self.data.mocap_pos[marker] = (*place, 0.0) if place else (0.0, 0.0, HIDDEN_Z)


gymnasium.register(id=ENVIRONMENT, entry_point='sim_bridge.pusher_env:PusherEnv')
