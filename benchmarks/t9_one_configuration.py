# SPDX-License-Identifier: Apache-2.0
"""Row T9: one configuration of SAC for every robot, whatever the scale of the reward.

    maxent bench T9 [--tasks sawyer_reach dclaw_turn minitaur_walk] [--seeds 0 1] [--workers 2]

What is learned from is multiplied by 0.1 to 100, with the automatic temperature (Haarnoja et al.
2018, SAC and applications, section 5; all seeds) and with a fixed one (fig. 5.3 of the thesis: to
be tuned per task; the first seed). Judged by the mean return of test episodes in the task's own
unit, as a share of the way from the untrained policy to the best of all points. Finished parts lie
in runs/t9/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from job_pool import Job, run_jobs
from job_workspace import Workspace
import matplotlib.pyplot as plt
from result_file import RESULTS, write_result

from maxent_learner.evaluation import judge
from maxent_learner.in_process import make_environment, rollout, run_policy
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.sac_config import SACConfig
from maxent_robot import episode_seed

SEEDS, TEST_SEED = (0, 1), 1000
CHECKPOINT_EVERY = 2_000  # steps
SCALES = (0.1, 1.0, 10.0, 100.0)
FIXED = 'automatic_temperature=false'
LEAST = 0.9  # of the best


@dataclass(frozen=True)
class Trial:
    """A task that is learned at all scales."""

    robot: str
    task: str
    steps: int
    test_episodes: int


TASKS = {
    'sawyer_reach': Trial('sawyer', 'reach', 12_000, 20),
    'dclaw_turn': Trial('dclaw', 'turn', 50_000, 100),
    'minitaur_walk': Trial('minitaur', 'walk', 20_000, 20),
}


def jobs(tasks: list[str], seeds: list[int]) -> list[Job]:
    """All trainings, and a test of each task's untrained policy."""
    made = []
    for name in tasks:
        about = {'task': name, 'scale': 1.0, 'options': [], 'steps': 0, 'seed': seeds[0]}
        made.append(Job(f'{name}_untrained', learn_scaled, about))
        for way, seed in _ways(seeds):
            for scale in SCALES:
                options = [FIXED] if way == 'fixed' else []
                about = {'task': name, 'scale': scale, 'options': options}
                about |= {'steps': TASKS[name].steps, 'seed': seed}
                made.append(Job(_job(name, scale, way, seed), learn_scaled, about))
    return made


def learn_scaled(
    workspace: Workspace, task: str, scale: float, options: list[str], steps: int, seed: int
) -> dict[str, Any]:
    """Learn from rewards times `scale`; mean return (unscaled) and measures of a test."""
    configure_torch()
    trial = TASKS[task]
    environment = make_environment(trial.robot, trial.task, {})
    config = TrainerConfig(
        seed=seed,
        max_steps=max(1, steps),
        algorithm_options=tuple(options),
    )
    trainer = Trainer(trial.robot, environment.unwrapped.task, config)
    checkpoints = workspace.folder / 'checkpoints'
    trainer.resume(checkpoints)
    saved = trainer.steps
    try:
        while trainer.steps < steps:
            _learn_episode(trainer, environment, scale)
            workspace.progress(trainer.steps, steps)
            if trainer.steps - saved >= CHECKPOINT_EVERY:
                trainer.save(checkpoints)
                saved = trainer.steps
        return {
            **_test(trainer, environment, trial.test_episodes),
            'temperature': trainer.algorithm.temperature,
        }
    finally:
        environment.close()


def _learn_episode(trainer: Trainer, environment: Any, scale: float) -> None:
    count = trainer.episodes.count
    seed = episode_seed(trainer.config.seed, count)
    policy = PolicyRunner(trainer.algorithm.policy, seed, deterministic=False)
    for step in rollout(environment, policy, seed, count, 't9'):
        trainer.observe(replace(step, reward=scale * step.reward))
        while trainer.updates_due() > 0:
            trainer.update()
        if trainer.finished:
            return


def _test(trainer: Trainer, environment: Any, episodes: int) -> dict[str, float]:
    policy = PolicyRunner(trainer.algorithm.policy, TEST_SEED, deterministic=True)
    results = run_policy(policy, environment, episodes, TEST_SEED, 't9')
    task = environment.unwrapped.task
    figures = judge('t9', trainer.robot, task, TEST_SEED, 'in_process', results).as_dict()
    return {name: value for name, value in figures.items() if isinstance(value, float)}


def figures(found: Mapping[str, Any], tasks: list[str], seeds: list[int]) -> dict[str, Any]:
    """Return the row: what was learned at each scale, as a share of the best."""
    curve, tests = [], {}
    for task in tasks:
        of_task = {
            (scale, way, seed): found[_job(task, scale, way, seed)]
            for scale in SCALES
            for way, seed in _ways(seeds)
        }
        points = {
            (scale, way): fmean(
                test['mean_return'] for key, test in of_task.items() if key[:2] == (scale, way)
            )
            for scale in SCALES
            for way in ('automatic', 'fixed')
        }
        worst, best = found[f'{task}_untrained']['mean_return'], max(points.values())
        share = {key: (value - worst) / (best - worst) for key, value in points.items()}
        curve += [
            {
                'task': task,
                'reward_scale': scale,
                'automatic': round(share[scale, 'automatic'], 4),
                'fixed': round(share[scale, 'fixed'], 4),
            }
            for scale in SCALES
        ]
        tests[task] = {
            f'{way} {scale:g} seed {seed}': test for (scale, way, seed), test in of_task.items()
        }
    shared = {**vars(SACConfig()), 'updates_per_step': TrainerConfig().updates_per_step}
    return {'configuration': shared, 'curve': curve, 'tests': tests}


def shortfalls(row: Mapping[str, Any], tasks: list[str]) -> list[str]:
    """Sentences for every goal that is missed."""
    sentences = ['one seed with the fixed temperature']
    for task in tasks:
        points = [point for point in row['curve'] if point['task'] == task]
        sentences += [
            f'{task}, reward times {point["reward_scale"]:g}: the automatic temperature reaches '
            f'{point["automatic"]:.2%} of the best, the goal is {LEAST:.0%}'
            for point in points
            if point['automatic'] < LEAST
        ]
        if all(point['fixed'] >= LEAST for point in points):
            sentences.append(f'{task}: a fixed temperature does as well at every scale')
    missing = [name for name in TASKS if name not in tasks]
    return sentences + [f'{name} not measured' for name in missing]


def draw(row: Mapping[str, Any], tasks: list[str], path: Path) -> None:
    """Write the curves of all tasks as a PNG."""
    figure, all_axes = plt.subplots(
        1,
        len(tasks),
        figsize=(4.2 * len(tasks), 3.6),
        dpi=100,
        layout='constrained',
        squeeze=False,
    )
    for task, axes in zip(tasks, all_axes[0], strict=True):
        points = [point for point in row['curve'] if point['task'] == task]
        scales = [point['reward_scale'] for point in points]
        for way, style in (('automatic', 'o-'), ('fixed', 's--')):
            axes.plot(scales, [point[way] for point in points], style, label=f'{way} temperature')
        axes.axhline(LEAST, color='grey', lw=0.8)
        axes.set_xscale('log')
        axes.set_ylim(-0.1, 1.05)
        axes.set_xlabel('reward times')
        axes.set_title(task.replace('_', ' '))
        axes.grid(alpha=0.25)
    all_axes[0][0].set_ylabel('share of the best return')
    all_axes[0][0].legend(fontsize=8)
    figure.savefig(path)
    plt.close(figure)


def _ways(seeds: list[int]) -> list[tuple[str, int]]:
    """Temperature and seed of what is trained at each scale."""
    return [*(('automatic', seed) for seed in seeds), ('fixed', seeds[0])]


def _job(task: str, scale: float, way: str, seed: int) -> str:
    return f'{task}_{way}_{scale:g}_{seed}'.replace('.', 'p')


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--tasks', nargs='+', choices=list(TASKS), default=list(TASKS))
    parser.add_argument('--seeds', type=int, nargs='+', default=list(SEEDS))
    parser.add_argument('--workers', type=int, help='default: all cores')
    chosen = parser.parse_args()
    tasks, seeds = chosen.tasks, chosen.seeds
    asked = jobs(tasks, seeds)
    outcomes = run_jobs('T9', asked, chosen.workers)
    found = {name: outcome.result for name, outcome in outcomes.items()}
    row = figures(found, tasks, seeds)
    budget = {
        'steps': sum(job.arguments['steps'] for job in asked),
        'wall_s': round(sum(outcome.wall_s for outcome in outcomes.values())),
    }
    command = f'maxent bench T9 --tasks {" ".join(tasks)} --seeds {" ".join(map(str, seeds))}'
    path = write_result('T9', command, seeds, budget, row, shortfalls(row, tasks))
    print(f'written: {path}')
    draw(row, tasks, RESULTS / 'T9.png')


if __name__ == '__main__':
    main()
