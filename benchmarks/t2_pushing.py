# SPDX-License-Identifier: Apache-2.0
"""Row T2: Table I of the composable paper, pushing a puck: skills, direct training and merging.

    maxent bench T2 [--steps 280000] [--seeds 3]

Soft Q-learning with several seeds, DDPG and NAF with one. Everything a run needs lies in runs/t2/:
interrupted it goes on where it was, finished parts are skipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from job_pool import Job, Outcome, run_jobs
import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
import numpy as np
from pushing import ALGORITHMS, CONSTITUENTS, END_EPISODES, MERGED, STEPS, learn, merge
from result_file import RESULTS, write_result

from sim_bridge.pusher_task import GOALS

SEEDS = 3  # of soft Q-learning
# Haarnoja et al. 2018, Table I, soft Q-learning: in m of the authors' environment
PAPER = {
    ('left', 'constituent'): 0.13,
    ('middle', 'constituent'): 0.07,
    ('right', 'constituent'): 0.10,
    ('bottom', 'constituent'): 0.08,
    ('bottom_left', 'direct'): 0.11,
    ('bottom_left', 'merged'): 0.11,
    ('bottom_middle', 'direct'): 0.12,
    ('bottom_middle', 'merged'): 0.09,
    ('bottom_right', 'direct'): 0.18,
    ('bottom_right', 'merged'): 0.15,
}


def jobs(steps: int, seeds: int) -> list[Job]:
    """All parts: soft Q-learning with all seeds, then the others with one."""
    parts = []
    for algorithm, seed in [*(('sql', seed) for seed in range(seeds)), ('ddpg', 0), ('naf', 0)]:
        about = {'algorithm': algorithm, 'seed': seed, 'steps': steps}
        for goal in (*CONSTITUENTS, *MERGED):
            name = f'{algorithm}_{goal}_{seed}'
            parts.append(Job(name, learn, {**about, 'goal': goal}))
        for goal, needed in MERGED.items():
            needs = tuple(f'{algorithm}_{part}_{seed}' for part in needed)
            name = f'{algorithm}_merged_{goal}_{seed}'
            parts.append(Job(name, merge, {**about, 'goal': goal}, needs))
    return parts


def table(outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """Return the rows of the table; `std` is over the test episodes of all seeds.

    A policy of soft Q-learning is what its samples do, DDPG's and NAF's is without their noise.
    """
    rows = []
    for algorithm in ALGORITHMS:
        kinds = [('constituent', goal, '') for goal in CONSTITUENTS]
        kinds += [
            (k, goal, p) for goal in MERGED for k, p in (('direct', ''), ('merged', 'merged_'))
        ]
        for kind, goal, prefix in kinds:
            names = [n for n in outcomes if n.rpartition('_')[0] == f'{algorithm}_{prefix}{goal}']
            found = [outcomes[name].result for name in names]
            main = [each['stochastic'] if algorithm == 'sql' else each for each in found]
            row = {'goal': goal, 'kind': kind, 'algorithm': algorithm, **figures(main)}
            if algorithm == 'sql':
                row['deterministic'] = figures(found)
            if 'immediate' in found[0]:
                row['immediate'] = figures([each['immediate'] for each in found])
            rows.append({**row, 'seeds': [int(name.rpartition('_')[2]) for name in names]})
    return rows


def figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean, spread and median of the final distances, and the mean of each seed."""
    away = np.concatenate([each['distances'] for each in found])
    return {
        'mean': round(float(away.mean()), 4),
        'std': round(float(away.std()), 4),
        'median': round(float(np.median(away)), 4),
        'seed_means': [round(each['mean'], 4) for each in found],
    }


def shortfalls(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences for every merged soft-Q row that misses one of its two goals."""
    means = {(r['goal'], r['kind']): r['mean'] for r in rows if r['algorithm'] == 'sql'}
    seeds = min(len(row['seeds']) for row in rows if row['algorithm'] == 'sql')
    sentences = ['DDPG and NAF have one seed each, and a discount of 0.98, not 0.95']
    if seeds < SEEDS:
        sentences.append(f'SQL has {seeds} of {SEEDS} seeds')
    for goal in MERGED:
        merged, direct, paper = means[goal, 'merged'], means[goal, 'direct'], PAPER[goal, 'merged']
        if merged > paper:
            sentences.append(f'SQL merged {goal}: {merged:.3f} m, the goal is {paper} m')
        if merged > direct:
            sentences.append(f'SQL merged {goal}: {merged:.3f} m, trained directly {direct:.3f} m')
    return sentences


def draw(outcomes: Mapping[str, Outcome]) -> None:
    """Where the puck ends, after Fig. 2 of the paper, for one seed of soft Q-learning."""
    figure, all_axes = plt.subplots(1, 3, figsize=(11.0, 4.1), dpi=90, layout='constrained')
    for axes, (goal, parts) in zip(all_axes, MERGED.items(), strict=True):
        x, y = GOALS[goal]
        axes.axvline(x, color='tab:blue', lw=0.8)
        axes.axhline(y, color='tab:orange', lw=0.8)
        names = (f'sql_{parts[0]}_0', f'sql_{parts[1]}_0', f'sql_merged_{goal}_0')
        labels = (parts[0], parts[1], 'merged')
        for name, label, colour in zip(names, labels, ('tab:blue', 'tab:orange', 'tab:green'),
                                       strict=True):  # fmt: skip
            pucks = np.array(outcomes[name].result['stochastic']['pucks'])
            axes.scatter(*pucks.T, s=14, color=colour, alpha=0.7, label=label)
        axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect='equal', xlabel='x (m)')
        axes.set_title(f'{goal.replace("_", " ")}: end of {END_EPISODES} episodes')
        axes.legend(fontsize=8, loc='upper left')
    all_axes[0].set_ylabel('y (m)')
    figure.savefig(RESULTS / 'T2.png')


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as docs/results.md shows it."""
    cells = {
        (row['goal'], row['kind'], row['algorithm']): f'{row["mean"]:.2f} ± {row["std"]:.2f}'
        for row in rows
    }
    others = {
        (row['goal'], kind): f'{row[kind]["mean"]:.2f}'
        for row in rows
        for kind in ('deterministic', 'immediate')
        if kind in row and (row['kind'], row['algorithm']) == ('merged', 'sql')
    }
    lines = [
        '| task | SQL | DDPG | NAF | SQL, medoids | SQL at once | paper, SQL |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    for (goal, kind), paper in PAPER.items():
        merged = kind == 'merged'
        ours = [cells[goal, kind, algorithm] for algorithm in ALGORITHMS]
        ours += [others[goal, k] if merged else '' for k in ('deterministic', 'immediate')]
        name = f'{"merge" if merged else "push"} {goal.replace("_", "-")}'
        lines.append(f'| {name} | {" | ".join(ours)} | {paper:.2f} |')
    return '\n'.join(lines)


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=STEPS)
    parser.add_argument('--seeds', type=int, default=SEEDS)
    chosen = parser.parse_args()
    outcomes = run_jobs('T2', jobs(chosen.steps, chosen.seeds))
    rows = table(outcomes)
    draw(outcomes)
    budget = {
        'steps': chosen.steps,
        'robot_minutes': chosen.steps * 0.05 / 60.0,
        'wall_s': round(sum(outcome.wall_s for outcome in outcomes.values())),
    }
    seeds = list(range(chosen.seeds))
    write_result('T2', 'maxent bench T2', seeds, budget, {'table': rows}, shortfalls(rows))
    print(markdown(rows))


if __name__ == '__main__':
    main()
