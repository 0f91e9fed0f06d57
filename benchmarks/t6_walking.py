# SPDX-License-Identifier: Apache-2.0
"""Row T6: the Minitaur learns to walk, and walks where it never trained.

    maxent bench T6 [--steps 40000] [--seeds 0 1 2] [--workers 2]

SAC with its defaults on flat ground (Haarnoja et al. 2018, SAC and applications, section 7.2: 160k
steps, 400 episodes, 2 hours); then 50 episodes each on flat ground, a slope up and down, scattered
blocks and stairs down. Finished parts lie in runs/t6/.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from job_pool import Job, run_jobs
from robot_runs import arguments, judge, learn, write_row

SEEDS = [0, 1, 2]
STEPS = 40_000
EPISODES = 50
GROUNDS: dict[str, dict[str, Any]] = {
    'flat': {},
    'slope': {'terrain': 'slope'},
    'blocks': {'terrain': 'blocks'},
    'stairs': {'terrain': 'stairs'},
}
MOST_FALLS, LEAST_UPRIGHT = 0.05, 0.8
BUDGET = 160_000


def jobs(seeds: list[int], steps: int) -> list[Job]:
    """All trainings and tests."""
    made = []
    for seed in seeds:
        training = f'walk_{seed}'
        about = {'robot': 'minitaur', 'task': 'walk', 'seed': seed, 'steps': steps}
        made.append(Job(training, learn, about))
        for ground, world in GROUNDS.items():
            about = {'training': training, 'episodes': EPISODES, 'world': world}
            made.append(Job(f'{training}_{ground}', judge, about, (training,)))
    return made


def on_ground(found: dict[str, Any], seeds: list[int], ground: str) -> dict[str, Any]:
    """Figures of all seeds on one ground: mean speed, share of episodes without a fall."""
    tests = [found[f'walk_{seed}_{ground}'].result for seed in seeds]
    return {
        'success_rate': fmean(1.0 - test['mean_final_fallen'] for test in tests),
        'speed_mps': fmean(test['mean_final_speed'] for test in tests),
        'seeds': [
            {'speed_mps': test['mean_final_speed'], 'fall_rate': test['mean_final_fallen']}
            for test in tests
        ],
    }


def figures(found: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Return the row."""
    trainings = [found[f'walk_{seed}'].result for seed in seeds]
    flat = on_ground(found, seeds, 'flat')
    return {
        'speed_mps': flat['speed_mps'],
        'fall_rate': 1.0 - flat['success_rate'],
        'flat': flat,
        **{g: on_ground(found, seeds, g) for g in GROUNDS if g != 'flat'},
        'training_steps': trainings[0]['steps'],
        'training_episodes': [training['episodes'] for training in trainings],
        'training_falls': [training['falls'] for training in trainings],
        'robot_hours': trainings[0]['robot_hours'],
    }


def shortfalls(row: dict[str, Any], seeds: list[int]) -> list[str]:
    """Sentences for every goal that a seed misses."""
    sentences = []
    if len(seeds) < len(SEEDS):
        sentences.append(f'{len(seeds)} of {len(SEEDS)} seeds')
    for ground in GROUNDS:
        most = MOST_FALLS if ground == 'flat' else 1.0 - LEAST_UPRIGHT
        for seed, test in zip(seeds, row[ground]['seeds'], strict=True):
            if test['fall_rate'] > most + 1e-9:
                sentences.append(
                    f'{ground}, seed {seed}: falls in {test["fall_rate"]:.0%} of the episodes, '
                    f'the goal is {most:.0%} at most'
                )
    if row['training_steps'] > BUDGET:
        sentences.append(f'{row["training_steps"]} steps of training, the budget is {BUDGET}')
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    chosen = arguments(__doc__, STEPS, SEEDS)
    seeds = chosen.seeds
    found = run_jobs('T6', jobs(seeds, chosen.steps), chosen.workers)
    row = figures(found, seeds)
    trainings = {seed: found[f'walk_{seed}'].result for seed in seeds}
    write_row(
        'T6',
        found,
        trainings,
        row,
        shortfalls(row, seeds),
        ('Minitaur walk, SAC, simulated', 'mean speed of the episode (m/s)'),
    )
    print(row)


if __name__ == '__main__':
    main()
