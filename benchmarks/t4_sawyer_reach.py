# SPDX-License-Identifier: Apache-2.0
"""Row T4: Sawyer reach under joint torque control, fixed and random targets, three seeds each.

    maxent bench T4 [--steps 12000]

Trains on all cores side by side, without ROS (the same trainer, guard and physics as in the
graph), with the defaults of `maxent train`. Interrupted runs go on where their last checkpoint
was, finished ones are skipped; everything lies in runs/t4/. Every 600 steps the policy's mean
action is tried on 10 new episodes, at the end on 50.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
import json
import multiprocessing
import os
from pathlib import Path
import time
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from result_file import RESULTS, write_result

from maxent_learner.in_process import evaluate, train_in_process
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import load_skill

TARGETS = {'fixed': 'reach', 'random': 'reach_random'}
SEEDS = (0, 1, 2)
KEPT = Path('runs/t4')
TRY_EVERY, TRY_EPISODES, TRY_SEED = 600, 10, 500
END_EPISODES, END_SEED = 50, 1000
CLOSE, GOAL_STEPS, GOAL_DISTANCE = 0.05, 7_200, 0.01


def learn(target: str, seed: int, steps: int) -> dict[str, Any]:
    """One run: what the row says of it, and its curve as [steps, mean distance in m]."""
    folder = KEPT / f'{target}_{seed}'
    outcome = folder / 'outcome.json'
    if outcome.exists():
        return dict(json.loads(outcome.read_text()))
    tries = folder / 'tries.jsonl'

    def try_out(run: Run, row: Row) -> None:
        if row['steps'] % TRY_EVERY:
            return
        figures = evaluate(run.make_skill(), TRY_EPISODES, TRY_SEED).as_dict()
        with tries.open('a') as file:
            file.write(json.dumps([row['steps'], figures['mean_final_distance']]) + '\n')
        print(f'{target} {seed}: {row["steps"]} steps, {figures["mean_final_distance"]:.4f} m',
              flush=True)  # fmt: skip

    begin = time.monotonic()
    run = train_in_process(
        RunConfig(
            task=TARGETS[target],
            skill=f'sawyer_reach_{target}_{seed}',
            run_folder=str(folder),
            skills_folder=str(KEPT / 'skills'),
            resume=folder.exists(),
        ),
        TrainerConfig(seed=seed, max_steps=steps),
        try_out,
    )
    end = evaluate(load_skill(run.skill_folder), END_EPISODES, END_SEED).as_dict()
    # A resumed run repeats the tries since its checkpoint, with the same outcome.
    curve = sorted({tuple(json.loads(line)) for line in tries.read_text().splitlines()})
    reached = [at for at, distance in curve if distance <= CLOSE]
    figures = {
        'algorithm': 'sac',
        'target': target,
        'seed': seed,
        'steps_to_5cm': reached[0] if reached else None,
        'mean_final_distance_7200': next((d for at, d in curve if at == GOAL_STEPS), None),
        'mean_final_distance_12k': end['mean_final_distance'],
        'success_rate_5cm': end['success_rate'],
        'curve': curve,
        'wall_s': round(time.monotonic() - begin, 1),
    }
    outcome.write_text(json.dumps(figures))
    return figures


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Curves of all runs, with the goals of the row."""
    figure, axes = plt.subplots(figsize=(7.5, 4.5), dpi=110, layout='constrained')
    for run in runs:
        minutes = [at / 1200 for at, _ in run['curve']]
        style = '-' if run['target'] == 'fixed' else '--'
        label = f'{run["target"]} target, seed {run["seed"]}'
        axes.plot(minutes, [100 * d for _, d in run['curve']], style, label=label)
    axes.plot([0, 6], [5, 5], color='grey', lw=0.8)
    axes.plot([0, 10], [1, 1], color='grey', lw=0.8)
    axes.text(0.1, 5.2, 'goal within 6 min: 5 cm', color='grey', fontsize=8)
    axes.text(0.1, 1.04, 'goal within 10 min: 1 cm', color='grey', fontsize=8)
    axes.set_yscale('log')
    axes.set_xlabel('robot time (minutes, 20 Hz)')
    axes.set_ylabel('mean final distance (cm)')
    axes.set_title('Sawyer reach by joint torques, SAC, simulated')
    axes.legend(fontsize=8)
    figure.savefig(path)


def shortfalls(runs: list[dict[str, Any]]) -> list[str]:
    """Sentences for every goal that a run misses."""
    sentences = ['SQL, DDPG and NAF are not in this row yet: SAC alone is shown']
    for run in runs:
        name = f'SAC, {run["target"]} target, seed {run["seed"]}'
        if run['mean_final_distance_12k'] > GOAL_DISTANCE:
            sentences.append(
                f'{name}: mean final distance {100 * run["mean_final_distance_12k"]:.2f} cm at '
                'the end, the goal is 1 cm'
            )
        if run['steps_to_5cm'] is None or run['steps_to_5cm'] > GOAL_STEPS:
            sentences.append(f'{name}: 5 cm after {run["steps_to_5cm"]} steps, not 7,200')
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=12_000)
    steps = parser.parse_args().steps
    jobs = [(target, seed, steps) for seed in SEEDS for target in TARGETS]
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        runs = list(pool.map(learn, *zip(*jobs, strict=True)))
    wall = sum(run.pop('wall_s') for run in runs)
    RESULTS.mkdir(parents=True, exist_ok=True)
    draw(runs, RESULTS / 'T4.png')
    budget = {'steps': steps, 'robot_minutes': steps / 1200, 'wall_s': wall}
    command = 'maxent bench T4'
    path = write_result('T4', command, list(SEEDS), budget, {'runs': runs}, shortfalls(runs))
    for run in runs:
        print({key: value for key, value in run.items() if key != 'curve'})
    print(f'written: {path} and T4.png')


if __name__ == '__main__':
    main()
