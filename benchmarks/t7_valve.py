# SPDX-License-Identifier: Apache-2.0
"""Row T7: the D'Claw learns to turn a valve whose angle it is told.

    maxent bench T7 [--steps 30000] [--seeds 0 1 2] [--workers 2]

SAC with its defaults on task `turn` (ROBEL's observation and reward), where the valve points away
from its goal at first (Haarnoja et al. 2018, SAC and applications, section 7.3: 3 hours); then 100
test episodes. Finished parts lie in runs/t7/.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import Any

from job_pool import Job, run_jobs
from robot_runs import arguments, judge, learn, write_row

SEEDS = [0, 1, 2]
STEPS = 30_000
EPISODES = 100
MOST_ERROR, LEAST_SUCCESS, BUDGET = 0.1, 0.9, 108_000


def jobs(seeds: list[int], steps: int) -> list[Job]:
    """All trainings and tests."""
    made = []
    for seed in seeds:
        training = f'turn_{seed}'
        about = {'robot': 'dclaw', 'task': 'turn', 'seed': seed, 'steps': steps}
        made.append(Job(training, learn, about))
        about = {'training': training, 'episodes': EPISODES, 'world': {}}
        made.append(Job(f'{training}_test', judge, about, (training,)))
    return made


def figures(found: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Return the row: of all seeds together, and of each."""
    trainings = [found[f'turn_{seed}'].result for seed in seeds]
    errors = [found[f'turn_{seed}_test'].result['each']['error'] for seed in seeds]
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


def shortfalls(row: dict[str, Any], seeds: list[int]) -> list[str]:
    """Sentences for every goal that a seed misses."""
    sentences = []
    if len(seeds) < len(SEEDS):
        sentences.append(f'{len(seeds)} of {len(SEEDS)} seeds')
    for seed, test in zip(seeds, row['seeds'], strict=True):
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
    chosen = arguments(__doc__, STEPS, SEEDS)
    seeds = chosen.seeds
    found = run_jobs('T7', jobs(seeds, chosen.steps), chosen.workers)
    row = figures(found, seeds)
    trainings = {seed: found[f'turn_{seed}'].result for seed in seeds}
    write_row(
        'T7',
        found,
        trainings,
        row,
        shortfalls(row, seeds),
        ("D'Claw turn, SAC, simulated", 'error at the end of the episode (rad)'),
    )
    print(row)


if __name__ == '__main__':
    main()
