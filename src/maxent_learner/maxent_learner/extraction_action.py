# SPDX-License-Identifier: Apache-2.0
"""The action that makes a composition of skills a skill of its own, offline."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
import threading
import time
from typing import Any

from maxent_msgs.action import ExtractComposition
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from maxent_learner.skill_export import commit, versions
from maxent_rl.diverged import DivergedError
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.recipe import RECIPE_FILE
from maxent_rl.skill import load_skill, save_skill, skill_folder
from maxent_rl.skill_extraction import ExtractionStep, SkillExtraction
from maxent_rl.skill_metadata import SkillError
from maxent_ros import topics
from maxent_ros.side_node import SideNode

MAX_STEPS = 100_000
FEEDBACK_S = 0.2


class _CancelledError(Exception):
    pass


class ExtractionAction:
    """Serves ExtractComposition in threads of its own, one extraction at a time."""

    def __init__(self, node: Node, skills_folder: Path) -> None:
        """Offer the action beside `node`; skills are read from and saved in `skills_folder`."""
        self._root = skills_folder
        self._busy, self._closing = threading.Lock(), threading.Event()
        self._logger = node.get_logger()
        self._side = SideNode(node, f'{node.get_name()}_extraction', threads=2)
        self._server = ActionServer(
            self._side.node,
            ExtractComposition,
            topics.EXTRACT_COMPOSITION,
            self._execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=lambda _goal: GoalResponse.ACCEPT,  # a refusal could not say why
            cancel_callback=lambda _handle: CancelResponse.ACCEPT,
        )
        self._side.start()

    def close(self) -> None:
        """Cancel what is under way and leave the graph."""
        self._closing.set()
        with self._busy:  # it ends within a step
            self._side.close()

    def _execute(self, handle: ServerGoalHandle) -> ExtractComposition.Result:
        result = ExtractComposition.Result()
        if not self._busy.acquire(blocking=False):
            result.message = 'another extraction is under way: wait for it, or cancel it'
            handle.abort()
            return result
        try:
            result.sha256, result.message = self._extract(handle)
            result.success = True
            handle.succeed()
        except _CancelledError:
            result.message = 'cancelled; nothing was saved'
            if handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
        except (ValueError, OSError, DivergedError) as error:  # skills, weights, names, disk
            result.message = str(error)
            self._logger.warning(f'extraction refused: {error}')
            handle.abort()
        finally:
            self._busy.release()
        return result

    def _extract(self, handle: ServerGoalHandle) -> tuple[str, str]:
        """Return SHA-256 of the new skill and where it is."""
        goal = handle.request
        folder = self._free(goal.new_name)
        if not 1 <= goal.steps <= MAX_STEPS:
            raise ValueError(f'steps must be 1 to {MAX_STEPS}, is {goal.steps}')
        skills = [load_skill(skill_folder(self._root, name)) for name in goal.names]
        config = ExtractionConfig(steps=goal.steps, decay=0.05)
        weights = list(goal.weights) or None
        work = SkillExtraction(skills, weights, goal.mode, config, goal.seed)
        newest = self._work(work, handle)
        origin = {'commit': commit(), 'versions': versions()}
        created = datetime.now(UTC).isoformat(timespec='seconds')
        metrics = {'composed_q': newest.q, 'q_error': newest.q_error}
        skill = work.skill(goal.new_name, created, metrics, origin)
        metadata = save_skill(folder, skill)
        text = f'{goal.new_name} is a skill in {folder}'
        self._logger.info(text)
        return metadata.sha256, text

    def _work(self, work: SkillExtraction, handle: ServerGoalHandle) -> ExtractionStep:
        told_s = 0.0
        while True:
            newest = work.step()
            if handle.is_cancel_requested or self._closing.is_set():
                raise _CancelledError
            finished = work.steps >= work.config.steps
            if finished or time.monotonic() - told_s >= FEEDBACK_S:
                told_s = time.monotonic()
                handle.publish_feedback(_feedback(work, newest))
            if finished:
                return newest

    def _free(self, name: str) -> Path:
        """Return the folder of the new skill; a skill or recipe must not be lost by a slip."""
        folder = skill_folder(self._root, name)
        if folder.exists():
            kind = 'composition' if (folder / RECIPE_FILE).is_file() else 'skill'
            raise SkillError(f'there is a {kind} called {name} already: take another name')
        return folder.absolute()


def _feedback(work: SkillExtraction, newest: ExtractionStep) -> Any:
    return ExtractComposition.Feedback(
        steps=work.steps, total=work.config.steps, q=newest.q, q_error=newest.q_error
    )
