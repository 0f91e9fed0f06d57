# SPDX-License-Identifier: Apache-2.0
"""Row S1: how fast the graph learns, and how soon it is safe when something dies.

    python benchmarks/s1_running_system.py [--only PART] [--anew]

Each part is measured once and kept in runs/s1/; run again after an interruption and finished parts
are skipped. The guard must see a quiet machine: run nothing beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
from pathlib import Path
import time
from typing import Any

import fuzz_filter
from result_file import write_result
import s1_faults
import s1_learning
import s1_weights

KEPT = Path('runs/s1')
PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    'lockstep': s1_learning.lockstep_speed,
    'realtime': s1_learning.realtime_lateness_and_swaps,
    'damping': s1_faults.damping_after_kill,
    'estop': s1_faults.estop_ticks,
    'late_joiners': s1_weights.late_joiners,
    'fuzz': lambda: {'fuzz': fuzz()},
}
GOALS: dict[str, tuple[Callable[[dict[str, Any]], float], float, bool]] = {
    # what: (figure, goal, whether more is better)
    'lockstep_steps_per_s': (lambda f: f['lockstep_steps_per_s'], 60.0, True),
    'damping_ms': (lambda f: f['damping_ms'], 155.0, False),
    'estop_ticks': (lambda f: f['estop_ticks'], 1.0, False),
    'violations of the fuzzed filter': (lambda f: f['fuzz']['violations'], 0.0, False),
    'late joiners not served within 1 s': (
        lambda f: f['late_joiners']['tried'] - f['late_joiners']['served'],
        0.0,
        False,
    ),
    'publish_to_swap_ms_p99': (lambda f: f['publish_to_swap_ms_p99'], 50.0, False),
    'lateness_us p99.9': (lambda f: f['lateness_us']['p999'], 1000.0, False),
    'guard ticks missed': (lambda f: f['ticks_missed'], 0.0, False),
}


def fuzz() -> dict[str, Any]:
    """A million calls of the filters with arbitrary floats."""
    outcome = fuzz_filter.fuzz(1_000_000, 0)
    return {key: outcome[key] for key in ('calls', 'violations')}


def part(name: str, anew: bool) -> dict[str, Any]:
    """Measure a part, or return what was measured before."""
    path = KEPT / f'{name}.json'
    if path.exists() and not anew:
        print(f'{name}: measured before ({path})', flush=True)
        return dict(json.loads(path.read_text()))
    print(f'{name}: measuring ...', flush=True)
    begin = time.monotonic()
    figures = {**PARTS[name](), f'{name}_wall_s': round(time.monotonic() - begin, 1)}
    KEPT.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures))
    print(f'{name}: {figures}', flush=True)
    return figures


def shortfalls(figures: dict[str, Any]) -> list[str]:
    """Sentences for every goal that is missed."""
    sentences = []
    for what, (figure, goal, more_is_better) in GOALS.items():
        value = figure(figures)
        if value < goal if more_is_better else value > goal:
            sentences.append(f'{what} is {value:.1f}, the goal is {goal:.0f}')
    return sentences


def main() -> None:
    """Measure what is asked for; write the row once all parts are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', choices=PARTS, help='measure just this part')
    parser.add_argument('--anew', action='store_true', help='measure again what is there')
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(PARTS)
    figures: dict[str, Any] = {}
    for name in names:
        figures |= part(name, arguments.anew)
    if not arguments.only:
        wall = sum(figures.pop(f'{name}_wall_s') for name in PARTS)
        command = 'python benchmarks/s1_running_system.py'
        path = write_result('S1', command, [0], {'wall_s': wall}, figures, shortfalls(figures))
        print(f'written: {path}')


if __name__ == '__main__':
    main()
