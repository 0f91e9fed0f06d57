# SPDX-License-Identifier: Apache-2.0
"""Row T3: gradient steps to a compound skill, after Fig. 3 of the composable paper.

    maxent bench T3 [--steps 280000] [--seeds 3]

Compares, for the puck in the bottom left corner and for each seed: training directly (online),
extracting a policy from the composed Q-function, offline soft Q-learning from the very data that
the extraction uses, and acting at once by the composed Q. Runs what row T2 lacks first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import itertools
from statistics import fmean
from typing import Any

from job_pool import Job, Workspace, run_jobs
import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
import numpy as np
from pushing import (
    MERGED,
    STEPS,
    TRY_EVERY,
    UPDATES_PER_STEP,
    outcome,
    run_config,
    tried_pucks,
)
from result_file import RESULTS, write_result
import t2_pushing
import torch

from maxent_learner.gym_training import GymRunConfig
from maxent_rl.algorithms import make_algorithm
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.runner import configure_torch
from sim_bridge.pusher_task import LAYOUT, goal_distance

GOAL = 'bottom_left'
RATIO = 1 / 50
PUCK = sum(part.size for part in itertools.takewhile(lambda f: f.name != 'puck', LAYOUT.fields))


def learn_offline(workspace: Workspace, seed: int, steps: int) -> dict[str, Any]:
    """Soft Q-learning for the corner on what its two constituents have seen, and nothing else."""
    configure_torch()
    config = run_config('sql', GOAL, seed, steps)
    folders = [workspace.folder.parent.parent / 't2' / f'sql_{part}_{seed}'
               for part in MERGED[GOAL]]  # fmt: skip
    sources = [(part, experience(config, folder))
               for part, folder in zip(MERGED[GOAL], folders, strict=True)]  # fmt: skip
    options = config.algorithm_options
    algorithm = make_algorithm('soft_q', LAYOUT.size, 3, options, seed)
    rng = np.random.default_rng(seed)
    curve = []
    half = algorithm.config.batch_size // 2
    try_every = round(TRY_EVERY * UPDATES_PER_STEP)
    for update in range(1, int((steps - config.learning_starts) * UPDATES_PER_STEP) + 1):
        halves = [relabelled(buffer.sample(half, rng), part) for part, buffer in sources]
        algorithm.update(Batch(*map(torch.cat, zip(*halves, strict=True))))
        if update % try_every == 0:
            workspace.progress(update, steps * UPDATES_PER_STEP)
            ends = tried_pucks(algorithm.policy, config)
            curve.append([update, float(goal_distance(GOAL, ends).mean())])
    return {**outcome(algorithm.policy, config, deterministic=False), 'curve': curve}


def experience(config: GymRunConfig, folder: Any) -> ReplayBuffer:
    """Return the replay buffer of a finished run."""
    checkpoint = load_newest_checkpoint(folder / 'checkpoints')
    if checkpoint is None:
        raise LookupError(f'no checkpoint in {folder}: remove that folder and run T2 again')
    start = 'buffer.'
    state = {name.removeprefix(start): tensor.numpy()
             for name, tensor in checkpoint.tensors.items() if name.startswith(start)}  # fmt: skip
    buffer = ReplayBuffer(config.buffer_capacity, LAYOUT.size, 3)
    buffer.load_state(state)
    return buffer


def relabelled(batch: Batch, part: str) -> Batch:
    """Return the batch with the rewards of the corner instead of those of a line."""
    puck = batch.next_obs[:, PUCK : PUCK + 2].numpy()
    change = goal_distance(part, puck) - goal_distance(GOAL, puck)
    return batch._replace(reward=batch.reward + batch.reward.new_tensor(change))


def first_within(curve: Sequence[Sequence[float]], distance: float) -> int | None:
    """Return the gradient steps after which a curve is first at or below a distance."""
    return next((int(at) for at, value in curve if value <= distance), None)


def figures_of(
    direct: Sequence[dict[str, Any]],
    merged: Sequence[dict[str, Any]],
    offline: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return the row's figures from the outcomes of all seeds, averaged where they are curves."""
    extraction, training = mean_curve(merged), mean_curve(direct)
    reached = extraction[-1][1]
    # "its final distance": within a centimetre of it, less than the tries tell apart
    steps = first_within(extraction, reached + 0.01)
    assert steps is not None  # the last try is within
    needed = first_within(training, reached)
    direct_steps = needed or training[-1][0]
    return {
        'goal': GOAL,
        'direct_steps': direct_steps,
        'direct_reaches_it': needed is not None,
        'extraction_steps': steps,
        'ratio': steps / direct_steps,
        'direct_distance': fmean(run['stochastic']['mean'] for run in direct),
        'extracted_distance': fmean(run['stochastic']['mean'] for run in merged),
        'immediate_distance': fmean(run['immediate']['mean'] for run in merged),
        'offline_sql_distance': fmean(run['mean'] for run in offline),
        'curves': {'direct': training, 'extraction': extraction, 'offline': mean_curve(offline)},
    }


def mean_curve(runs: Sequence[dict[str, Any]]) -> list[list[float]]:
    """Average curves with the same abscissae over seeds."""
    stacked = np.array([run['curve'] for run in runs])
    return [[int(at), round(float(value), 4)] for at, value in stacked.mean(axis=0)]


def draw(figures: dict[str, Any]) -> None:
    """Distance against gradient steps, the latter on a logarithmic axis as in Fig. 3."""
    figure, axes = plt.subplots(figsize=(7.0, 4.2), dpi=100, layout='constrained')
    for name, colour, label in (
        ('extraction', 'tab:red', 'extracted from the composed Q'),
        ('direct', 'tab:blue', 'trained directly, online'),
        ('offline', 'tab:orange', 'soft Q-learning offline, same data'),
    ):
        curve = [point for point in figures['curves'][name] if point[0] > 0]  # 0: not trained yet
        axes.plot(*np.transpose(curve), color=colour, label=label)
    axes.axhline(figures['immediate_distance'], color='tab:green', ls='--',
                 label='composed Q, at once, no training')  # fmt: skip
    axes.set(xscale='log', yscale='log', xlabel='gradient steps', ylabel='final distance (m)')
    axes.set_title('Puck to the bottom left corner, mean over seeds')
    axes.legend(fontsize=8)
    figure.savefig(RESULTS / 'T3.png')


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=STEPS)
    parser.add_argument('--seeds', type=int, default=t2_pushing.SEEDS)
    chosen = parser.parse_args()
    seeds = range(chosen.seeds)
    earlier = [job for job in t2_pushing.jobs(chosen.steps, chosen.seeds)
               if job.name.startswith('sql_')]  # fmt: skip
    skills = run_jobs('T2', earlier)
    jobs = [Job(f'offline_{seed}', learn_offline, {'seed': seed, 'steps': chosen.steps})
            for seed in seeds]  # fmt: skip
    offline = run_jobs('T3', jobs)
    figures = figures_of(
        [skills[f'sql_{GOAL}_{seed}'].result for seed in seeds],
        [skills[f'sql_merged_{GOAL}_{seed}'].result for seed in seeds],
        [offline[f'offline_{seed}'].result for seed in seeds],
    )
    draw(figures)
    short = []
    if figures['extraction_steps'] == 0:
        short.append(
            f'the skill that extraction begins with ends as near to {GOAL} by itself: the number '
            'of steps says nothing'
        )
    elif figures['ratio'] > RATIO:
        short.append(f'ratio of gradient steps is 1/{1 / figures["ratio"]:.0f}, asked is 1/50')
    if chosen.seeds < t2_pushing.SEEDS:
        short.append(f'{chosen.seeds} of {t2_pushing.SEEDS} seeds')
    wall = round(sum(outcome.wall_s for outcome in offline.values()))
    budget = {'steps': chosen.steps, 'wall_s': wall}
    write_result('T3', 'maxent bench T3', list(seeds), budget, figures, short)
    print({name: value for name, value in figures.items() if name != 'curves'})


if __name__ == '__main__':
    main()
