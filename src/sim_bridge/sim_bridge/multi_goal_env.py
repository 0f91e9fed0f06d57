# SPDX-License-Identifier: Apache-2.0
"""A point in the plane with four goals: the Gymnasium environment `maxent/MultiGoal-v0`.

The didactic task of soft Q-learning (Haarnoja 2018, thesis, fig. 3.2) with the constants of the
authors' code: any goal is as good as any other, so that the best maximum entropy policy reaches
all four. Importing this module registers the environment; it needs neither ROS nor MuJoCo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maxent_robot.layout import Field, ObservationLayout
from maxent_robot.tasks.options import build_config, number

ENVIRONMENT = 'maxent/MultiGoal-v0'
GOALS = np.array([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])  # m
GOAL_RADIUS = 1.0  # m
GOAL_REWARD = 10.0
ACTION_COST = 30.0
LIMIT = 7.0  # m, |x| and |y| cannot be more
START_SIGMA = 0.1  # m, about the origin
STANDSTILL = np.zeros(2)


@dataclass(frozen=True)
class MultiGoalConfig:
    """Options of the environment."""

    episode_steps: int = number(30, 1, 100_000, 'steps after which an episode is truncated')
    reward_scale: float = number(0.1, 1e-6, 1e6, 'what the reward of the paper is multiplied by')


def goal_distances(position: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the distances (..., 4) in m of positions (..., 2) to each of GOALS."""
    away = np.asarray(position, np.float64)[..., None, :] - GOALS
    return np.sqrt(np.sum(away * away, axis=-1))


def reward(
    position: NDArray[np.floating], action: NDArray[np.floating] = STANDSTILL
) -> NDArray[np.float64]:
    """Return the rewards (...), unscaled, of actions (..., 2) that led to positions (..., 2).

    -30 |action|^2 - (distance to the nearest goal)^2, + 10 within 1 m of a goal. The two are
    broadcast against each other; positions alone give what a picture over a grid needs.
    """
    nearest = np.min(goal_distances(position), axis=-1)
    effort = np.sum(np.square(action), axis=-1)
    return -ACTION_COST * effort - nearest**2 + GOAL_REWARD * (nearest < GOAL_RADIUS)


class MultiGoalEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Move a point to one of four goals; an action is its displacement in one step.

    Actions: Box(-1, 1, (2,)) in m. Observations: the position, Box(-7, 7, (2,)) in m, as `layout`
    says. The reward is that of `reward` at the position that the action leads to, times
    `reward_scale`. Reaching a goal terminates the episode; it is truncated after `episode_steps`.
    `info` holds the `measures`: `goal`, the index in GOALS of the goal reached or -1, and
    `distance` to the nearest goal in m.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': []}
    layout: ClassVar[ObservationLayout] = ObservationLayout((Field('position', 2),))
    measures: ClassVar[tuple[str, ...]] = ('goal', 'distance')

    def __init__(self, render_mode: str | None = None, **options: object) -> None:
        """Make an environment with the options of MultiGoalConfig.

        Raises ValueError for a render mode, an unknown option, or a value that cannot be.
        """
        if render_mode is not None:
            raise ValueError(f'render_mode must be None, is {render_mode!r}')
        self.render_mode = render_mode
        self.config = build_config(MultiGoalConfig, 'multi_goal', options)
        self.observation_space = gymnasium.spaces.Box(-LIMIT, LIMIT, (2,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._position = np.zeros(2)
        self._count: int | None = None  # steps of the episode; None: it has ended

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode near the origin."""
        super().reset(seed=seed)
        self._move(self.np_random.normal(0.0, START_SIGMA, 2))
        self._count = 0
        return self._observe(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move by an action, clipped to -1..1.

        Raises ValueError for a malformed action, RuntimeError when the episode has ended.
        """
        if self._count is None:
            raise RuntimeError('the episode has ended: call reset before step')
        given = np.asarray(action, np.float64)
        if given.shape != (2,) or not np.isfinite(given).all():
            raise ValueError(f'an action is two finite numbers, is {action}')
        displacement = np.clip(given, -1.0, 1.0)
        self._move(self._position + displacement)
        self._count += 1
        info = self._info()
        scaled = self.config.reward_scale * float(reward(self._position, displacement))
        terminated = info['goal'] >= 0
        truncated = self._count >= self.config.episode_steps
        if terminated or truncated:
            self._count = None
        return self._observe(), scaled, terminated, truncated, info

    def _move(self, position: NDArray[np.float64]) -> None:
        self._position = np.clip(position, -LIMIT, LIMIT)

    def _observe(self) -> NDArray[np.float32]:
        return self.layout.pack({'position': self._position})

    def _info(self) -> dict[str, Any]:
        distances = goal_distances(self._position)
        nearest = int(np.argmin(distances))
        reached = nearest if distances[nearest] < GOAL_RADIUS else -1
        return {'goal': reached, 'distance': float(distances[nearest])}


gymnasium.register(id=ENVIRONMENT, entry_point='sim_bridge.multi_goal_env:MultiGoalEnv')
