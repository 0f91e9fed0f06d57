# SPDX-License-Identifier: Apache-2.0
"""The simulated Sawyer with its guard as the Gymnasium environment `maxent/SawyerReach-v0`.

One step does what one policy period does in the lock-step graph: the same calls of the guard in
the same order with the same integer times (docs/design.md), so trajectories agree to the bit.
Importing this module registers the environment; it needs no ROS.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maxent_robot.joint_reader import JointReader
from maxent_robot.robots import get_robot
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.tasks import Task, make_task
from maxent_robot.types import ActionSample, AppliedAction, JointSample, RobotState
from sim_bridge.simulation import SawyerSimulation, SimulationConfig

ENVIRONMENT = 'maxent/SawyerReach-v0'
SESSION = 'in_process'


class SawyerReachEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Reach with the tip of a Sawyer by joint torques at 20 Hz, under the guard's limits.

    Actions: Box(-1, 1, (7,)), scaled by the task to N m. Observations: as `task.layout` says.
    The episode is truncated after `task.episode_steps`. `info` holds `applied_action` (7,) as
    executed, normalised to [-1, 1], and `flags` and `level` of the guard, `measures`, `terms`
    and `success` of the task; after reset only `measures` and `success`.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': ['rgb_array'], 'render_fps': 20}

    def __init__(
        self, task: str = 'reach', render_mode: str | None = None, **options: object
    ) -> None:
        """Make an environment for a task of the Sawyer with that task's options.

        Raises ValueError for an unknown task, option or render mode.
        """
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f"render_mode must be None or 'rgb_array', is {render_mode!r}")
        robot = get_robot('sawyer')
        self.render_mode = render_mode
        self.task: Task = make_task(robot, task, **options)
        self.simulation = SawyerSimulation(SimulationConfig(robot))
        self.guard = Guard(robot)
        self._reader = JointReader(robot.joint_names)
        self._ticks = robot.policy_period_ns // robot.guard_period_ns
        self._seq = 0
        self._count: int | None = None  # steps of the episode; None: it has ended
        size, actions = self.task.layout.size, self.task.mapping.size
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self._sample: JointSample
        self._show_guard()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see maxent_robot.episode_seed for the seed of the k-th of a run."""
        super().reset(seed=seed)
        start = self.task.reset(self.np_random)
        self.simulation.reset(start.positions)
        self.simulation.set_target(start.goal)
        self._show_guard()
        self.guard.clear_estop(self._sample.stamp_ns)  # the reset is what a person would do
        self._count = 0
        state = self._state()
        outcome = self.task.evaluate(state, np.zeros(self.task.mapping.size, np.float32))
        info = {'measures': dict(outcome.measures), 'success': self._success(outcome.measures)}
        return self.task.observe(state), info

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Act for one policy period.

        Raises ValueError for a malformed action, RuntimeError when the episode has ended.
        """
        if self._count is None:
            raise RuntimeError('the episode has ended: call reset before step')
        self._offer(action)
        for _ in range(self._ticks):
            result = self._tick()
        applied = self._finished(result)
        executed = self.task.mapping.to_normalised(applied.applied)
        state = self._state()
        outcome = self.task.evaluate(state, executed)
        self._count += 1
        truncated = self._count >= self.task.episode_steps
        info = {
            'applied_action': executed,
            'flags': int(applied.flags),
            'level': int(applied.level),
            'measures': dict(outcome.measures),
            'terms': dict(outcome.terms),
            'success': self._success(outcome.measures),
        }
        if outcome.terminated or truncated:
            self._count = None
        return (
            self.task.observe(state), float(outcome.reward), outcome.terminated, truncated, info
        )  # fmt: skip

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image (480, 640, 3) in render mode rgb_array."""
        return self.simulation.render() if self.render_mode == 'rgb_array' else None

    def close(self) -> None:
        """Free the renderer."""
        self.simulation.close()

    def _offer(self, action: NDArray[np.float32]) -> None:
        """Give the guard an action for the present state."""
        mapping = self.task.mapping
        self._seq += 1
        sample = ActionSample(
            stamp_ns=self._sample.stamp_ns,
            session_id=SESSION,
            seq=self._seq,
            skill=self.task.name,
            policy_version=0,
            mode=mapping.mode,
            names=mapping.joint_names,
            values=mapping.to_values(action),
        )
        reason = self.guard.on_action(sample, sample.stamp_ns)
        if reason is not None:
            raise RuntimeError(f'the guard refuses the action: {reason}')

    def _tick(self) -> TickResult:
        """Advance by one guard period, as guard and bridge do with one state in lock-step."""
        result = self.guard.tick(self._sample.stamp_ns)
        if result.command is None:
            raise RuntimeError(f'the guard gives no command: {result.reason}')
        names = self.simulation.config.robot.joint_names
        reason = self.simulation.set_command(result.command.mode, names, result.command.values)
        if reason is not None:
            raise RuntimeError(f'the robot refuses the command: {reason}')
        self.simulation.step_tick()
        self._show_guard()
        return result

    def _show_guard(self) -> None:
        self._sample = self.simulation.joint_sample()
        self.guard.on_state(self._sample, self._sample.stamp_ns)

    def _finished(self, result: TickResult) -> AppliedAction:
        if result.finished is None or result.finished.seq != self._seq:
            raise RuntimeError('the guard did not account for the action in its last tick')
        return result.finished

    def _state(self) -> RobotState:
        state = self._reader.read(self._sample)
        if state is None:
            raise RuntimeError(f'the simulation reports a malformed joint state: {self._sample}')
        return state

    def _success(self, measures: Any) -> bool:
        return bool(self.task.success(measures))


gymnasium.register(id=ENVIRONMENT, entry_point='sim_bridge.env:SawyerReachEnv')
