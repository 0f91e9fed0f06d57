# SPDX-License-Identifier: Apache-2.0
"""Row T8: the D'Claw learns to turn a valve that it sees in pictures of 32 x 32 pixels only.

    maxent bench T8 [--steps 70000] [--seeds 0]

SAC with its defaults and a convolutional encoder on task `turn_image`: any angle at first, one
goal, the angle in the reward alone (Haarnoja et al. 2018, SAC and applications, section 7.3: 300k
steps, 20 hours); then 100 test episodes. Finished parts lie in runs/t8/; checkpoints hold the
frames, so they take up to 1 GB.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import Any

from job_pool import Job, run_jobs
from robot_runs import arguments, judge, learn, write_row

SEEDS = [0]
STEPS = 70_000
EPISODES = 100
MOST_ERROR, CLOSE, BUDGET = 0.2, 0.1, 300_000


def jobs(seeds: list[int], steps: int) -> list[Job]:
    """All trainings and tests."""
    made = []
    for seed in seeds:
        training = f'image_{seed}'
        about = {'robot': 'dclaw', 'task': 'turn_image', 'seed': seed, 'steps': steps}
        made.append(Job(training, learn, about))
        about = {'training': training, 'episodes': EPISODES, 'world': {}}
        made.append(Job(f'{training}_test', judge, about, (training,)))
    return made


def figures(found: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Return the row: of all seeds together, and of each."""
    trainings = [found[f'image_{seed}'].result for seed in seeds]
    errors = [found[f'image_{seed}_test'].result['each']['error'] for seed in seeds]
    together = [error for each in errors for error in each]
    return {
        'median_final_error_rad': median(together),
        'success_rate_0p1': fmean(error <= CLOSE for error in together),
        'training_steps': trainings[0]['steps'],
        'episodes': EPISODES,
        'robot_hours': trainings[0]['robot_hours'],
        'seeds': [{'median_final_error_rad': median(each)} for each in errors],
    }


def shortfalls(row: dict[str, Any], seeds: list[int]) -> list[str]:
    """Sentences for every goal that a seed misses."""
    sentences = []
    for seed, test in zip(seeds, row['seeds'], strict=True):
        if test['median_final_error_rad'] > MOST_ERROR:
            sentences.append(
                f'seed {seed}: median error {test["median_final_error_rad"]:.3f} rad, the goal is '
                f'{MOST_ERROR}'
            )
    if row['training_steps'] > BUDGET:
        sentences.append(f'{row["training_steps"]} steps of training, the budget is {BUDGET}')
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    chosen = arguments(__doc__, STEPS, SEEDS)
    seeds = chosen.seeds
    found = run_jobs('T8', jobs(seeds, chosen.steps), chosen.workers)
    row = figures(found, seeds)
    trainings = {seed: found[f'image_{seed}'].result for seed in seeds}
    write_row(
        'T8',
        found,
        trainings,
        row,
        shortfalls(row, seeds),
        ("D'Claw turn from pictures, SAC, simulated", 'error at the end of the episode (rad)'),
    )
    print(row)


if __name__ == '__main__':
    main()
