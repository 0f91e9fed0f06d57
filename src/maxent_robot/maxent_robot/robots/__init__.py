# SPDX-License-Identifier: Apache-2.0
"""The robots that this suite knows."""

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots.dclaw import DCLAW
from maxent_robot.robots.minitaur import MINITAUR
from maxent_robot.robots.sawyer import SAWYER

ROBOTS = {robot.name: robot for robot in (SAWYER, MINITAUR, DCLAW)}


def get_robot(name: str) -> RobotSpec:
    """Return the specification of a robot; ValueError naming the known ones if it is unknown."""
    try:
        return ROBOTS[name]
    except KeyError:
        known = ', '.join(sorted(ROBOTS))
        raise ValueError(f"unknown robot '{name}'; known robots: {known}") from None


__all__ = ['DCLAW', 'MINITAUR', 'ROBOTS', 'SAWYER', 'get_robot']
