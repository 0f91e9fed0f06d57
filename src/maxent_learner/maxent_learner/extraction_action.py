# SPDX-License-Identifier: Apache-2.0
"""The action that makes a composition of skills a skill of its own, offline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
import time
from typing import Any

from maxent_msgs.action import ExtractComposition
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
import torch

from maxent_learner.bag_experience import recorded_observations
from maxent_learner.long_action import FEEDBACK_S, CancelledError, LongAction, Stop
from maxent_learner.skill_export import versions
from maxent_learner.software import commit
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.recipe import RECIPE_FILE
from maxent_rl.skill import Skill, load_skill, save_skill, skill_folder
from maxent_rl.skill_extraction import ExtractionStep, SkillExtraction
from maxent_rl.skill_metadata import SkillError
from maxent_ros import topics

MAX_STEPS = 100_000
MOST_STATES = 2048  # out of bags, evenly: the new skill keeps them


class ExtractionAction(LongAction):
    """Serves ExtractComposition."""

    def __init__(self, node: Node, skills_folder: Path) -> None:
        """Offer the action beside `node`; skills are read from and saved in `skills_folder`."""
        self._root = skills_folder
        super().__init__(
            node, ExtractComposition, topics.EXTRACT_COMPOSITION, 'extraction', self._extract
        )

    def _extract(self, handle: ServerGoalHandle, should_stop: Stop) -> tuple[str, str]:
        """Return SHA-256 of the new skill and where it is."""
        goal = handle.request
        folder = free_folder(self._root, goal.new_name)
        if not 1 <= goal.steps <= MAX_STEPS:
            raise ValueError(f'steps must be 1 to {MAX_STEPS}, is {goal.steps}')
        skills = [load_skill(skill_folder(self._root, name)) for name in goal.names]
        config = ExtractionConfig(steps=goal.steps, decay=0.05)
        weights = list(goal.weights) or None
        states = _states(goal.bags, skills)
        work = SkillExtraction(skills, weights, goal.mode, config, goal.seed, states)
        newest = _work(work, handle, should_stop)
        origin = {'commit': commit(), 'versions': versions()}
        if goal.bags:
            origin['bags'] = list(goal.bags)
        created = datetime.now(UTC).isoformat(timespec='seconds')
        metrics = {'composed_q': newest.q, 'q_error': newest.q_error}
        skill = work.skill(goal.new_name, created, metrics, origin)
        metadata = save_skill(folder, skill)
        return metadata.sha256, f'{goal.new_name} is a skill in {folder}'


def free_folder(root: Path, name: str) -> Path:
    """Return the folder of a new skill; one that exists must not be lost by a slip.

    Raises:
        SkillError: a name that cannot be, or that is taken.
    """
    folder = skill_folder(root, name)
    if folder.exists():
        kind = 'composition' if (folder / RECIPE_FILE).is_file() else 'skill'
        raise SkillError(f'there is a {kind} called {name} already: take another name')
    return folder.absolute()


def _states(bags: Sequence[str], skills: Sequence[Skill]) -> torch.Tensor | None:
    """Return states (k, n) out of bags, None without any: the skills' own are used then."""
    if not bags or not skills:
        return None
    layout_hash = skills[0].metadata.layout_hash
    found = recorded_observations([Path(bag) for bag in bags], layout_hash)
    return torch.from_numpy(found[:: -(-len(found) // MOST_STATES)])


def _work(work: SkillExtraction, handle: ServerGoalHandle, should_stop: Stop) -> ExtractionStep:
    told_s = 0.0
    while True:
        newest = work.step()
        if should_stop():
            raise CancelledError
        finished = work.steps >= work.config.steps
        if finished or time.monotonic() - told_s >= FEEDBACK_S:
            told_s = time.monotonic()
            handle.publish_feedback(_feedback(work, newest))
        if finished:
            return newest


def _feedback(work: SkillExtraction, newest: ExtractionStep) -> Any:
    return ExtractComposition.Feedback(
        steps=work.steps, total=work.config.steps, q=newest.q, q_error=newest.q_error
    )
