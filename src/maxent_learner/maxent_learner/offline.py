# SPDX-License-Identifier: Apache-2.0
"""Learning from bags alone: no robot, no simulation, gradient steps on what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from maxent_learner.curve import draw_updates
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.runner import configure_torch

TELL_EVERY = 100  # updates
CHECKPOINT_EVERY = 5_000  # updates
# What SAC and soft Q-learning learn from bags alone with, if they are not told another.
GUARDS = {'imitation_weight': 30.0, 'conservative_weight': 0.3}


def train_offline(
    config: RunConfig,
    trainer_config: TrainerConfig,
    updates: int,
    tell: Callable[[Run], None] = lambda run: None,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = print,
) -> Run:
    """Make gradient steps on `config.bags`, then save the skill; returns the run, closed.

    A run that stops early saves a checkpoint; with `config.resume` it goes on exactly as if it
    had not stopped, as long as the bags are the same.

    Args:
        config: what is learned, from which bags, and where the results go.
        trainer_config: how; `bag_share` is taken as 1, guards as in `absent_guards`.
        updates: gradient steps in all.
        tell: called every `TELL_EVERY` updates and at the end.
        should_stop: asked after each update.
        report: is told what the bags held and what cannot be written.

    Raises:
        ValueError: no bags, unknown robot or task, settings that these refuse, or bags that
            cannot be learned from.
        maxent_learner.trainer.ResumeError: the checkpoint is of other settings.
        maxent_rl.diverged.DivergedError: learning diverges from the same state again and again.
    """
    if not config.bags:
        raise ValueError('no bags were given to learn from')
    if updates < 1:
        raise ValueError(f'updates must be at least 1, is {updates}')
    configure_torch()
    guards = absent_guards(trainer_config)
    options = (*trainer_config.algorithm_options, *guards)
    run = Run(config, replace(trainer_config, algorithm_options=options, bag_share=1.0), report)
    for guard in guards:
        report(f'learning with {guard}: docs/bags.md says what for')
    curve: list[tuple[int, dict[str, float]]] = []
    try:
        while run.trainer.updates < updates and not should_stop():
            run.update()
            if run.trainer.updates % TELL_EVERY == 0:
                run.progress.scalars('training', run.trainer.metrics, run.trainer.updates)
                curve.append((run.trainer.updates, run.trainer.metrics))
                tell(run)
            if run.trainer.updates % CHECKPOINT_EVERY == 0:
                run.checkpoint()
        tell(run)
        if run.trainer.updates >= updates:
            run.draw(lambda path: draw_updates(path, curve, f'{config.skill}, from bags alone'))
            run.save_skill()
    finally:
        run.close()
    return run


def absent_guards(config: TrainerConfig) -> list[str]:
    """Return settings, as texts, that keep Q from promising what the data do not support.

    Without them, what is learned from a bag of one behaviour leaves that behaviour for actions
    that were never tried (row B1). An option that was given, be it 0, is not among them.
    """
    known = {each.name for each in fields(ALGORITHMS[config.algorithm].config)}
    return [f'{name}={GUARDS[name]}' for name in GUARDS if name in known - config.options.keys()]
