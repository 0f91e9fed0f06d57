# SPDX-License-Identifier: Apache-2.0
"""Trains from bags in this process, with a progress bar."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console

from maxent_bringup.cli import CommandError
from maxent_bringup.interrupts import stop_requested
from maxent_bringup.progress_bar import progress_bar
from maxent_bringup.system import SystemConfig
from maxent_bringup.training import TrainingError, complain, configs
from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.offline import train_offline
from maxent_learner.run import Run
from maxent_learner.trainer import ResumeError
from maxent_rl.diverged import DivergedError

LINE_EVERY = 1_000  # updates between two lines where there is no terminal
SHOWN = ('q_loss', 'q_mean', 'policy_loss', 'temperature', 'entropy')


def about_bag(path: str) -> dict[str, str]:
    """Return robot, task and its options as a bag tells them; nothing of a foreign bag.

    Raises:
        CommandError: there is no bag.
    """
    try:
        about = BagReader(Path(path)).about
    except BagError as error:
        raise CommandError(str(error)) from None
    return {name: about[name] for name in ('robot', 'task', 'task_options') if name in about}


def train_from_bags(config: SystemConfig, updates: int) -> bool:
    """Train until the updates are made or Ctrl-C; returns whether they are made.

    Raises:
        TrainingError: the bags cannot be learned from, learning diverges, or the run cannot be
            resumed with these settings.
    """
    console = Console()
    with stop_requested() as stop, progress_bar(console, hidden=not console.is_terminal) as bar:
        task = bar.add_task('learning from bags', total=updates, figures='')

        def tell(run: Run) -> None:
            done, figures = run.trainer.updates, _figures(run.trainer.metrics)
            bar.update(task, completed=done, figures=figures)
            if not console.is_terminal and done % LINE_EVERY == 0:
                console.print(f'{done} of {updates} updates: {figures}', soft_wrap=True)

        try:
            run = train_offline(
                *configs(config, config.namespace), updates, tell, stop.is_set, complain
            )
        except (DivergedError, ResumeError, ValueError) as error:
            raise TrainingError(str(error)) from error
    return run.trainer.updates >= updates


def _figures(metrics: dict[str, float]) -> str:
    shown = {name: metrics.get(name, math.nan) for name in SHOWN}
    return ', '.join(
        f'{name} {value:.3g}' for name, value in shown.items() if math.isfinite(value)
    )
