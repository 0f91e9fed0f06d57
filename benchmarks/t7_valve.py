# SPDX-License-Identifier: Apache-2.0
"""Row T7: the D'Claw learns to turn a valve whose angle it is told.

    maxent bench T7 [--steps 30000] [--workers 2]

SAC with its defaults on task `turn` (ROBEL's observation and reward), where the valve points away
from its goal at first (Haarnoja et al. 2018, SAC and applications, section 7.3: 3 hours); then 100
test episodes. Finished parts lie in runs/t7/.
"""

from __future__ import annotations

import argparse
from statistics import fmean, median
from typing import Any

from job_pool import Job, run_jobs
from result_file import RESULTS, write_result
from robot_runs import draw_curves, judge, learn

SEEDS = (0, 1, 2)
STEPS = 30_000
EPISODES = 100
MOST_ERROR, LEAST_SUCCESS, BUDGET = 0.1, 0.9, 108_000


def jobs(steps: int) -> list[Job]:
    """All trainings and tests."""
    made = []
    for seed in SEEDS:
        training = f'turn_{seed}'
        about = {'robot': 'dclaw', 'task': 'turn', 'seed': seed, 'steps': steps}
        made.append(Job(training, learn, about))
        about = {'training': training, 'episodes': EPISODES, 'world': {}}
        made.append(Job(f'{training}_test', judge, about, (training,)))
    return made


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """Return the row: of all seeds together, and of each."""
    trainings = [found[f'turn_{seed}'].result for seed in SEEDS]
    errors = [found[f'turn_{seed}_test'].result['each']['error'] for seed in SEEDS]
    together = [error for each in errors for error in each]
    return {
        'median_final_error_rad': median(together),
        'success_rate_0p1': fmean(error <= MOST_ERROR for error in together),
        'training_steps': trainings[0]['steps'],
        'episodes': EPISODES,
        'robot_hours': trainings[0]['robot_hours'],
        'seeds': [
            {
                'median_final_error_rad': median(each),
                'success_rate_0p1': fmean(error <= MOST_ERROR for error in each),
            }
            for each in errors
        ],
    }


def shortfalls(row: dict[str, Any]) -> list[str]:
    """Sentences for every goal that a seed misses."""
    sentences = [
        'one gradient step per environment step, as in the paper; Sawyer reach (T4) takes two'
    ]
    for seed, test in zip(SEEDS, row['seeds'], strict=True):
        if test['median_final_error_rad'] > MOST_ERROR:
            sentences.append(
                f'seed {seed}: median error {test["median_final_error_rad"]:.3f} rad, the goal is '
                f'{MOST_ERROR}'
            )
        if test['success_rate_0p1'] < LEAST_SUCCESS:
            sentences.append(
                f'seed {seed}: {test["success_rate_0p1"]:.0%} of the episodes end within 0.1 rad, '
                f'the goal is {LEAST_SUCCESS:.0%}'
            )
    if row['training_steps'] > BUDGET:
        sentences.append(f'{row["training_steps"]} steps of training, the budget is {BUDGET}')
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=STEPS)
    parser.add_argument('--workers', type=int, help='default: all cores')
    chosen = parser.parse_args()
    found = run_jobs('T7', jobs(chosen.steps), chosen.workers)
    row = figures(found)
    budget = {
        'steps': chosen.steps,
        'robot_minutes': 60.0 * row['robot_hours'],
        'wall_s': round(sum(outcome.wall_s for outcome in found.values())),
    }
    trainings = {f'seed {seed}': found[f'turn_{seed}'].result for seed in SEEDS}
    title = "D'Claw turn, SAC, simulated"
    RESULTS.mkdir(parents=True, exist_ok=True)
    draw_curves(RESULTS / 'T7.png', trainings, title, 'error at the end of the episode (rad)')
    path = write_result('T7', 'maxent bench T7', list(SEEDS), budget, row, shortfalls(row))
    print({key: value for key, value in row.items() if key != 'seeds'}, row['seeds'])
    print(f'written: {path} and T7.png')


if __name__ == '__main__':
    main()
