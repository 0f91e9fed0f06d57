# SPDX-License-Identifier: Apache-2.0
"""The tasks that this suite knows, by name."""

from collections.abc import Callable
from typing import Any

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks.options import OptionError, build_config
from maxent_robot.tasks.reach import PlaneConfig, PlanesConfig, PointConfig, ReachConfig, ReachTask
from maxent_robot.tasks.task import Outcome, Start, Task
from maxent_robot.tasks.turn import TurnConfig, TurnImageConfig, TurnTask
from maxent_robot.tasks.walk import WalkConfig, WalkTask

# Options of each task, and what builds it for a robot.
TASKS: dict[str, type] = {
    'reach': PointConfig,
    'reach_random': ReachConfig,
    'reach_plane': PlaneConfig,
    'reach_planes': PlanesConfig,
    'walk': WalkConfig,
    'turn': TurnConfig,
    'turn_image': TurnImageConfig,
}
# What a robot does unless it is told otherwise.
FIRST_TASKS = {'sawyer': 'reach', 'minitaur': 'walk', 'dclaw': 'turn'}
# Policy steps of a training by default (docs/results.md).
TRAINING_STEPS = {
    'reach': 12_000,
    'reach_random': 12_000,
    'reach_plane': 12_000,
    'reach_planes': 12_000,
    'walk': 25_000,
    'turn': 30_000,
    'turn_image': 70_000,
}
_BUILDERS: dict[str, Callable[[RobotSpec, str, Any], Task]] = {
    'walk': WalkTask,
    'turn': TurnTask,
    'turn_image': TurnTask,
}


def make_task(robot: RobotSpec, name: str, **options: object) -> Task:
    """Build a task of a robot.

    Raises ValueError naming the known tasks if the name is unknown, or saying what the robot lacks
    for it; OptionError naming the known options or the allowed range if an option cannot be.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; known tasks: {', '.join(sorted(TASKS))}")
    config: Any = build_config(TASKS[name], name, options)
    return _BUILDERS.get(name, ReachTask)(robot, name, config)


__all__ = [
    'FIRST_TASKS',
    'TASKS',
    'TRAINING_STEPS',
    'OptionError',
    'Outcome',
    'Start',
    'Task',
    'make_task',
]
