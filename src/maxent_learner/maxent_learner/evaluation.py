# SPDX-License-Identifier: Apache-2.0
"""How good a skill is: what its task measures at the end of many episodes.

Episode k starts from `episode_seed(seed, k)` on both paths, in one process and through the ROS
graph in lock-step, so both give the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from maxent_learner.episode_log import EpisodeResult
from maxent_robot.tasks import Task
from maxent_robot.tasks.measures import measure


@dataclass(frozen=True)
class Evaluation:
    """The outcome of an evaluation."""

    skill: str
    robot: str
    task: str
    seed: int
    path: str  # in_process or ros
    successes: tuple[bool, ...]
    results: tuple[EpisodeResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures; measures are means over the last steps of the episodes."""
        return {
            'skill': self.skill,
            'robot': self.robot,
            'task': self.task,
            'episodes': len(self.results),
            'seed': self.seed,
            'success_rate': fmean(self.successes),
            **{f'mean_final_{name}': fmean(self.final(name)) for name in self.measures},
            **{f'median_final_{name}': median(self.final(name)) for name in self.measures},
            **{f'worst_final_{name}': self._worst(name) for name in self.measures},
            'mean_return': fmean([result.episode_return for result in self.results]),
            'path': self.path,
        }

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of what the task measures."""
        return tuple(self.results[0].measures)

    def final(self, measure: str) -> list[float]:
        """Return a measure at the end of each episode, in order."""
        return [result.measures[measure] for result in self.results]

    def sentence(self) -> str:
        """Say in one sentence how good the skill is."""
        name = self.measures[0]
        shown, values = measure(name), self.final(name)
        return (
            f'{self.skill} succeeded in {sum(self.successes)} of {len(self.results)} test '
            f'episodes; {shown.title} in the end: {shown.text(fmean(values))} on average '
            f'(worst {shown.text(self._worst(name))})'
        )

    def _worst(self, name: str) -> float:
        values = self.final(name)
        return min(values) if measure(name).more_is_better else max(values)


def judge(
    skill: str,
    robot: str,
    task: Task,
    seed: int,
    path: str,
    results: Sequence[EpisodeResult],
) -> Evaluation:
    """Return the evaluation of finished episodes; ValueError if there are none."""
    if not results:
        raise ValueError('no episode was finished: nothing to judge')
    successes = tuple(task.success(result.measures) for result in results)
    return Evaluation(skill, robot, task.name, seed, path, successes, tuple(results))
