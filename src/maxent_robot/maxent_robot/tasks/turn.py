# SPDX-License-Identifier: Apache-2.0
"""Turning a valve with the D'Claw (ROBEL: Ahn et al. 2019, task Turn; Haarnoja et al. 2018, 7.3).

`turn` observes the valve as ROBEL does; `turn_image` sees it only in a picture of 32 x 32 pixels,
for a goal that is always the same. Reward of both: ROBEL's, times REWARD_SCALE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, remainder, tau

import numpy as np
from numpy.typing import NDArray

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.layout import Field, ObservationLayout, Vector32
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.dclaw import TASK_LOWER, TASK_UPPER, VALVE
from maxent_robot.tasks.options import number
from maxent_robot.tasks.task import Outcome, Start
from maxent_robot.types import CommandMode, RobotState, Vector

REACH = 2.0 * pi / 3.0 * 0.1  # rad by which a target may lead its joint: ROBEL's speed limit
# ROBEL pays 60 per step at the goal; the other tasks of this suite pay about 1.
REWARD_SCALE = 0.02
NEAR, THERE = 0.25, 0.1  # rad
FAST = 0.5  # rad/s, above which moving joints cost
MARK = 0.125  # m from the valve's axis, where the goal is shown
MARK_HEIGHT = 0.102  # m
SPEED_SCALE = 2.0  # rad/s
IMAGE = (32, 32, 3)


@dataclass(frozen=True)
class TurnConfig:
    """Options of `turn`: a valve that points away from the goal, at first."""

    episode_steps: int = number(40, 1, 100_000, 'policy steps of an episode')
    goal: float = number(pi, -pi, pi, 'rad, angle to turn the valve to')
    goal_noise: float = number(0.0, 0.0, pi, 'rad, uniform noise of the goal, +-')
    valve: float = number(0.0, -pi, pi, 'rad, angle of the valve at first')
    valve_noise: float = number(pi / 3, 0.0, pi, 'rad, uniform noise of that angle, +-')
    start_noise: float = number(0.05, 0.0, 0.2, 'rad, uniform noise of the start pose, +-')
    tolerance: float = number(THERE, 0.01, 1.0, 'rad, error that counts as success')


@dataclass(frozen=True)
class TurnImageConfig(TurnConfig):
    """Options of `turn_image`: any angle at first, and a goal that the picture need not show."""

    goal: float = number(0.0, -pi, pi, 'rad, angle to turn the valve to')
    valve_noise: float = number(pi, 0.0, pi, 'rad, uniform noise of that angle, +-')


class TurnTask:
    """Task (see task.Task): bring the valve to an angle, by targets for the joints."""

    def __init__(self, spec: RobotSpec, name: str, config: TurnConfig) -> None:
        """Build a variant; ValueError if the robot tells of no valve, or has no camera for it."""
        self.name, self.config = name, config
        self._sees = isinstance(config, TurnImageConfig)
        for signal in self.signals:
            if signal not in spec.signals:
                raise ValueError(f"robot '{spec.name}' cannot turn a valve: it has no {signal}")
        self._start, self._lower, self._upper = spec.start, spec.soft_lower, spec.soft_upper
        n = len(spec.joint_names)
        self.mapping = ActionMapping(
            CommandMode.POSITION,
            spec.joint_names,
            0.5 * (TASK_UPPER - TASK_LOWER),
            0.5 * (TASK_UPPER + TASK_LOWER),
            reach=REACH,
        )
        self.layout = _image_layout(spec) if self._sees else _layout(spec)
        self._goal = config.goal
        self._last_action: Vector = np.zeros(n)

    @property
    def signals(self) -> tuple[str, ...]:
        """The valve, for the reward at least."""
        return ('valve', 'camera') if self._sees else ('valve',)

    @property
    def episode_steps(self) -> int:
        """Policy steps after which an episode is cut."""
        return self.config.episode_steps

    def reset(self, rng: np.random.Generator) -> Start:
        """Begin an episode: pose, angle of the valve and goal, each with its noise, from rng."""
        config, noise = self.config, self.config.start_noise
        positions = self._start + rng.uniform(-noise, noise, self._start.shape)
        angle = config.valve + rng.uniform(-config.valve_noise, config.valve_noise)
        self._goal = config.goal + rng.uniform(-config.goal_noise, config.goal_noise)
        self._last_action = np.zeros(self.mapping.size)
        mark = MARK * np.array([np.cos(self._goal), np.sin(self._goal), 0.0])
        mark[2] = MARK_HEIGHT
        return Start(np.clip(positions, self._lower, self._upper), mark, {VALVE: angle})

    def begin(self, state: RobotState) -> Mapping[str, float]:
        """Error in rad."""
        return {'error': abs(self._error(state))}

    def observe(self, state: RobotState) -> Vector32:
        """ROBEL's 21 numbers; or joints, last action and picture."""
        values = {'position': state.position, 'last_action': self._last_action}
        if self._sees:
            values['velocity'] = state.velocity
            values['camera'] = state.signals['camera'].astype(np.float64)
        else:
            angle = float(state.signals['valve'][0])
            values['valve'] = np.array([np.cos(angle), np.sin(angle)])
            values['target_error'] = np.array([self._error(state)])
        return self.layout.pack(values)

    def acted(self, action: NDArray[np.float32]) -> None:
        """Remember what was done at the state observed last."""
        self._last_action = np.asarray(action, dtype=np.float64)

    def evaluate(self, state: RobotState, action: NDArray[np.float32]) -> Outcome:
        """ROBEL's dense reward with its two bonuses; never terminates."""
        error = abs(self._error(state))
        speed = state.velocity
        away = float(np.linalg.norm(state.position - self._start))
        fast = float(np.linalg.norm(speed[np.abs(speed) >= FAST]))
        terms = {
            'error': -5.0 * REWARD_SCALE * error,
            'pose': -REWARD_SCALE * away,
            'speed': -REWARD_SCALE * fast,
            'near': 10.0 * REWARD_SCALE * (error < NEAR),
            'there': 50.0 * REWARD_SCALE * (error < THERE),
        }
        return Outcome(sum(terms.values()), terms, {'error': error}, False)

    def success(self, measures: Mapping[str, float]) -> bool:
        """Whether the error is within the tolerance."""
        return measures['error'] <= self.config.tolerance

    def _error(self, state: RobotState) -> float:
        """Goal minus angle of the valve, rad in [-pi, pi]."""
        return remainder(self._goal - float(state.signals['valve'][0]), tau)


def _joints(spec: RobotSpec) -> tuple[Field, ...]:
    n = len(spec.joint_names)
    return Field('position', n, 1.0, tuple(spec.start.tolist())), Field('last_action', n)


def _layout(spec: RobotSpec) -> ObservationLayout:
    return ObservationLayout((*_joints(spec), Field('valve', 2), Field('target_error', 1, 1.0)))


def _image_layout(spec: RobotSpec) -> ObservationLayout:
    n = len(spec.joint_names)
    height, width, depth = IMAGE
    picture = Field('camera', height * width * depth, 255.0, shape=IMAGE)
    return ObservationLayout((*_joints(spec), Field('velocity', n, SPEED_SCALE), picture))
