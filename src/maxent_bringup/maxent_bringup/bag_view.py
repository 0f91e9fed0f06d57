# SPDX-License-Identifier: Apache-2.0
"""Shows what is in a bag: one block of lines for each thing that a person asks of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.console import Console
from rich.table import Table

from maxent_learner.bag_summary import Acted, BagSummary, GuardTotals
from maxent_learner.episode_log import EpisodeResult
from maxent_robot.robots import ROBOTS, get_robot
from maxent_robot.safety.flags import INTERVENTIONS
from maxent_robot.tasks import Task
from maxent_robot.tasks.measures import measure
from maxent_robot.types import NANOSECONDS, Level

MEGABYTE = 1e6
MOST_LINES = 12  # of a list that has no end, such as of emergency stops


def show(console: Console, summary: BagSummary, task: Task | None) -> None:
    """Print a summary; success is judged by `task`, if it is known."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style='bold', no_wrap=True)
    table.add_column(overflow='fold')
    for title, lines in (
        ('bag', _bag(summary)),
        ('recorded from', [f'{name}: {text}' for name, text in summary.about.items() if text]),
        ('episodes', _episodes(summary, task)),
        ('acted', map(_acted, summary.acted[:MOST_LINES])),
        ('guard', _guard(summary.guard)),
        ('losses', _losses(summary)),
        ('notes', summary.notes),
    ):
        for number, line in enumerate(lines):
            table.add_row('' if number else title, line)
    console.print(table, highlight=False, markup=False)
    console.print(_topics(summary), highlight=False, markup=False)


def _bag(summary: BagSummary) -> Iterator[str]:
    size = summary.size / MEGABYTE
    yield str(summary.path)
    files = f'{summary.files} files' if summary.files != 1 else '1 file'
    yield (
        f'{summary.duration_s:.1f} s of wall time, {size:.2f} MB in {files}, '
        f'{summary.messages:,} messages'
    )
    minutes = _robot_minutes(summary)
    if minutes > 0.0:
        yield f'{minutes:.2f} robot minutes, {size / minutes:.2f} MB each'


def _robot_minutes(summary: BagSummary) -> float:
    """Time learned from, in minutes; 0 if the robot is not known."""
    robot = summary.about.get('robot', '')
    if robot not in ROBOTS:
        return 0.0
    transitions = summary.steps.steps - summary.steps.episodes
    return transitions * get_robot(robot).policy_period_ns / NANOSECONDS / 60.0


def _episodes(summary: BagSummary, task: Task | None) -> Iterator[str]:
    results = summary.episodes
    if not results and not summary.cut_off:
        yield 'none'
        return
    fallen = sum(result.terminated for result in results)
    yield (
        f'{len(results)} to the end ({fallen} terminated, {len(results) - fallen} truncated), '
        f'{summary.cut_off} cut off'
    )
    if not results:
        return
    lengths = [result.steps for result in results]
    yield f'length {fmean(lengths):.1f} steps on average, {min(lengths)} to {max(lengths)}'
    returns = [result.episode_return for result in results]
    mean, best = fmean(returns), max(returns)
    yield f'return {mean:.2f} on average, best {best:.2f}, last {returns[-1]:.2f}'
    yield from _measures(results)
    if task is not None:
        solved = sum(task.success(result.measures) for result in results)
        yield f'success in {solved} of {len(results)} ({solved / len(results):.0%})'


def _measures(results: Sequence[EpisodeResult]) -> Iterator[str]:
    name = next(iter(results[-1].measures), '')
    if not name:
        return
    shown, finals = measure(name), [result.final_measure for result in results]
    best = max(finals) if shown.more_is_better else min(finals)
    yield (
        f'{shown.title} in the end {shown.text(fmean(finals))} on average, '
        f'best {shown.text(best)}, last {shown.text(finals[-1])}'
    )


def _acted(acted: Acted) -> str:
    first, last = acted.first_version, acted.last_version
    versions = f'version {first}' if first == last else f'versions {first} to {last}'
    return (
        f'{acted.skill} {versions}, {acted.steps} steps from {acted.from_s:.1f} to '
        f'{acted.to_s:.1f} s of the robot'
    )


def _guard(guard: GuardTotals) -> Iterator[str]:
    if guard.actions:
        share = guard.changed / guard.actions
        yield f'{guard.changed} of {guard.actions} actions changed ({share:.1%})'
    for flag, number in guard.flags.most_common():
        kind = '' if flag & INTERVENTIONS else ', changes nothing'
        yield f'  {flag.name} in {number} ({number / guard.actions:.1%}{kind})'
    known = {level.value: level.name for level in Level}
    levels = ', '.join(f'{known.get(n, n)} {count}' for n, count in sorted(guard.levels.items()))
    if levels:
        yield f'highest level of each action: {levels}'
    for after_s, reason in guard.stops[:MOST_LINES]:
        yield f'EMERGENCY STOP after {after_s:.1f} s: {reason}'
    if len(guard.stops) > MOST_LINES:
        yield f'{len(guard.stops) - MOST_LINES} more emergency stops'


def _losses(summary: BagSummary) -> Iterator[str]:
    steps = summary.steps
    amiss = {
        'missing': steps.missing,
        'received twice': steps.duplicates,
        'out of order': steps.reordered,
        'too late': steps.late,
        'malformed': steps.malformed,
    }
    found = [f'{number} {what}' for what, number in amiss.items() if number]
    lost = {name: total.lost for name, total in summary.topics.items() if total.lost}
    if found:
        yield f'steps: {", ".join(found)}'
    yield from (f'{number} messages of {name} did not arrive' for name, number in lost.items())
    yield from summary.damage
    if not (found or lost or summary.damage):
        yield 'none known of'


def _topics(summary: BagSummary) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column('topic', overflow='fold')
    table.add_column('messages', justify='right', no_wrap=True)
    table.add_column('kB', justify='right', no_wrap=True)
    for name, total in summary.topics.items():
        if total.messages:
            table.add_row(name, f'{total.messages:,}', f'{total.size / 1e3:,.1f}')
    silent = sum(not total.messages for total in summary.topics.values())
    if silent:
        table.add_row(f'{silent} topics without messages', '', '')
    return table
