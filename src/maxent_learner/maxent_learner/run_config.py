# SPDX-License-Identifier: Apache-2.0
"""Settings that say which skill is learned for which robot and task, and where the results go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maxent_learner.trainer_config import setting
from maxent_robot.option_texts import parse_options


@dataclass(frozen=True)
class RunConfig:
    """One training run. Raises ValueError naming the setting that cannot be."""

    robot: str = setting('sawyer', 'robot that learns')
    task: str = setting('reach', 'what it learns')
    task_options: tuple[str, ...] = setting((), "settings of the task, such as 'axis=z'")
    world: tuple[str, ...] = setting(
        (), "what is varied of the simulation, such as 'terrain=slope'; kept with the run"
    )
    bags: tuple[str, ...] = setting((), 'bags to learn from, too; how much, says bag_share')
    bag_namespace: str = setting('', 'of the robot, where bags hold several')
    skill: str = setting('', 'name of the skill that the run makes; empty: ROBOT_TASK')
    run_folder: str = setting('runs/default', 'folder for checkpoints, logs and the curve')
    skills_folder: str = setting('skills', 'folder that gets the folder of the finished skill')
    resume: bool = setting(False, 'continue the run in run_folder instead of starting anew')
    torch_threads: int = setting(1, 'threads that one gradient step may use', 1)

    def __post_init__(self) -> None:
        if not self.skill:
            object.__setattr__(self, 'skill', f'{self.robot}_{self.task}')
        for name in ('run_folder', 'skills_folder'):
            if not getattr(self, name):
                raise ValueError(f'{name} must not be empty')
        if len(set(self.bags)) < len(self.bags):
            raise ValueError(f'a bag is named twice: {", ".join(self.bags)}')
        if self.torch_threads < 1:
            raise ValueError(f'torch_threads is {self.torch_threads}; it must be at least 1')
        parse_options(self.task_options)
        parse_options(self.world)

    @property
    def options(self) -> dict[str, Any]:
        """The task's settings as values."""
        return parse_options(self.task_options)
