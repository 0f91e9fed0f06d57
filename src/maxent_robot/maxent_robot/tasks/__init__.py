# SPDX-License-Identifier: Apache-2.0
"""The tasks that this suite knows, by name."""

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks.options import OptionError, build_config
from maxent_robot.tasks.reach import PlaneConfig, PlanesConfig, PointConfig, ReachConfig, ReachTask
from maxent_robot.tasks.task import Outcome, Start, Task

TASKS: dict[str, type[ReachConfig]] = {
    'reach': PointConfig,
    'reach_random': ReachConfig,
    'reach_plane': PlaneConfig,
    'reach_planes': PlanesConfig,
}


def make_task(robot: RobotSpec, name: str, **options: object) -> Task:
    """Build a task of a robot.

    Raises ValueError naming the known tasks if the name is unknown, OptionError naming the known
    options or the allowed range if an option cannot be.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task '{name}'; known tasks: {', '.join(sorted(TASKS))}")
    return ReachTask(robot, name, build_config(TASKS[name], name, options))


__all__ = ['TASKS', 'OptionError', 'Outcome', 'Start', 'Task', 'make_task']
