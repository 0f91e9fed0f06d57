# SPDX-License-Identifier: Apache-2.0
"""The pushing task in figures: goals, options and what is observed. Knows no physics.

After the simulated evaluation of Haarnoja et al. 2018 (Composable Deep RL, section V-B): skills
bring the puck to a line x = c or y = c and are composed into skills for corners, which is possible
because all goals share one observation layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maxent_robot.layout import Field, ObservationLayout
from maxent_robot.tasks.options import OptionError, number

# x and y of each goal in m; NaN: any
GOALS: dict[str, tuple[float, float]] = {
    'left': (-1.0, np.nan),
    'middle': (0.0, np.nan),
    'right': (1.0, np.nan),
    'bottom': (np.nan, -1.0),
    'bottom_left': (-1.0, -1.0),
    'bottom_middle': (0.0, -1.0),
    'bottom_right': (1.0, -1.0),
}

LAYOUT = ObservationLayout(
    (
        Field('sin_position', 3),
        Field('cos_position', 3),
        Field('velocity', 3, scale=3.0),  # rad/s; 3 N m hold 3.75 rad/s against the damping
        Field('tip', 2),
        Field('puck', 2),
        Field('puck_from_tip', 2),
    )
)


@dataclass(frozen=True)
class PusherConfig:
    """Options of the environment."""

    goal: str = field(default='left', metadata={'doc': f'one of {", ".join(GOALS)}'})
    episode_steps: int = number(100, 1, 100_000, 'steps after which an episode is truncated')
    action_cost: float = number(0.1, 0.0, 100.0, 'weight of the squared action, in [-1, 1]')
    approach: float = number(0.0, 0.0, 100.0, '1/m, weight of the distance from tip to puck')
    anywhere: float = number(
        0.0, 0.0, 1.0, 'share of the episodes that start with arm and puck anywhere within reach'
    )

    def __post_init__(self) -> None:
        if not isinstance(self.goal, str) or self.goal not in GOALS:
            raise OptionError(
                f"option 'goal' of task 'pusher' must be one of {', '.join(GOALS)}, "
                f'is {self.goal!r}'
            )


def goal_distance(goal: str, puck: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the distances (...) in m of puck positions (..., 2) to a line or corner of GOALS."""
    target = np.array(GOALS[goal])
    away = np.where(np.isnan(target), 0.0, np.asarray(puck, np.float64) - target)
    return np.sqrt(np.sum(away * away, axis=-1))
