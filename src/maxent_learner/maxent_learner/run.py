# SPDX-License-Identifier: Apache-2.0
"""One training run on disk: a trainer with its folder, progress files, checkpoints and skill.

Shared by the learner node and the in-process path. Whatever cannot be written is reported and
does not stop the training.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
import dataclasses
from datetime import UTC, datetime
from pathlib import Path
import shutil
import sys

from maxent_learner.bag_experience import bag_steps
from maxent_learner.episode_log import EpisodeResult
from maxent_learner.experience import Experience, StepError
from maxent_learner.progress import Progress, Row
from maxent_learner.run_config import RunConfig
from maxent_learner.run_folder import RunFolder, new_run_id
from maxent_learner.skill_export import (
    make_skill,
    provenance,
    training_metrics,
    versions,
)
from maxent_learner.software import commit
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.checkpoint import CheckpointError
from maxent_rl.diverged import DivergedError
from maxent_rl.skill import Skill, SkillError, save_skill
from maxent_rl.skill_metadata import check_name
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

DRAW_EVERY = 10  # episodes
SCALARS_EVERY = 100  # transitions


class Run:
    """A run that is new, or goes on from its newest checkpoint."""

    def __init__(
        self, config: RunConfig, trainer_config: TrainerConfig, report: Callable[[str], None]
    ) -> None:
        """Open the run's folder and makes the trainer.

        Args:
            config: what is learned, and where the results go.
            trainer_config: how.
            report: is told what the bags hold, what cannot be written, and what is done instead.

        Raises:
            ResumeError: the checkpoint to resume from is of other settings.
            ValueError: unknown robot or task, settings that these refuse, or bags that cannot be
                learned from.
        """
        self.config = config
        self.report = report
        check_name(config.skill)
        self.spec = get_robot(config.robot)
        self.task = make_task(self.spec, config.task, **config.options)
        self.trainer = Trainer(config.robot, self.task, trainer_config)
        self._bags = self._read_bags()
        self.folder = RunFolder(Path(config.run_folder))
        self.resumed = config.resume and self._resume()
        self.run_id = (self.folder.run_id if self.resumed else None) or new_run_id()
        if not self.resumed:
            self._start_anew()
        self._attempt('config.json', self._describe)
        title = f'{config.robot} {config.task}, {trainer_config.algorithm}, seed '
        self.progress = Progress(
            self.folder.path, f'{title}{trainer_config.seed}', self.trainer.steps, report
        )
        self._checkpoint_steps = self._scalar_steps = self.trainer.steps

    def episode_finished(self, result: EpisodeResult) -> Row:
        """Write a finished episode down; returns its row of progress.jsonl."""
        trainer = self.trainer
        row = {
            'steps': trainer.steps,
            'robot_minutes': trainer.robot_time_s / 60.0,
            'episode': result.episode,
            'length': result.steps,
            'whole': result.whole,
            'episode_return': result.episode_return,
            'measure': next(iter(result.measures), ''),
            'final_measure': result.final_measure,
            'measures': result.measures,
            'updates': trainer.updates,
            'policy_version': trainer.version,
            **trainer.metrics,
        }
        self.progress.episode(row)
        if len(self.progress.rows) % DRAW_EVERY == 0:
            self.progress.draw()
        return row

    def update(self) -> None:
        """Make one gradient step; what diverges is rolled back and reported.

        Raises:
            DivergedError: from the same state again and again.
        """
        try:
            self.trainer.update()
        except DivergedError as error:
            if self.trainer.hopeless:
                raise
            self.report(f'learning diverged ({error}); rolled back to the last good state')

    def step_finished(self) -> None:
        """Write scalars and a checkpoint where they are due."""
        steps = self.trainer.steps
        if steps - self._scalar_steps >= SCALARS_EVERY and self.trainer.metrics:
            self._scalar_steps = steps
            self.progress.scalars('training', self.trainer.metrics, steps)
        if steps - self._checkpoint_steps >= self.trainer.config.checkpoint_every:
            self.checkpoint()

    def checkpoint(self) -> str:
        """Save a checkpoint; returns '' or why that failed. The one before stays then."""
        self._checkpoint_steps = self.trainer.steps
        return self._attempt('checkpoint', lambda: self.trainer.save(self.folder.checkpoints))

    def note_version(self, version: int) -> None:
        """Remember a published version."""
        self._attempt('last_version', lambda: self.folder.note_version(version))

    def make_skill(self) -> Skill:
        """Return what has been learned so far as a skill."""
        created = datetime.now(UTC).isoformat(timespec='seconds')
        origin = provenance(self.trainer, sys.argv, self.config.options)
        return make_skill(
            self.trainer,
            self.spec,
            self.config.skill,
            training_metrics(self.trainer, self.progress.rows),
            {**origin, 'run_id': self.run_id, **self._of_bags()},
            created,
        )

    def save_skill(self) -> str:
        """Save the skill with its curve; return '' or why that failed."""
        skill = self.make_skill()
        self.progress.draw()
        return self._attempt('skill', lambda: self._save_skill(skill))

    def draw(self, write: Callable[[Path], None]) -> str:
        """Have another curve.png written than that of the episodes; '' or why that failed."""
        path = self.folder.path / 'curve.png'
        return self._attempt('curve.png', lambda: write(path))

    @property
    def skill_folder(self) -> Path:
        """Where `save_skill` puts the skill."""
        return Path(self.config.skills_folder) / self.config.skill

    def close(self) -> str:
        """Save a last checkpoint and closes the logs; returns '' or why the former failed."""
        failure = self.checkpoint()
        self.progress.close()
        return failure

    def _save_skill(self, skill: Skill) -> None:
        save_skill(self.skill_folder, skill)
        curve = self.folder.path / 'curve.png'
        if curve.is_file():
            shutil.copyfile(curve, self.skill_folder / 'curve.png')

    def _read_bags(self) -> dict[str, int]:
        """Give the trainer what the bags hold; returns transitions by bag."""
        config, trainer = self.config, self.trainer
        if not config.bags:
            return {}
        recorded = Experience(self.task, trainer.config.buffer_capacity)
        found = {}
        for bag in config.bags:
            before = recorded.transitions
            self._read_bag(Path(bag), recorded)
            found[bag] = recorded.transitions - before
        if recorded.refused:
            self.report(f'{recorded.refused} steps of the bags cannot be learned from')
        if len(recorded.buffer) < recorded.transitions:
            self.report(
                f'only the newest {len(recorded.buffer)} of {recorded.transitions} transitions of '
                'the bags are kept: raise buffer_capacity'
            )
        trainer.use_recorded(recorded, trainer.config.bag_share)
        return found

    def _read_bag(self, bag: Path, recorded: Experience) -> None:
        seed, options = self.trainer.config.seed, self.config.options
        what = bag, self.spec, self.task, options, seed, self.report
        for step in bag_steps(*what, self.config.bag_namespace):
            with suppress(StepError):  # counted
                recorded.take(step)

    def _of_bags(self) -> dict[str, object]:
        if not self._bags:
            return {}
        return {'bags': self._bags, 'bag_share': self.trainer.config.bag_share}

    def _resume(self) -> bool:
        if not self.trainer.resume(self.folder.checkpoints, self.report):
            self.report(f'nothing to resume in {self.folder.checkpoints}: starting anew')
            return False
        self.trainer.version = max(self.trainer.version, self.folder.last_version())
        return True

    def _start_anew(self) -> None:
        try:
            aside = self.folder.set_aside()
        except OSError as error:
            self.report(f'cannot set the earlier run in {self.folder.path} aside: {error}')
            return
        if aside is not None:
            self.report(f'an earlier run was in {self.folder.path}: it is now in {aside}')

    def _describe(self) -> None:
        self.folder.describe(
            self.run_id,
            {
                'run': dataclasses.asdict(self.config),
                'trainer': dataclasses.asdict(self.trainer.config),
                'command': sys.argv,
                'commit': commit(),
                'versions': versions(),
            },
        )

    def _attempt(self, what: str, write: Callable[[], None]) -> str:
        try:
            write()
        except (OSError, CheckpointError, SkillError) as error:
            failure = f'cannot write {what} of the run in {self.folder.path}: {error}'
            self.report(f'{failure}; training goes on. Free some space or give another folder.')
            return failure
        return ''
