# SPDX-License-Identifier: Apache-2.0
"""Replays a bag through the guard and through the policies that acted, as about.json says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maxent_learner.bag_policy_replay import recorded_policies, replay_policy, skill_policies
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_replay import ReplayReport, replay_guard
from maxent_rl.acceptance import PolicySpec
from maxent_rl.algorithms import algorithm_config
from maxent_robot.option_texts import parse_options
from maxent_robot.robots import get_robot
from maxent_robot.tasks import Task

ACCOUNTS = 'commands of the guard'
ACTIONS = 'actions of the policy'


def replay(
    reader: BagReader, robot: str, task: Task | None, skills: Path
) -> Iterator[tuple[str, ReplayReport]]:
    """Yield what was compared, and the report.

    Args:
        reader: of a bag of a lock-step run.
        robot: name of the robot.
        task: that it acted in, if it is known; needed for weights that are in the bag.
        skills: folder of the skills that acted.

    Raises:
        BagError: see `replay_guard`.
        ValueError: a skill that cannot be loaded, or weights that are not what about.json says.
    """
    yield ACCOUNTS, replay_guard(reader, get_robot(robot))
    about = reader.about
    policies = skill_policies(skills)
    if about.get('purpose') == 'train' and task is not None:
        policies = recorded_policies(reader, _architecture(reader, task))
    usual = str(about.get('purpose') != 'train')
    is_mean = about.get('deterministic', usual).lower() == 'true'
    yield ACTIONS, replay_policy(reader, policies, _seed(reader), deterministic=is_mean)


def _seed(reader: BagReader) -> int:
    text = reader.about.get('seed', '0')
    if not text.isdecimal():
        raise ValueError(f'{reader.path}: the seed in about.json must be a number, is {text!r}')
    return int(text)


def _architecture(reader: BagReader, task: Task) -> PolicySpec:
    about = reader.about
    algorithm = about.get('algorithm', 'sac')
    options = parse_options(about.get('algorithm_options', '').split())
    hidden = algorithm_config(algorithm, options).hidden
    sizes = task.layout.size, task.mapping.size
    return PolicySpec(*sizes, tuple(hidden), algorithm, task.layout.image)
