# SPDX-License-Identifier: Apache-2.0
"""Films a skill in the simulation in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxent_learner.in_process import check_layout, make_environment, rollout
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_robot import episode_seed
from maxent_robot.robots import get_robot
from maxent_robot.types import NANOSECONDS

if TYPE_CHECKING:
    from maxent_rl.skill import Skill


@dataclass(frozen=True)
class Film:
    """What was seen of an episode."""

    frames: list[NDArray[np.uint8]]  # (height, width, 3), the start included
    period_s: float  # from one to the next
    measures: Mapping[str, float]  # of the task at the last


def film(
    skill: Skill,
    robot: str,
    task: str,
    options: Mapping[str, Any],
    world: Mapping[str, Any],
    seed: int,
    steps: int,
    size: tuple[int, int],
) -> Film:
    """Run a skill's mean action from `episode_seed(seed, 0)` on and draw every step.

    Args:
        skill: that acts.
        robot: name of the robot.
        task: that it acts in.
        options: of the task.
        world: what is varied of the simulation.
        seed: of the start.
        steps: of the policy at most; fewer if the episode ends before.
        size: width and height of a frame in pixels.

    Raises:
        ValueError: the skill does not fit the task, or an option that cannot be.
        sim_bridge.rendering.RenderingUnavailableError: no OpenGL here.
    """
    configure_torch()
    environment = make_environment(robot, task, options, world)
    try:
        check_layout(skill, environment)
        simulation = environment.unwrapped.simulation
        policy = PolicyRunner(skill.policy(), seed, deterministic=True)
        frames: list[NDArray[np.uint8]] = []
        for step in rollout(environment, policy, episode_seed(seed, 0), 0, skill.metadata.name):
            frames.append(simulation.render(*size))
            if step.index >= steps:
                break
    finally:
        environment.close()
    return Film(frames, get_robot(robot).policy_period_ns / NANOSECONDS, step.measures)
