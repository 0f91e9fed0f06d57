# SPDX-License-Identifier: Apache-2.0
"""Experience out of bags: steps as they were recorded where they fit the task, else rebuilt.

Recorded steps are taken if they observe with the task's layout and the bag does not say that they
were judged by another task or other options. Everything else (bags without steps, of other
recorders, of another task) goes through `bag_rebuild`, which judges anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_learner.bag_reader import BagError, BagReader, MalformedMessageError
from maxent_learner.bag_rebuild import rebuild_steps
from maxent_learner.bag_steps import StepCounts, read_steps
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.option_texts import parse_options
from maxent_robot.rebuild import RebuildCounts
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks import TASKS
from maxent_robot.tasks.task import Task
from maxent_ros import topics


def bag_steps(
    path: Path,
    spec: RobotSpec,
    task: Task,
    options: Mapping[str, Any],
    seed: int,
    tell: Callable[[str], None],
    namespace: str = '',
) -> Iterator[StepRecord]:
    """Yield the steps of a bag for a task.

    Args:
        path: of the bag.
        spec: the robot.
        task: of that robot; its goals of rebuilt episodes come from `seed`.
        options: those of the task's that are not at their default.
        seed: see `task`.
        tell: is told, at the end, what was read, dropped and found damaged.
        namespace: of the robot, where the bag holds several.

    Raises:
        BagError: no bag, of another robot, or topics are missing that are needed.
    """
    reader = BagReader(path, namespace)
    robot = reader.about.get('robot', spec.name)
    if robot != spec.name:
        raise BagError(f'{path} was recorded with robot {robot}, this run is for {spec.name}')
    counts: StepCounts | RebuildCounts
    if _fits(reader, task, options):
        counts = StepCounts()
        yield from read_steps(reader, counts)
        tell(f'{path}: steps as recorded: {_text(counts)}')
    else:
        counts = RebuildCounts()
        yield from rebuild_steps(reader, spec, task, seed, counts)
        tell(f'{path}: observations and rewards rebuilt for task {task.name}: {_text(counts)}')
    for sentence in reader.damage:
        tell(sentence)


def recorded_observations(paths: Sequence[Path], layout_hash: str) -> NDArray[np.float32]:
    """Return all finite observations (k, n) that steps in these bags recorded.

    Raises:
        BagError: a bag has no step of this observation layout.
    """
    found = []
    for path in paths:
        before = len(found)
        found.extend(
            step.observation
            for step in read_steps(BagReader(path))
            if step.layout_hash == layout_hash and np.all(np.isfinite(step.observation))
        )
        if len(found) == before:
            raise BagError(f'{path} holds no step with observation layout {layout_hash}')
    return np.stack(found)


def _fits(reader: BagReader, task: Task, options: Mapping[str, Any]) -> bool:
    """Whether recorded steps, if there are any, are those of this very task."""
    about = reader.about
    if about.get('task', task.name) != task.name:
        return False
    if 'task_options' in about and not _equal(about['task_options'], options, task.name):
        return False
    for message in reader.as_received({reader.name(topics.STEP)}):
        with suppress(MalformedMessageError):  # `read_steps` counts it
            return bool(reader.decode(message).layout_hash == task.layout.hash)
    return False


def _equal(recorded: str, options: Mapping[str, Any], task: str) -> bool:
    """Whether two sets of options make the same task."""
    try:
        return bool(TASKS[task](**parse_options(recorded.split())) == TASKS[task](**options))
    except (ValueError, TypeError):
        return False


def _text(counts: StepCounts | RebuildCounts) -> str:
    """Return what was counted and is not 0, such as 'steps 12000, gaps 3'."""
    return ', '.join(f'{name} {value}' for name, value in _figures(dataclasses.asdict(counts)))


def _figures(counts: Mapping[str, Any], of: str = '') -> Iterator[tuple[str, int]]:
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f'{name} ')
        elif value:
            yield of + name.replace('_', ' '), value
