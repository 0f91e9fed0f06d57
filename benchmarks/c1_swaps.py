# SPDX-License-Identifier: Apache-2.0
"""C1: a thousand swaps between skills on the moving arm, in real time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

from maxent_msgs.msg import Step
from maxent_msgs.srv import ActivateSkill
import numpy as np
from running_system import notes, running, wait

from maxent_bringup.monitor import Monitor
from maxent_bringup.system import SystemConfig
from maxent_ros import topics

SWAPS = 1000
APART_S = (0.5, 0.7)  # the services allow two in a second
SETTLED_S = 5.0


def swaps(
    skills: Path, names: list[str], count: int, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Swap at random moments to another of the skills; what guard, steps and caller saw of it."""
    rng = np.random.default_rng(0)
    steps = _Steps()
    config = SystemConfig(
        purpose='run', task='reach_plane', skill=names[0], skills=skills, name='c1_swaps'
    )
    taken: list[float] = []
    refused: list[str] = []
    with running(config, instrumented='guard', on_step=steps.add) as (system, monitor):
        client = monitor.node.create_client(ActivateSkill, topics.ACTIVATE_SKILL)
        wait(system, monitor, lambda: steps.count > 20, 60.0, 'the first steps')
        monitor.spin(SETTLED_S)
        before = _counters(monitor)
        acting = names[0]
        while len(taken) < count:
            monitor.spin(float(rng.uniform(*APART_S)))
            name = str(rng.choice([other for other in names if other != acting]))
            begin = time.monotonic()
            answer = client.call_async(ActivateSkill.Request(name=name, blend=0.25))
            while not answer.done():
                monitor.spin(0.001)
            if not answer.result().success:  # it has failed a probation
                refused.append(answer.result().message)
                names = [other for other in names if other != name]
                continue
            taken.append(1e3 * (time.monotonic() - begin))
            acting = name
            tell(len(taken), count)
            system.check()
        monitor.spin(1.0)
        after = _counters(monitor)
        slews = [row['slew_ratio'] for row in notes(system.logs['guard'], 'slew_ratio')]
    return {
        'count': len(taken),
        'max_slew_ratio': round(max(slews), 4),
        'ticks': after[0] - before[0],
        'ticks_missed': after[1] - before[1],
        'observations_lost': steps.lost,
        'states_refused': after[2] - before[2],
        'p50_ms': round(float(np.percentile(taken, 50)), 1),
        'p99_ms': round(float(np.percentile(taken, 99)), 1),
        'returns_to_the_last_good': steps.changes - (len(set(steps.versions)) - 1),
        'refused': refused,
    }


class _Steps:
    """Counts steps, gaps between them, and changes of who acts."""

    def __init__(self) -> None:
        self.count = self.lost = self.changes = 0
        self.versions: list[int] = []
        self._next: tuple[int, int] | None = None

    def add(self, step: Step) -> None:
        place = step.episode, step.index
        self.lost += self._next not in (None, place)
        last = step.terminated or step.truncated
        self._next = (step.episode + 1, 0) if last else (step.episode, step.index + 1)
        self.count += 1
        if self.versions and step.policy_version != self.versions[-1]:
            self.changes += 1
        self.versions.append(step.policy_version)


def _counters(monitor: Monitor) -> tuple[int, int, int]:
    status = monitor.safety
    if status is None:
        raise RuntimeError('the guard has not been heard')
    return status.ticks, status.overruns, status.states_refused
