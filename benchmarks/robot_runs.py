# SPDX-License-Identifier: Apache-2.0
"""What the rows T6, T7 and T8 share: a robot learns a task with SAC's defaults, and is judged."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from job_workspace import Outcome, Workspace
import matplotlib.pyplot as plt
from result_file import RESULTS, write_result

from maxent_learner.in_process import evaluate, train_in_process
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import add_metrics, load_skill

TEST_SEED = 1000
CHECKPOINT_EVERY = 10_000  # steps


def learn(workspace: Workspace, robot: str, task: str, seed: int, steps: int) -> dict[str, Any]:
    """Train a skill, with all settings of SAC at their defaults; its curve, falls and folder.

    The curve is [steps, what the task measures first] at the end of each training episode.
    """

    def tell(run: Run, row: Row) -> None:
        workspace.progress(row['steps'], steps)

    folder = workspace.folder / 'run'
    run = train_in_process(
        RunConfig(
            robot=robot,
            task=task,
            skill=f'{robot}_{task}_{seed}',
            run_folder=str(folder),
            skills_folder=str(workspace.folder.parent / 'skills'),
            resume=folder.exists(),
        ),
        TrainerConfig(
            seed=seed,
            max_steps=steps,
            checkpoint_every=CHECKPOINT_EVERY,
        ),
        tell,
    )
    rows = run.progress.rows
    return {
        'skill': str(run.skill_folder),
        'steps': run.trainer.steps,
        'episodes': len(rows),
        'robot_hours': round(run.trainer.robot_time_s / 3600.0, 3),
        'falls': sum(row['measures'].get('fallen', 0.0) > 0.0 for row in rows),
        'curve': [[row['steps'], round(row['final_measure'], 4)] for row in rows],
    }


def judge(
    workspace: Workspace, training: str, episodes: int, world: Mapping[str, Any]
) -> dict[str, Any]:
    """Run the skill of a training job for some episodes; what came of each and all together."""
    folder = Path(workspace.outcome(training).result['skill'])
    evaluation = evaluate(load_skill(folder), episodes, TEST_SEED, world)
    figures = evaluation.as_dict()
    if not world:
        reached = figures[f'mean_final_{evaluation.measures[0]}']
        add_metrics(
            folder,
            {
                'success_rate': figures['success_rate'],
                'episodes': episodes,
                'mean_final_measure': round(reached, 4),
            },
        )
    each = {name: [round(v, 4) for v in evaluation.final(name)] for name in evaluation.measures}
    return {**figures, 'each': each}


def arguments(about: str | None, steps: int, seeds: Sequence[int]) -> argparse.Namespace:
    """Read steps, seeds and workers from the command line; these are the defaults."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument('--steps', type=int, default=steps)
    parser.add_argument('--seeds', type=int, nargs='+', default=list(seeds))
    parser.add_argument('--workers', type=int, help='default: all cores')
    return parser.parse_args()


def write_row(
    row: str,
    found: Mapping[str, Outcome],
    trainings: Mapping[int, Any],
    figures: Mapping[str, Any],
    falls_short: Sequence[str],
    texts: tuple[str, str],
) -> None:
    """Write a row and its picture; trainings by seed, texts: title and axis of the curves."""
    first = next(iter(trainings.values()))
    budget = {
        'steps': first['steps'],
        'robot_minutes': 60.0 * first['robot_hours'],
        'wall_s': round(sum(outcome.wall_s for outcome in found.values())),
    }
    named = {f'seed {seed}': training for seed, training in trainings.items()}
    # First the row: it names the commit, which a new picture would make a changed one.
    path = write_result(row, f'maxent bench {row}', [*trainings], budget, figures, falls_short)
    draw_curves(RESULTS / f'{row}.png', named, *texts)
    print(f'written: {path} and {row}.png')


def draw_curves(path: Path, runs: Mapping[str, Any], title: str, label: str) -> None:
    """Write the curves of some trainings as a PNG; runs: what `learn` returned, by their name."""
    figure, axes = plt.subplots(figsize=(7.5, 4.5), dpi=100, layout='constrained')
    for name, run in runs.items():
        steps, values = zip(*run['curve'], strict=True)
        axes.plot(steps, values, lw=0.9, label=name)
    axes.set_xlabel('steps of training')
    axes.set_ylabel(label)
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    figure.savefig(path)
    plt.close(figure)
