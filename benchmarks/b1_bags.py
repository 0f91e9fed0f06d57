# SPDX-License-Identifier: Apache-2.0
"""Row B1: bags are recorded, read, learned from, cut, and lose nothing when processes are killed.

    maxent bench B1 [--parts NAME ...] [--updates 12000]

A training of Sawyer reach over ROS with a recorder beside it, and one of random motion; learning
from either bag alone; live against bag-fed replay buffer through a policy swap and an emergency
stop; reading against plain `rosbags`; kills and cuts. Finished parts lie in runs/b1/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
import shutil
from typing import Any

from b1_buffers import compare_buffers
from b1_faults import cut_bags, kill_learners, kill_recorders
from b1_learning import learn_offline, record_skill, record_training
from b1_loop import watch_loop
from b1_reading import read_fast
from job_pool import Job, run_jobs
import matplotlib.pyplot as plt
from result_file import RESULTS, write_result

STEPS, RANDOM_STEPS, UPDATES = 12_000, 12_000, 12_000
LEARNER_KILLS, RECORDER_KILLS, CUTS = 200, 50, 100
SEED = 0
SKILL, NARROW_EPISODES = 'sawyer_reach', 40
# Ways to learn from a bag: as `maxent train --offline` does, and with less that guards.
VARIANTS: dict[str, list[str]] = {
    '': [],
    '_free': ['imitation_weight=0'],
    '_free_no_norm': ['imitation_weight=0', 'layer_norm=false'],
}


def jobs(updates: int) -> list[Job]:
    """All parts."""
    return [
        Job('record_run', record_training, {'steps': STEPS, 'updates_per_step': 2.0}),
        Job('record_random', record_training, {'steps': RANDOM_STEPS, 'updates_per_step': 0.0}),
        Job('record_narrow', record_skill, {'skill': SKILL, 'episodes': NARROW_EPISODES}),
        *(
            Job(
                f'offline_{bag}{name}',
                learn_offline,
                {'recording': f'record_{bag}', 'updates': updates, 'options': options},
                (f'record_{bag}',),
            )
            for bag in ('run', 'random', 'narrow')
            for name, options in VARIANTS.items()
        ),
        Job('buffers', compare_buffers),
        Job('reading', read_fast, {'recording': 'record_run'}, ('record_run',)),
        Job('cuts', cut_bags, {'recording': 'buffers', 'tries': CUTS, 'seed': SEED}, ('buffers',)),
        Job('learner_kills', kill_learners, {'tries': LEARNER_KILLS, 'seed': SEED}),
        Job('loop', watch_loop),
        Job('recorder_kills', kill_recorders, {'tries': RECORDER_KILLS, 'seed': SEED}),
    ]


def figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row, as targets.md asks for it, and what is good to know beside it."""
    online, random = found['record_run'], found['record_random']
    learners, recorders, cuts = (found[n] for n in ('learner_kills', 'recorder_kills', 'cuts'))
    buffers = found['buffers']
    return {
        'online': online['distance'],
        'offline_from_run': found['offline_run']['distance'],
        # without imitation, as docs/bags.md says of random motion
        'offline_from_random': found['offline_random_free']['distance'],
        'offline': {name: found[name] for name in found if name.startswith('offline')},
        'random_motion_before_learning': random['distance'],
        'megabytes_per_robot_minute': online['megabytes'] / online['robot_minutes'],
        'without_weights': random['megabytes'] / random['robot_minutes'],
        'ingest': found['reading'],
        'learner_kills': learners,
        'recorder_kills': recorders,
        'truncations': cuts,
        'buffers_equal': buffers['equal'],
        'buffers': {name: value for name, value in buffers.items() if name != 'bag'},
        'guard_beside_recorder': found['loop'],
    }


def shortfalls(row: Mapping[str, Any]) -> list[str]:
    """Sentences for every goal that is missed."""
    sentences = []
    kills, recorders = row['learner_kills'], row['recorder_kills']
    if kills['resumed'] < kills['tried'] or kills['monotone'] < kills['tried']:
        sentences.append(f'learner kills: {kills}')
    if recorders['max_lost_s'] > 1.0:
        sentences.append(f'a killed recorder lost {recorders["max_lost_s"]:.2f} s, the goal is 1')
    if row['truncations']['wrong'] > 0:
        sentences.append(f'cut bags gave {row["truncations"]["wrong"]} wrong values')
    if not row['buffers_equal']:
        sentences.append('live and bag-fed replay buffers differ')
    if row['offline_from_run'] > 2.0 * row['online']:
        sentences.append(
            f'learning from the bag of the run ends {100 * row["offline_from_run"]:.2f} cm from '
            f'the target, the run itself {100 * row["online"]:.2f} cm'
        )
    if row['offline_from_random'] > row['online']:
        sentences.append(
            f'learning from random motion ends {100 * row["offline_from_random"]:.1f} cm from the '
            'target without imitation (the motion has hardly been near it), and with it '
            f'{100 * row["offline"]["offline_random"]["distance"]:.0f} cm'
        )
    narrow = row['offline']['offline_narrow']
    if narrow['distance'] > 2.0 * row['online']:
        sentences.append(
            f'learning from a bag of one narrow behaviour ends {100 * narrow["distance"]:.0f} cm '
            f'from the target: Q promises {narrow["promised"]:.2f}, {narrow["returned"]:.1f} is '
            'returned'
        )
    return [*sentences, 'one seed']


def _is_wanted(job: Job, chosen: argparse.Namespace) -> bool:
    """Whether a part was asked for, or is needed for one that was."""
    if chosen.parts is None:
        return True
    needed = {
        n for other in jobs(chosen.updates) if other.name in chosen.parts for n in other.needs
    }
    return job.name in {*chosen.parts, *needed}


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--updates', type=int, default=UPDATES)
    parser.add_argument('--parts', nargs='+', help='only these, and what they need; no row then')
    chosen = parser.parse_args()
    wanted = [job for job in jobs(chosen.updates) if _is_wanted(job, chosen)]
    if shutil.which('maxent') is None:
        parser.error('the command maxent is not on the path: use `maxent bench B1`')
    # One at a time: recording and kills are about time.
    outcomes = run_jobs('B1', wanted, 1)
    found = {name: outcome.result for name, outcome in outcomes.items()}
    if chosen.parts:
        print(found)
        return
    row = figures(found)
    budget = {
        'steps': STEPS,
        'robot_minutes': round(found['record_run']['robot_minutes'], 1),
        'wall_s': round(sum(outcome.wall_s for outcome in outcomes.values())),
    }
    path = write_result('B1', 'maxent bench B1', [SEED], budget, row, shortfalls(row))
    print(f'written: {path}')
    draw(row, RESULTS / 'B1.png')


def draw(row: Mapping[str, Any], path: Path) -> None:
    """Write distances of the run and of what was learned from bags as a PNG."""
    names = ['online', *row['offline']]
    distances = [row['online'], *(each['distance'] for each in row['offline'].values())]
    figure, axes = plt.subplots(figsize=(7.5, 4.0), dpi=100, layout='constrained')
    bars = axes.barh(names[::-1], [100.0 * distance for distance in distances[::-1]])
    axes.bar_label(bars, fmt='%.2g', padding=3)
    axes.set_xscale('log')
    axes.set_xlabel('distance from the target at the end of an episode (cm)')
    axes.set_title('Sawyer reach, learned live and from bags alone, simulated')
    figure.savefig(path)
    plt.close(figure)


if __name__ == '__main__':
    main()
