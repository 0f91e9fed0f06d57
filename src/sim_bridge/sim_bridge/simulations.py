# SPDX-License-Identifier: Apache-2.0
"""The simulation of each robot, with what may be varied of its world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim_bridge.dclaw_simulation import DClawConfig, DClawSimulation, DClawVariation
from sim_bridge.minitaur_simulation import MinitaurConfig, MinitaurSimulation, MinitaurVariation
from sim_bridge.robot_simulation import RobotSimulation
from sim_bridge.simulation import SawyerSimulation


def _sawyer() -> RobotSimulation:
    return SawyerSimulation()


def _minitaur(terrain: str = 'flat', **variation: Any) -> RobotSimulation:
    config = MinitaurConfig(terrain=terrain, variation=MinitaurVariation(**variation))
    return MinitaurSimulation(config)


def _dclaw(**variation: Any) -> RobotSimulation:
    return DClawSimulation(DClawConfig(variation=DClawVariation(**variation)))


SIMULATIONS: Mapping[str, Callable[..., RobotSimulation]] = {
    'sawyer': _sawyer,
    'minitaur': _minitaur,
    'dclaw': _dclaw,
}


def make_simulation(robot: str, world: Mapping[str, Any]) -> RobotSimulation:
    """Make the simulation of a robot.

    Args:
        robot: its name.
        world: options by name; Minitaur: `terrain` and the fields of MinitaurVariation, D'Claw:
            the fields of DClawVariation, each a range (low, high) to draw from per episode.

    Raises:
        ValueError: unknown robot or option, or a value that cannot be.
    """
    if robot not in SIMULATIONS:
        raise ValueError(f"no simulation of robot '{robot}'; known: {sorted(SIMULATIONS)}")
    try:
        return SIMULATIONS[robot](**world)
    except TypeError as error:
        raise ValueError(f"the world of robot '{robot}' cannot be: {error}") from None
