# SPDX-License-Identifier: Apache-2.0
"""The simulated robots with their guard as Gymnasium environments, such as maxent/SawyerReach-v0.

One step does what one policy period does in the lock-step graph: the same calls of the guard in
the same order with the same integer times (docs/design.md), so trajectories agree to the bit.
Importing this module registers the environments; it needs no ROS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maxent_robot.joint_reader import JointReader
from maxent_robot.robots import get_robot
from maxent_robot.safety.config import SIMULATED_REST
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.tasks import Task, make_task
from maxent_robot.types import ActionSample, AppliedAction, JointSample, RobotState, Vector
from sim_bridge.simulations import make_simulation

# Robot and task of each environment.
ENVIRONMENTS = {
    'maxent/SawyerReach-v0': ('sawyer', 'reach'),
    'maxent/MinitaurWalk-v0': ('minitaur', 'walk'),
    'maxent/DClawTurn-v0': ('dclaw', 'turn'),
    'maxent/DClawTurnImage-v0': ('dclaw', 'turn_image'),
}
SESSION = 'in_process'
WORLD: Mapping[str, Any] = MappingProxyType({})


class RobotEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """A task of a robot at the policy's rate, under the guard's limits.

    Actions: Box(-1, 1, (m,)), which `task.mapping` makes commands of. Observations: as
    `task.layout` says. The episode is truncated after `task.episode_steps`. `info` holds
    `applied_action` (m,) as executed, normalised to [-1, 1], and `flags` and `level` of the guard,
    `measures`, `terms` and `success` of the task; after reset only `measures` and `success`.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': ['rgb_array'], 'render_fps': 20}

    def __init__(
        self,
        robot: str = 'sawyer',
        task: str = 'reach',
        render_mode: str | None = None,
        world: Mapping[str, Any] = WORLD,
        **options: object,
    ) -> None:
        """Make an environment for a task of a robot with that task's options.

        `world` holds what is varied of the simulation, see `sim_bridge.simulations`. Raises
        ValueError for an unknown robot, task, option or render mode.
        """
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f"render_mode must be None or 'rgb_array', is {render_mode!r}")
        spec = get_robot(robot)
        self.render_mode = render_mode
        self.task: Task = make_task(spec, task, **options)
        self.simulation = make_simulation(robot, world)
        self.guard = Guard(spec, replace(spec.guard, overload_rest=SIMULATED_REST))
        signals = {name: spec.signals[name] for name in self.task.signals}
        self._reader = JointReader(spec.joint_names, signals)
        self._ticks = spec.policy_period_ns // spec.guard_period_ns
        self._seq = 0
        self._count: int | None = None  # steps of the episode; None: it has ended
        size, actions = self.task.layout.size, self.task.mapping.size
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self._sample: JointSample
        self._position: Vector  # (n,) rad, at which the newest action was chosen
        self._show_guard()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see maxent_robot.episode_seed for the seed of the k-th of a run."""
        super().reset(seed=seed)
        start = self.task.reset(self.np_random)
        world_seed = int(self.np_random.integers(1 << 62)) if seed is None else seed
        self.simulation.reset(start.positions, start.objects, world_seed)
        self.simulation.set_target(start.goal)
        self._show_guard()
        self.guard.clear_estop(self._sample.stamp_ns)  # the reset is what a person would do
        self._count = 0
        state = self._state()
        self._position = state.position
        measures = self.task.begin(state)
        info = {'measures': dict(measures), 'success': self._success(measures)}
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
        executed = self.task.mapping.executed(action, applied.desired, applied.applied)
        state = self._state()
        self._position = state.position
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
        values = mapping.to_values(action, self._position)
        self.task.acted(np.clip(action, -1.0, 1.0))
        self._seq += 1
        sample = ActionSample(
            stamp_ns=self._sample.stamp_ns,
            session_id=SESSION,
            seq=self._seq,
            skill=self.task.name,
            policy_version=0,
            mode=mapping.mode,
            names=mapping.joint_names,
            values=values,
        )
        reason = self.guard.on_action(sample, sample.stamp_ns)
        if reason is not None:
            raise RuntimeError(f'the guard refuses the action: {reason}')

    def _tick(self) -> TickResult:
        """Advance by one guard period, as guard and bridge do with one state in lock-step."""
        result = self.guard.tick(self._sample.stamp_ns)
        if result.command is None:
            raise RuntimeError(f'the guard gives no command: {result.reason}')
        names = self.simulation.robot.joint_names
        reason = self.simulation.set_command(result.command.mode, names, result.command.values)
        if reason is not None:
            raise RuntimeError(f'the robot refuses the command: {reason}')
        self.simulation.step_tick()
        self._show_guard()
        return result

    def _show_guard(self) -> None:
        self._sample = self.simulation.joint_sample(self.simulation.robot.guard_signals)
        self.guard.on_state(self._sample, self._sample.stamp_ns)

    def _finished(self, result: TickResult) -> AppliedAction:
        if result.finished is None or result.finished.seq != self._seq:
            raise RuntimeError('the guard did not account for the action in its last tick')
        return result.finished

    def _state(self) -> RobotState:
        sample = self.simulation.joint_sample(self.task.signals)
        state = self._reader.read(sample)
        if state is None:
            raise RuntimeError(f'the simulation reports a malformed joint state: {sample}')
        return state

    def _success(self, measures: Any) -> bool:
        return bool(self.task.success(measures))


for _name, (_robot, _task) in ENVIRONMENTS.items():
    gymnasium.register(
        id=_name,
        entry_point='sim_bridge.env:RobotEnv',
        kwargs={'robot': _robot, 'task': _task},
    )
