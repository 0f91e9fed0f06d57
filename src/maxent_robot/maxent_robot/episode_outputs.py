# SPDX-License-Identifier: Apache-2.0
"""What the episode actor asks its node to do, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maxent_robot.types import ActionSample, Vector

Vector32 = NDArray[np.float32]


@dataclass(frozen=True)
class ActivePolicy:
    """The policy that acts: observation (k,) float32 to action (m,) float32 in [-1, 1]."""

    call: Callable[[Vector32], Vector32]
    name: str
    version: int
    begin: Callable[[], None] = lambda: None  # told before the first action of each episode


@dataclass(frozen=True, eq=False)
class StepRecord:
    """One step of an episode, as in maxent_msgs/Step (dm_env convention: see there)."""

    stamp_ns: int
    session_id: str
    episode: int
    index: int
    skill: str
    policy_version: int
    layout_hash: str
    observation: Vector32  # (k,)
    action: Vector32  # (m,) as chosen, normalised; empty at index 0
    applied_action: Vector32  # (m,) as executed, normalised; empty at index 0
    reward: float
    reward_terms: Mapping[str, float]
    measures: Mapping[str, float]
    terminated: bool
    truncated: bool


@dataclass(frozen=True, eq=False)
class SendAction:
    """Publish this action."""

    action: ActionSample


@dataclass(frozen=True, eq=False)
class RequestReset:
    """Call the reset service; report success with EpisodeActor.on_reset_done."""

    positions: Vector  # (n,) rad, in the order of the robot's joint names
    seed: int
    objects: Mapping[str, float] = field(default_factory=dict)  # joints beside the robot's, rad


@dataclass(frozen=True, eq=False)
class AnnounceGoal:
    """Show the goal of the new episode."""

    goal: Vector  # (3,) m, base frame


@dataclass(frozen=True, eq=False)
class EmitStep:
    """Publish this step."""

    step: StepRecord


@dataclass(frozen=True)
class Fault:
    """The actor has stopped for good: a person must look at the reason."""

    reason: str


Output = SendAction | RequestReset | AnnounceGoal | EmitStep | Fault
