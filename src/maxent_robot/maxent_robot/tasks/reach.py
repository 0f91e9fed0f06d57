# SPDX-License-Identifier: Apache-2.0
"""Reaching: bring the tip to a point, to random points or to planes, by joint torques.

Reward is minus the distance of the tip to the target, as in multiworld's sawyer_torque_reach
(multiworld; the experiments of Haarnoja et al. 2018, Composable Deep RL); for several planes at
once it is the sum of the single planes' rewards, what their skills are composed for. Fixed and
plane variants observe the same 3 + 2n numbers, so their skills can be composed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.kinematics import SerialChain
from maxent_robot.layout import Field, ObservationLayout, Vector32
from maxent_robot.robot_spec import RobotSpec, WorkspaceBox
from maxent_robot.tasks.options import OptionError, number
from maxent_robot.tasks.task import Outcome, Start
from maxent_robot.types import CommandMode, RobotState, Vector

AXES = ('x', 'y', 'z')
TIP_SCALE = 0.2  # m: half the reach box is one, so that what the networks see is O(1)
TARGET_SCALE = 0.1  # m: half the goal box is one, and a centimetre is not lost beside it


@dataclass(frozen=True)
class ReachConfig:
    """Options that all variants share, and all that `reach_random` has."""

    episode_steps: int = number(100, 1, 100_000, 'policy steps of an episode')
    start_noise: float = number(0.05, 0.0, 0.2, 'rad, uniform noise of the start pose, +-')
    tolerance: float = number(0.05, 0.001, 1.0, 'm, distance that counts as success')


@dataclass(frozen=True)
class PointConfig(ReachConfig):
    """Options of `reach`."""

    target: Sequence[float] = field(
        default=(0.65, 0.15, 0.2), metadata={'doc': 'm, base frame, inside the reach box'}
    )

    def __post_init__(self) -> None:
        given = self.target
        numbers = tuple(given) if isinstance(given, (list, tuple)) else ()
        if len(numbers) != 3 or not all(isinstance(v, (int, float)) for v in numbers):
            raise OptionError(f"option 'target' of task 'reach' must be x, y, z, is {given!r}")
        object.__setattr__(self, 'target', tuple(float(v) for v in numbers))


@dataclass(frozen=True)
class PlaneConfig(ReachConfig):
    """Options of `reach_plane`: reach the plane axis = value."""

    axis: str = field(default='x', metadata={'doc': 'x, y or z of the base frame'})
    value: float = number(0.7, -2.0, 2.0, 'm, inside the reach box')

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise OptionError(
                f"option 'axis' of task 'reach_plane' must be x, y or z, is {self.axis!r}"
            )


@dataclass(frozen=True)
class PlanesConfig(ReachConfig):
    """Options of `reach_planes`: reach where several planes axis = value meet."""

    axes: str = field(default='xz', metadata={'doc': 'two or three of x, y, z, each once'})
    values: Sequence[float] = field(
        default=(0.65, 0.3), metadata={'doc': 'm, one for each axis, inside the reach box'}
    )

    def __post_init__(self) -> None:
        axes, values = self.axes, self.values
        if not (isinstance(axes, str) and len(axes) > 1 and set(axes) <= set(AXES)):
            axes = ''
        if not axes or len(set(axes)) < len(axes):
            raise OptionError(
                "option 'axes' of task 'reach_planes' must be two or three of x, y, z, such as "
                f'xz, is {self.axes!r}'
            )
        numbers = tuple(values) if isinstance(values, (list, tuple)) else ()
        if len(numbers) != len(axes) or not all(isinstance(v, (int, float)) for v in numbers):
            raise OptionError(
                f"option 'values' of task 'reach_planes' must be {len(axes)} numbers, one for "
                f'each of the axes {axes}, is {values!r}'
            )
        object.__setattr__(self, 'values', tuple(float(v) for v in numbers))


class ReachTask:
    """Task (see task.Task): tip of an arm to a goal, distance measured along some axes."""

    def __init__(self, spec: RobotSpec, name: str, config: ReachConfig) -> None:
        """Build a variant from its options.

        Raises OptionError if the target lies outside the robot's reach box, ValueError if the
        robot has no chain or no reach box.
        """
        if spec.chain is None or spec.reach_box is None or spec.goal_box is None:
            raise ValueError(
                f"robot '{spec.name}' cannot reach: it lacks a chain or a box of goals"
            )
        self.name = name
        self.config = config
        self.mapping = ActionMapping(CommandMode.TORQUE, spec.joint_names, spec.policy_effort)
        self._start = spec.start
        self._lower, self._upper = spec.soft_lower, spec.soft_upper
        self._chain: SerialChain = spec.chain
        self._box: WorkspaceBox = spec.reach_box
        self._goal_box: WorkspaceBox = spec.goal_box
        self._fixed_goal, self._axes = _goal_and_axes(config, spec.reach_box)
        self._goal = self._box_centre() if self._fixed_goal is None else self._fixed_goal
        self.layout = self._make_layout(spec)

    @property
    def signals(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def episode_steps(self) -> int:
        """Policy steps after which an episode is cut."""
        return self.config.episode_steps

    @property
    def goal(self) -> Vector:
        """Goal (3,) of the present episode, m, base frame."""
        return self._goal.copy()

    def reset(self, rng: np.random.Generator) -> Start:
        """Begin an episode: uniform noise on the start pose, then the goal, from rng."""
        noise = self.config.start_noise
        positions = self._start + rng.uniform(-noise, noise, self._start.shape)
        if self._fixed_goal is None:
            self._goal = rng.uniform(self._goal_box.lower, self._goal_box.upper)
        return Start(np.clip(positions, self._lower, self._upper), self.goal)

    def observe(self, state: RobotState) -> Vector32:
        """Joint angles, velocities and tip; for random goals also goal minus tip; scaled."""
        tip = self._chain.tip(state.position)
        values = {'position': state.position, 'velocity': state.velocity, 'tip': tip}
        if self._fixed_goal is None:
            values['target'] = self._goal - tip
        return self.layout.pack(values)

    def begin(self, state: RobotState) -> Mapping[str, float]:
        """Distance in m."""
        return {'distance': self._error_and_distance(state)[1]}

    def acted(self, action: NDArray[np.float32]) -> None:
        """Do nothing: what was done is of no concern here."""

    def evaluate(self, state: RobotState, action: NDArray[np.float32]) -> Outcome:
        """Reward minus the distance in m, for `reach_planes` the sum of them; never terminates."""
        error, distance = self._error_and_distance(state)
        if isinstance(self.config, PlanesConfig):
            reward = -float(np.abs(error).sum())
            return Outcome(reward, {'planes': reward}, {'distance': distance}, False)
        return Outcome(-distance, {'distance': -distance}, {'distance': distance}, False)

    def success(self, measures: Mapping[str, float]) -> bool:
        """Whether the distance is within the tolerance."""
        return measures['distance'] <= self.config.tolerance

    def _error_and_distance(self, state: RobotState) -> tuple[Vector, float]:
        error = (self._goal - self._chain.tip(state.position)) * self._axes
        return error, float(np.sqrt(error @ error))

    def _box_centre(self) -> Vector:
        return 0.5 * (self._box.lower + self._box.upper)

    def _make_layout(self, spec: RobotSpec) -> ObservationLayout:
        n = len(spec.joint_names)
        fields = [
            Field('position', n, 1.0, tuple(spec.start)),
            Field('velocity', n),
            Field('tip', 3, TIP_SCALE, tuple(self._box_centre())),
        ]
        if self._fixed_goal is None:
            fields.append(Field('target', 3, TARGET_SCALE))
        return ObservationLayout(tuple(fields))


def _goal_and_axes(config: ReachConfig, box: WorkspaceBox) -> tuple[Vector | None, Vector]:
    """Return the fixed goal (3,), None if it is drawn, and 1 for each axis (3,) that counts."""
    if isinstance(config, PointConfig):
        goal, axes = np.array(config.target), np.ones(3)
        where = f"option 'target' of task 'reach' is {tuple(config.target)}"
    elif isinstance(config, PlaneConfig):
        axes = np.array([float(axis == config.axis) for axis in AXES])
        goal = np.where(axes > 0.0, config.value, 0.5 * (box.lower + box.upper))
        where = f"option 'value' of task 'reach_plane' is {config.axis} = {config.value}"
    elif isinstance(config, PlanesConfig):
        axes = np.array([float(axis in config.axes) for axis in AXES])
        goal = 0.5 * (box.lower + box.upper)
        for axis, value in zip(config.axes, config.values, strict=True):
            goal[AXES.index(axis)] = value
        where = f"option 'values' of task 'reach_planes' is {config.axes} = {config.values}"
    else:
        return None, np.ones(3)
    if not (all(isfinite(v) for v in goal) and box.contains(goal)):
        raise OptionError(f'{where}: outside the reach box {box.lower} to {box.upper} m')
    return goal, axes
