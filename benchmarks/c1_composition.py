# SPDX-License-Identifier: Apache-2.0
"""Row C1: plane skills of the Sawyer composed through the services, on the moving arm.

    maxent bench C1 [--algorithms sac soft_q] [--parts table swaps bad_files bad_messages]

Trains the plane skills, and directly what they are composed for, on all cores; then measures, one
after another since the guard must see a quiet machine: compositions of every pair and triple, a
thousand swaps, and ten thousand attempts with bad weights. Finished parts lie in runs/c1/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import c1_bad_files
import c1_bad_messages
import c1_swaps
import c1_table
from job_pool import Job, Outcome, Workspace, run_jobs
from plane_skills import (
    OPTIONS,
    STEPS,
    joint_goals,
    learn_directly,
    learn_planes,
    name_of,
    single_goals,
    skills_folder,
)
from result_file import write_result

SWAPS, FILES, MESSAGES = 1_000, 5_000, 5_000
FACTOR = 1.5  # composed, of direct training
PARTS = ('table', 'swaps', 'bad_files', 'bad_messages')


def trainings(algorithms: Sequence[str]) -> list[Job]:
    """All skills."""
    about = {'seed': 0, 'steps': STEPS}
    planes = [Job(f'planes_{a}', learn_planes, {'algorithm': a, **about}) for a in algorithms]
    direct = [
        Job(name_of(a, goal), learn_directly, {'algorithm': a, 'goal': goal, **about})
        for a in algorithms
        for goal in joint_goals()
    ]
    return [*planes, *direct]


def measurements(algorithms: Sequence[str], parts: Sequence[str]) -> list[Job]:
    """What needs the trained skills; one at a time."""
    names = [name_of(a, goal) for a in algorithms for goal in single_goals()]
    planes = tuple(f'planes_{a}' for a in algorithms)
    tables = [
        Job(
            f'table_{a}',
            table,
            {'algorithm': a},
            (f'planes_{a}', *(name_of(a, goal) for goal in joint_goals())),
        )
        for a in algorithms
    ]
    jobs = [
        *tables,
        Job('swaps', swaps, {'names': names, 'count': SWAPS}, planes),
        Job('bad_files', bad_files, {'name': names[0], 'count': FILES}, planes),
        Job('bad_messages', bad_messages, {'count': MESSAGES}),
    ]
    return [job for job in jobs if job.function.__name__ in parts]


def table(workspace: Workspace, algorithm: str) -> Any:
    """Part: the composition table of one algorithm."""
    return c1_table.table(algorithm, _skills(workspace), workspace.progress)


def swaps(workspace: Workspace, names: list[str], count: int) -> Any:
    """Part: swaps."""
    return c1_swaps.swaps(_skills(workspace), names, count, workspace.progress)


def bad_files(workspace: Workspace, name: str, count: int) -> Any:
    """Part: damaged skills."""
    return c1_bad_files.mutated_files(_skills(workspace), name, count, workspace.progress)


def bad_messages(workspace: Workspace, count: int) -> Any:
    """Part: bad versions of weights."""
    return c1_bad_messages.mutated_messages(count, workspace.progress)


def _skills(workspace: Workspace) -> Any:
    return skills_folder(workspace.folder.parent)


def figures(outcomes: Mapping[str, Outcome], algorithms: Sequence[str]) -> dict[str, Any]:
    """Return the row, without what has not been measured."""
    row: dict[str, Any] = {}
    tables = [f'table_{a}' for a in algorithms if f'table_{a}' in outcomes]
    if tables:
        row['table'] = [each for name in tables for each in outcomes[name].result]
    if 'swaps' in outcomes:
        row['swaps'] = outcomes['swaps'].result
    bad = {n: outcomes[n].result for n in ('bad_files', 'bad_messages') if n in outcomes}
    if bad:
        totals = {k: sum(part[k] for part in bad.values()) for k in ('tried', 'accepted')}
        row['mutations'] = {**totals, **bad}
    return row


def shortfalls(row: Mapping[str, Any]) -> list[str]:
    """Sentences for every goal that is missed."""
    sentences = ['one seed each']
    missing = {'table', 'swaps', 'mutations'} - row.keys()
    sentences += [f'not measured: {part}' for part in sorted(missing)]
    sentences += [
        f'no {a} skills'
        for a in OPTIONS
        if not any(each['algorithm'] == a for each in row.get('table', []))
    ]
    for each in row.get('table', []):
        what = f'{" AND ".join(each["skills"])}: {each["composed"]:.3f} m'
        if each['composed'] >= min(each['constituents']):
            sentences.append(f'{what}, no nearer than {min(each["constituents"]):.3f} m alone')
        if each['composed'] > FACTOR * each['direct']:
            sentences.append(f'{what}, over {FACTOR} times {each["direct"]:.3f} m directly')
    swapped = row.get('swaps', {})
    for name, most in (('max_slew_ratio', 1.0), ('ticks_missed', 0), ('observations_lost', 0)):
        if swapped.get(name, 0) > most + 1e-6:
            sentences.append(f'swaps: {name} is {swapped[name]}, the goal is {most}')
    accepted = row.get('mutations', {}).get('accepted', 0)
    if accepted:
        sentences.append(f'{accepted} of the bad weights were accepted')
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--algorithms', nargs='+', choices=OPTIONS, default=list(OPTIONS))
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args()
    algorithms = chosen.algorithms
    jobs = trainings(algorithms)
    outcomes = run_jobs('C1', jobs)
    parts = run_jobs('C1', [*jobs, *measurements(algorithms, chosen.parts)], workers=1)
    row = figures(parts, algorithms)
    budget = {
        'steps': STEPS,
        'wall_s': round(sum(outcome.wall_s for outcome in {**outcomes, **parts}.values())),
    }
    path = write_result('C1', 'maxent bench C1', [0], budget, row, shortfalls(row))
    for each in row.get('table', []):
        print(each)
    print(f'written: {path}')


if __name__ == '__main__':
    main()
