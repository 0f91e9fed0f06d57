# SPDX-License-Identifier: Apache-2.0
"""What every task offers: where episodes start, what is observed and how well it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.layout import ObservationLayout, Vector32
from maxent_robot.types import RobotState, Vector


@dataclass(frozen=True, eq=False)
class Start:
    """How an episode begins."""

    positions: Vector  # (n,) rad
    goal: Vector  # (3,) m, base frame: what to show as the goal
    objects: Mapping[str, float] = field(default_factory=dict)  # joints beside the robot's, rad


@dataclass(frozen=True)
class Outcome:
    """Judgement of one transition, made at the state that it led to."""

    reward: float  # sum of the terms
    terms: Mapping[str, float]
    measures: Mapping[str, float]  # what the task measures at this state, SI units
    terminated: bool  # nothing of value lies beyond this state


class Task(Protocol):
    """A task of one robot. `reset` fixes the goal of the episode; the rest reads it.

    Called in this order: `reset`; `begin` at the first state, before or after it is observed; for
    each action `observe` (as often as one likes) and `acted`; for each transition `evaluate`,
    which may come after the next `acted`. Where a transition is lost, `begin` at the state it led
    to takes the place of `evaluate`. A task may remember states and actions of its episode.
    """

    @property
    def name(self) -> str:
        """Name under which make_task builds it."""
        ...

    @property
    def signals(self) -> tuple[str, ...]:
        """Signals of the robot that a state must hold for this task, see RobotSpec.signals."""
        ...

    @property
    def layout(self) -> ObservationLayout:
        """What an observation holds."""
        ...

    @property
    def mapping(self) -> ActionMapping:
        """What an action means."""
        ...

    @property
    def episode_steps(self) -> int:
        """Policy steps after which an episode is cut (truncated)."""
        ...

    def reset(self, rng: np.random.Generator) -> Start:
        """Begin an episode: draw its start pose and goal from rng."""
        ...

    def begin(self, state: RobotState) -> Mapping[str, float]:
        """What is measured at a state without a transition that led to it, known as measures."""
        ...

    def observe(self, state: RobotState) -> Vector32:
        """Observation (layout.size,) of a state."""
        ...

    def acted(self, action: NDArray[np.float32]) -> None:
        """Take the action (m,) in [-1, 1] that was chosen at the state observed last."""
        ...

    def evaluate(self, state: RobotState, action: NDArray[np.float32]) -> Outcome:
        """Judge the transition that led to state; action (m,) normalised, as executed."""
        ...

    def success(self, measures: Mapping[str, float]) -> bool:
        """Whether an episode that ends with these measures counts as solved."""
        ...
