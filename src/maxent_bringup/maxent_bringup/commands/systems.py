# SPDX-License-Identifier: Apache-2.0
"""What the commands that bring a system up have in common: configuration and choice of skill."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_bringup.cli import CommandError
from maxent_bringup.paths import hardware_parameters
from maxent_bringup.settings_text import config_from_text
from maxent_bringup.system import SystemConfig, SystemConfigError
from maxent_robot.option_texts import format_options, parse_options
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

if TYPE_CHECKING:
    from maxent_learner.episode_log import EpisodeResult
    from maxent_learner.evaluation import Evaluation
    from maxent_rl.skill import Skill
    from maxent_robot.tasks import Task


def system_config(purpose: str, texts: Mapping[str, str]) -> SystemConfig:
    """Return the configuration that was asked for; CommandError if there can be none."""
    texts = {'runs': 'runs', 'skills': 'skills', **texts}
    try:
        config = config_from_text(purpose, texts)
        if config.mode == 'sim':
            return config
        return config_from_text(
            purpose, texts, parameter_files=(hardware_parameters(config.robot),)
        )
    except (SystemConfigError, FileNotFoundError) as error:
        raise CommandError(str(error)) from None


@dataclass(frozen=True)
class SkillChoice:
    """A skill folder, and the robot and task that it shall be used with."""

    folder: Path
    robot: str
    task: str
    task_options: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the skill."""
        return self.folder.name

    def load(self) -> Skill:
        """Return the skill; CommandError if the folder is damaged."""
        from maxent_rl.skill import SkillError, load_skill

        try:
            return load_skill(self.folder)
        except SkillError as error:
            raise CommandError(str(error)) from None

    def make_task(self) -> Task:
        """Return a new task; CommandError if it cannot be made."""
        try:
            return make_task(get_robot(self.robot), self.task, **parse_options(self.task_options))
        except ValueError as error:
            raise CommandError(str(error)) from None

    def evaluate(self, episodes: int, seed: int, world: Sequence[str] = ()) -> Evaluation:
        """Evaluate the skill in this process; ValueError for a world that cannot be."""
        from maxent_learner.in_process import make_environment, run_episodes

        options = parse_options(self.task_options)
        environment = make_environment(self.robot, self.task, options, parse_options(world))
        try:
            results = run_episodes(self.load(), environment, episodes, seed)
        finally:
            environment.close()
        return self.judge(seed, 'in_process', results)

    def judge(self, seed: int, path: str, results: Sequence[EpisodeResult]) -> Evaluation:
        """Return the evaluation of finished episodes."""
        from maxent_learner.evaluation import judge

        return judge(self.name, self.robot, self.make_task(), seed, path, results)

    def system_config(self, **texts: str) -> SystemConfig:
        """Return the configuration of a system that runs the skill."""
        own = {
            'robot': self.robot,
            'task': self.task,
            'task_options': ' '.join(self.task_options),
            'skill': self.name,
            'skills': str(self.folder.parent),
        }
        return system_config('run', {**own, **texts})


def add_skill_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `chosen_skill` reads."""
    parser.add_argument('skill', metavar='SKILL', help='name under skills/, or a skill folder')
    parser.add_argument(
        '--skills', type=Path, default=Path('skills'), help='folder of skills; default: skills'
    )
    parser.add_argument('--robot', help='default: the robot that the skill was learned with')
    parser.add_argument('--task', help='default: the task that the skill was learned for')
    parser.add_argument(
        '--task-options', nargs='*', metavar='NAME=VALUE', help='default: as learned'
    )


def chosen_skill(chosen: argparse.Namespace) -> SkillChoice:
    """Return the skill that was named; CommandError naming those that there are if it is none."""
    from maxent_rl.recipe import RECIPE_FILE, list_recipes
    from maxent_rl.skill import METADATA_FILE, list_skills

    for folder in (chosen.skills / chosen.skill, Path(chosen.skill)):
        if any((folder / file).is_file() for file in (METADATA_FILE, RECIPE_FILE)):
            return _with_defaults(folder.resolve(), chosen)
    there = [*list_skills(chosen.skills), *list_recipes(chosen.skills)]
    known = ', '.join(sorted(skill.name for skill in there))
    raise CommandError(
        f"unknown skill '{chosen.skill}'; in {chosen.skills} there are: {known or 'none'}"
    )


def _with_defaults(folder: Path, chosen: argparse.Namespace) -> SkillChoice:
    metadata = SkillChoice(_told_by(folder), '', '', ()).load().metadata
    learned = format_options(metadata.provenance['task_options'])
    is_same_task = chosen.task in (None, metadata.task)
    options = chosen.task_options
    if options is None:
        options = learned if is_same_task else ()
    choice = SkillChoice(
        folder, chosen.robot or metadata.robot, chosen.task or metadata.task, tuple(options)
    )
    choice.make_task()
    return choice


def _told_by(folder: Path) -> Path:
    """Return the skill that says which robot and task are meant: of a composition its first."""
    from maxent_rl.recipe import RECIPE_FILE, load_recipe
    from maxent_rl.skill import SkillError

    if not (folder / RECIPE_FILE).is_file():
        return folder
    try:
        return folder.parent / load_recipe(folder).skills[0]
    except SkillError as error:
        raise CommandError(str(error)) from None
