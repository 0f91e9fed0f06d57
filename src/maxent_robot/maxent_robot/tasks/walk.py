# SPDX-License-Identifier: Apache-2.0
"""Walking straight on with the Minitaur (Haarnoja et al. 2018, SAC and applications, section 7.2).

State: motor angles, roll, pitch and their rates, now and in the past five steps, the past five
actions, and, not in the paper, the heading: without it the robot cannot know that it turns, and on
a slope it turns until it rolls over. Action: swing and extension of each leg.

Reward: forward velocity, minus the angular acceleration of the action, roll and pitch, and front
legs that reach under the body. The paper gives no weights; ours are options. Beyond a speed, ours
falls again: who walks as fast as it can falls where the ground is not flat. Front feet below the
body let it pitch over on stairs. Ours also asks for lifted feet: those that are dragged over flat
ground are held up by whatever stands out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi, remainder, sin

import numpy as np
from numpy.typing import NDArray

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.attitude import roll_and_pitch, rotation, yaw
from maxent_robot.layout import Field, ObservationLayout, Vector32
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.minitaur import HIPS, MOTORS_FROM_LEGS, legs, toe_offset
from maxent_robot.tasks.history import History
from maxent_robot.tasks.options import number
from maxent_robot.tasks.task import Outcome, Start
from maxent_robot.types import NANOSECONDS, CommandMode, RobotState, Vector

PAST = 5  # steps
FRAME = 12  # motor angles 8, roll, pitch, rates of both
RATE_SCALE = 4.0  # rad/s
AHEAD = 3.0  # m before the start, where the goal is shown
FRONT = (0, 2)  # FL and FR among the legs FL, BL, FR, BR


@dataclass(frozen=True)
class WalkConfig:
    """Options of `walk`."""

    episode_steps: int = number(500, 1, 100_000, 'policy steps of an episode')
    action_range: float = number(
        0.35, 0.05, 1.0, 'rad of swing and extension that an action of 1 is'
    )
    start_noise: float = number(0.15, 0.0, 0.3, 'rad, uniform noise of the start pose, +-')
    top_speed: float = number(0.4, 0.1, 5.0, 'm/s, faster is worse again')
    acceleration_cost: float = number(0.02, 0.0, 10.0, 'of the mean square of a - 2a1 + a2')
    tilt_cost: float = number(0.5, 0.0, 10.0, '1/rad, of |roll| + |pitch|')
    reach_cost: float = number(2.0, 0.0, 10.0, '1/rad, of front legs beyond reach_limit')
    reach_limit: float = number(0.05, 0.0, 1.0, 'rad, swing of a front leg to the back')
    drag_cost: float = number(0.3, 0.0, 10.0, 's/m, of speeds of feet that move without a lift')
    clearance: float = number(0.03, 0.001, 0.1, 'm above the lowest foot that is lifted enough')
    fall_cost: float = number(5.0, 0.0, 100.0, 'once, for tilting beyond fall_angle')
    fall_angle: float = number(0.7, 0.1, 1.5, 'rad of roll or pitch that ends an episode')
    good_speed: float = number(0.2, 0.0, 5.0, 'm/s on average that counts as success, upright')


class WalkTask:
    """Task (see task.Task): walk to where the robot looks as an episode begins.

    The odometry is a motion capture's or a simulation's.
    """

    _first: RobotState | None  # of the episode
    _last: RobotState | None  # judged
    _executed: list[Vector]  # newest three actions

    def __init__(self, spec: RobotSpec, name: str, config: WalkConfig) -> None:
        """Build the task from its options; ValueError if the robot is none with such legs."""
        if len(spec.joint_names) != len(MOTORS_FROM_LEGS):
            raise ValueError(f"robot '{spec.name}' cannot walk: it lacks the legs of a Minitaur")
        for signal in self.signals:
            if signal not in spec.signals:
                raise ValueError(f"robot '{spec.name}' cannot walk: it has no {signal}")
        self.name, self.config = name, config
        self._start, self._lower, self._upper = spec.start, spec.soft_lower, spec.soft_upper
        self.mapping = ActionMapping(
            CommandMode.POSITION,
            spec.joint_names,
            np.full(8, config.action_range),
            spec.start,
            MOTORS_FROM_LEGS,
        )
        self.layout = _layout(spec)
        self._history = History(PAST, self.mapping.size)
        self._begin_memory()

    @property
    def signals(self) -> tuple[str, ...]:
        """Orientation and rates; position for the reward."""
        return ('imu', 'odometry')

    @property
    def episode_steps(self) -> int:
        """Policy steps after which an episode is cut."""
        return self.config.episode_steps

    def reset(self, rng: np.random.Generator) -> Start:
        """Begin an episode: stand up, with uniform noise on the pose from rng."""
        noise = self.config.start_noise
        positions = self._start + rng.uniform(-noise, noise, self._start.shape)
        self._history.forget()
        self._begin_memory()
        goal = np.array([AHEAD, 0.0, 0.0])
        return Start(np.clip(positions, self._lower, self._upper), goal)

    def begin(self, state: RobotState) -> Mapping[str, float]:
        """Forget the motion so far; the way walked in this episode goes on being measured."""
        self._last, self._executed = state, []
        self._first = self._first or state
        return self._measures(state, self._has_fallen(state))

    def observe(self, state: RobotState) -> Vector32:
        """Frame, past frames, past actions and heading (113,), scaled."""
        self._first = self._first or state  # it may be observed before the episode begins
        frame = _frame(state)
        self._history.see(frame)
        return self.layout.pack(
            {
                'frame': frame,
                'past_frames': self._history.frames(),
                'past_actions': self._history.actions(),
                'heading': np.array([_turn(self._first, state)]),
            }
        )

    def acted(self, action: NDArray[np.float32]) -> None:
        """Remember what was done at the state observed last."""
        self._history.act(action)

    def evaluate(self, state: RobotState, action: NDArray[np.float32]) -> Outcome:
        """Judge the way since the last state, smoothness of the last three actions and posture."""
        last = self._last
        if last is None:
            raise ValueError('a transition was judged before the episode began')
        config = self.config
        elapsed = (state.stamp_ns - last.stamp_ns) / NANOSECONDS
        way = self._way(last, state)
        roll, pitch = roll_and_pitch(state.signals['imu'][:4])
        swing, _ = legs(state.position)
        beyond = np.maximum(0.0, swing[list(FRONT)] - config.reach_limit)
        fallen = self._has_fallen(state)
        terms = {
            'forward': config.top_speed - abs(way / elapsed - config.top_speed),
            'acceleration': -config.acceleration_cost * self._jerkiness(action),
            'tilt': -config.tilt_cost * (abs(roll) + abs(pitch)),
            'reach': -config.reach_cost * float(beyond.sum()),
            'drag': -config.drag_cost * self._drag(feet(last), feet(state)) / elapsed,
            'fall': -config.fall_cost * fallen,
        }
        self._last = state
        return Outcome(sum(terms.values()), terms, self._measures(state, fallen), fallen)

    def success(self, measures: Mapping[str, float]) -> bool:
        """Whether the robot walked at a good speed and is upright."""
        return not measures['fallen'] and measures['speed'] >= self.config.good_speed

    def _jerkiness(self, action: NDArray[np.float32]) -> float:
        """Mean square second difference of the last three executed actions, 0 before there are."""
        self._executed = [*self._executed[-2:], np.asarray(action, dtype=np.float64)]
        if len(self._executed) < 3:
            return 0.0
        before, last, now = self._executed
        return float(np.mean((now - 2.0 * last + before) ** 2))

    def _drag(self, before: Vector, after: Vector) -> float:
        """Way (m) of all feet (4, 3) together, of which a lifted foot's counts little or nothing.

        Lifted is what is higher than the lowest foot: what the ground is like is not known.
        """
        lift = np.maximum(before[:, 2] - before[:, 2].min(), after[:, 2] - after[:, 2].min())
        lacking = np.maximum(0.0, 1.0 - lift / self.config.clearance)
        way = np.hypot(after[:, 0] - before[:, 0], after[:, 1] - before[:, 1])
        return float(lacking**2 @ way)

    def _has_fallen(self, state: RobotState) -> bool:
        tilt = max(abs(angle) for angle in roll_and_pitch(state.signals['imu'][:4]))
        return tilt > self.config.fall_angle

    def _measures(self, state: RobotState, fallen: bool) -> dict[str, float]:
        """Mean speed and distance (m) ahead since the episode began, and whether it fell."""
        assert self._first is not None
        distance = self._way(self._first, state)
        elapsed = (state.stamp_ns - self._first.stamp_ns) / NANOSECONDS
        speed = distance / elapsed if elapsed > 0.0 else 0.0
        return {'speed': speed, 'way': distance, 'fallen': float(fallen)}

    def _way(self, start: RobotState, end: RobotState) -> float:
        """Distance (m) between two states to where the robot looked as the episode began."""
        assert self._first is not None
        ahead = yaw(self._first.signals['odometry'][3:7])
        x, y = end.signals['odometry'][:2] - start.signals['odometry'][:2]
        return float(x * cos(ahead) + y * sin(ahead))

    def _begin_memory(self) -> None:
        self._first = self._last = None
        self._executed = []


def _turn(first: RobotState, now: RobotState) -> float:
    """Turn (rad, left is positive) from one state to another, in [-pi, pi]."""
    before, after = (yaw(each.signals['imu'][:4]) for each in (first, now))
    return remainder(after - before, 2.0 * pi)


def feet(state: RobotState) -> Vector:
    """Return where the toes are in the world, (4, 3) in m."""
    pose = state.signals['odometry']
    toes = HIPS.copy()
    toes[:, [0, 2]] += toe_offset(*legs(state.position))
    return np.asarray(pose[:3] + toes @ rotation(pose[3:7]).T)


def _frame(state: RobotState) -> Vector:
    """Motor angles, roll, pitch, roll rate, pitch rate (12,)."""
    imu = state.signals['imu']
    return np.concatenate([state.position, roll_and_pitch(imu[:4]), imu[4:6]])


def _layout(spec: RobotSpec) -> ObservationLayout:
    scale = (*[0.5] * 8, 0.3, 0.3, RATE_SCALE, RATE_SCALE)
    offset = (*spec.start.tolist(), 0.0, 0.0, 0.0, 0.0)
    return ObservationLayout(
        (
            Field('frame', FRAME, scale, offset),
            Field('past_frames', PAST * FRAME, scale * PAST, offset * PAST),
            Field('past_actions', PAST * 8),
            Field('heading', 1),
        )
    )
