# SPDX-License-Identifier: Apache-2.0
"""Row B1: what the guard's loop notices of a recorder beside it, in real time."""

from __future__ import annotations

import math
from pathlib import Path
import shutil
from typing import Any

from job_workspace import Workspace
from running_system import running, wait

from maxent_bringup.system import SystemConfig

SKILLS = Path(__file__).resolve().parent.parent / 'skills'
ROUNDS = 2
SETTLED_S, WATCHED_S, WINDOW_S = 10.0, 20.0, 10.0  # the guard tells lateness of the last 10 s


def watch_loop(workspace: Workspace) -> dict[str, Any]:
    """Run a skill with and without a recorder, in turns; the guard's lateness and late ticks."""
    found: dict[str, list[tuple[float, int, int]]] = {'without': [], 'with': []}
    for number in range(ROUNDS):
        for name, figures in found.items():
            figures.append(_watch(workspace, record=name == 'with'))
        workspace.progress(number + 1, ROUNDS)
    return {
        name: {
            'lateness_p999_us': max(each[0] for each in figures),
            'late_ticks': sum(each[1] for each in figures),
            'ticks': sum(each[2] for each in figures),
        }
        for name, figures in found.items()
    }


def _watch(workspace: Workspace, *, record: bool) -> tuple[float, int, int]:
    """Worst p99.9 of lateness in us, late ticks and all ticks of the guard at 200 Hz."""
    runs = workspace.folder.resolve() / 'runs'
    shutil.rmtree(runs, ignore_errors=True)
    config = SystemConfig(
        purpose='run', skill='sawyer_reach', skills=SKILLS, runs=runs, record=record
    )
    with running(config) as (system, monitor):

        def acts() -> bool:
            return monitor.safety is not None and monitor.safety.actions_accepted > 0

        wait(system, monitor, acts, 120.0, 'an action')
        monitor.spin(SETTLED_S)
        first, worst = monitor.safety, -math.inf
        assert first is not None
        for _ in range(round(WATCHED_S / WINDOW_S)):
            monitor.spin(WINDOW_S)
            system.check()
            last = monitor.safety
            assert last is not None
            worst = max(worst, last.lateness_p999_us)
    return worst, last.overruns - first.overruns, last.ticks - first.ticks
