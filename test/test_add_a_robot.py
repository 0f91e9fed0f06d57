# SPDX-License-Identifier: Apache-2.0
"""docs/add-a-robot.md, followed with a toy arm of two joints: it learns like the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray
import pytest

from maxent_learner import in_process
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_robot import robots, tasks
from maxent_robot.action_mapping import ActionMapping
from maxent_robot.layout import Field, ObservationLayout, Vector32
from maxent_robot.robot_spec import JointLimits, RobotSpec
from maxent_robot.tasks.options import number
from maxent_robot.tasks.task import Outcome, Start
from maxent_robot.types import CommandMode, RobotState, Vector
from sim_bridge import simulations
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.position_controller import PositionController
from sim_bridge.robot_simulation import NOTHING, RESET_GAP_NS, RobotSimulation, checked_pose

# Step 1: what the robot is and may do.
TOY = RobotSpec(
    name='toy',
    limits=JointLimits(
        joint_names=('shoulder', 'elbow'),
        position_lower=np.full(2, -2.0),
        position_upper=np.full(2, 2.0),
        velocity=np.full(2, 20.0),
        acceleration=np.full(2, 2000.0),
        effort=np.full(2, 5.0),
        command_effort=np.full(2, 5.0),
    ),
    neutral=np.zeros(2),
    start=np.zeros(2),
    policy_effort=np.full(2, 1.0),
    inertia_min=np.full(2, 0.01),
    inertia_max=np.full(2, 0.5),
    guard_period_ns=10_000_000,
    policy_period_ns=50_000_000,
    command_modes=(CommandMode.POSITION,),
)


# Step 2: what it shall do.
@dataclass(frozen=True)
class PointConfig:
    """Options of `point`: bring both joints to an angle."""

    angle: float = number(0.5, -1.0, 1.0, 'rad, of both joints')


class PointTask:
    """Task (see tasks/task.py)."""

    episode_steps = 20
    signals = ()

    def __init__(self, spec: RobotSpec, name: str, config: PointConfig) -> None:
        self.name, self.config = name, config
        scale = np.ones(len(spec.joint_names))
        self.mapping = ActionMapping(CommandMode.POSITION, spec.joint_names, scale)
        self.layout = ObservationLayout((Field('position', len(spec.joint_names)),))

    def reset(self, rng: np.random.Generator) -> Start:
        return Start(rng.uniform(-0.2, 0.2, 2), np.zeros(3))

    def begin(self, state: RobotState) -> Mapping[str, float]:
        return {'error': float(np.abs(state.position - self.config.angle).max())}

    def observe(self, state: RobotState) -> Vector32:
        return self.layout.pack({'position': state.position})

    def acted(self, action: NDArray[np.float32]) -> None:
        pass

    def evaluate(self, state: RobotState, action: NDArray[np.float32]) -> Outcome:
        error = self.begin(state)['error']
        return Outcome(-error, {'error': -error}, {'error': error}, False)

    def success(self, measures: Mapping[str, float]) -> bool:
        return measures['error'] < 0.25  # doing nothing leaves 0.5


# Step 3: its simulation.
XML = """
<mujoco>
  <option timestep="0.005" integrator="implicitfast" gravity="0 0 0"/>
  <default><joint axis="0 1 0" damping="0.2"/><geom type="capsule" size="0.02"/></default>
  <worldbody>
    <body name="target" mocap="true"/>
    <body>
      <joint name="shoulder"/> <geom fromto="0 0 0 .2 0 0"/>
      <body pos=".2 0 0"> <joint name="elbow"/> <geom fromto="0 0 0 .2 0 0"/> </body>
    </body>
    <camera name="overview" pos="0.2 -1 0" xyaxes="1 0 0 0 0 1"/>
  </worldbody>
  <actuator><position joint="shoulder" kp="20"/><position joint="elbow" kp="20"/></actuator>
</mujoco>
"""


class ToySimulation(RobotSimulation):
    """Two servos."""

    def __init__(self) -> None:
        super().__init__(TOY, XML)
        self.controller = PositionController(TOY.limits, TOY.neutral, 500_000_000)
        self.reset(TOY.neutral)

    @property
    def state(self) -> AssemblyState:
        return self.controller.state

    def reset(
        self,
        positions: Sequence[float] | Vector,
        objects: Mapping[str, float] = NOTHING,
        seed: int = 0,
        gap_ns: int = RESET_GAP_NS,
    ) -> None:
        pose = checked_pose(self.robot, positions, gap_ns)
        mujoco.mj_resetData(self.model, self._data)
        self._data.qpos[:] = pose
        self.controller.hold(pose)
        self.time_ns += gap_ns

    def set_command(
        self, mode: int, names: Sequence[str], values: Sequence[float] | Vector
    ) -> str | None:
        return self.controller.command(self.time_ns, mode, names, values)

    def hold(self) -> None:
        self.controller.hold(self._data.qpos)

    def become(self, state: AssemblyState) -> None:
        self.controller.become(state, self._data.qpos)

    def step_tick(self) -> None:
        self._data.ctrl[:] = self.controller.target
        mujoco.mj_step(self.model, self._data, self._substeps)
        self.time_ns += self.robot.guard_period_ns

    def joints(self) -> tuple[Vector, Vector, Vector]:
        data = self._data
        return data.qpos.copy(), data.qvel.copy(), np.array(data.qfrc_actuator)

    def signal(self, name: str) -> NDArray[Any]:
        raise KeyError(name)


@pytest.fixture
def toy(monkeypatch) -> Iterator[None]:
    """Put the entries of the page's tables in their places, for one test."""
    monkeypatch.setitem(robots.ROBOTS, 'toy', TOY)
    monkeypatch.setitem(tasks.TASKS, 'point', PointConfig)
    monkeypatch.setitem(tasks.FIRST_TASKS, 'toy', 'point')
    monkeypatch.setitem(tasks._BUILDERS, 'point', PointTask)
    monkeypatch.setitem(simulations.SIMULATIONS, 'toy', ToySimulation)
    monkeypatch.setitem(in_process.ENVIRONMENTS, 'toy', 'maxent/ToyPoint-v0')
    kwargs = {'robot': 'toy', 'task': 'point'}
    gymnasium.register('maxent/ToyPoint-v0', 'sim_bridge.env:RobotEnv', kwargs=kwargs)
    yield
    del gymnasium.registry['maxent/ToyPoint-v0']


def test_a_robot_of_two_joints_is_added_by_what_the_page_lists_and_learns(toy, tmp_path) -> None:
    run = in_process.train_in_process(
        RunConfig(
            robot='toy',
            task='point',
            run_folder=str(tmp_path / 'run'),
            skills_folder=str(tmp_path / 'skills'),
        ),
        TrainerConfig(
            max_steps=1200,
            updates_per_step=1.0,
            learning_starts=100,
            algorithm_options=('hidden=[32,32]',),
        ),
    )
    result = in_process.evaluate(run.make_skill(), episodes=5, seed=0)
    assert all(result.successes), result.final('error')


def test_its_guard_holds_the_robot_within_its_limits(toy) -> None:
    environment = in_process.make_environment('toy', 'point', {})
    environment.reset(seed=0)
    for _ in range(20):
        _, _, _, truncated, info = environment.step(np.ones(2, np.float32))
        position, velocity, _ = environment.unwrapped.simulation.joints()
        assert np.all(position <= TOY.limits.position_upper)
        assert np.all(np.abs(velocity) <= TOY.limits.velocity)
    assert truncated
    assert info['level'] == 0
