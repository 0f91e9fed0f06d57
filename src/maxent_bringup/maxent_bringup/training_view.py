# SPDX-License-Identifier: Apache-2.0
"""Shows a training run while it goes on: a live table, or plain lines without a terminal."""

from __future__ import annotations

from collections import deque
import math
import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from maxent_robot.tasks.measures import measure

LINE_EVERY_S = 5.0  # between two plain lines
WINDOW_S = 10.0  # over which the real-time factor is taken


class TrainingStatus(Protocol):
    """What a learner reports (maxent_msgs/LearnerStatus); robot_time in seconds."""

    skill: str
    message: str
    steps: int
    max_steps: int
    updates: int
    episodes: int
    policy_version: int
    robot_time: float
    updates_per_second: float
    steps_per_second: float
    temperature: float
    entropy: float
    episode_return: float
    measure: str
    final_measure: float


class TrainingView:
    """Use as a context manager and call `show` as often as there is news."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._history: deque[tuple[float, float]] = deque()  # wall and robot time, s
        self._next_line = 0.0

    def __enter__(self) -> TrainingView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, status: TrainingStatus, interventions: int | None = None) -> None:
        """Show the newest figures; `interventions` of the guard, None if there is no guard."""
        now = time.monotonic()
        self._history.append((now, status.robot_time))
        while now - self._history[0][0] > WINDOW_S:
            self._history.popleft()
        rows = figures(status, interventions, self._real_time_factor())
        if self._console.is_terminal:
            self._live.update(_table(status.skill, rows), refresh=True)
        elif now >= self._next_line:
            self._next_line = now + LINE_EVERY_S
            line = '  '.join(f'{name}: {value}' for name, value in rows.items())
            self._console.print(line, soft_wrap=True, highlight=False)

    def _real_time_factor(self) -> float:
        (first_wall, first_robot), (wall, robot) = self._history[0], self._history[-1]
        return (robot - first_robot) / (wall - first_wall) if wall > first_wall else math.nan


def figures(
    status: TrainingStatus, interventions: int | None, real_time_factor: float
) -> dict[str, str]:
    """Return what is shown, by name, in the order shown."""
    left = status.max_steps - status.steps
    rate = status.steps_per_second
    of_episode = 1.0 if status.episodes > 0 else math.nan  # before the first there is no figure
    of_update = 1.0 if status.updates > 0 else math.nan
    rows = {
        'robot time': _minutes(status.robot_time),
        'steps': f'{status.steps} of {status.max_steps}',
        'episodes': f'{status.episodes}',
        'episode return': _number(status.episode_return * of_episode, '.2f'),
        **_final_measure(status),
        'temperature': _number(status.temperature * of_update, '.4f'),
        'entropy': _number(status.entropy * of_update, '.2f', ' nat'),
        'updates/s': _number(status.updates_per_second, '.0f'),
        'steps/s': _number(rate, '.0f'),
        'real-time factor': _number(real_time_factor, '.1f'),
        'policy version': f'{status.policy_version}',
        'time left': _minutes(left / rate) if rate > 0.0 else '-',
    }
    if interventions is not None:
        rows['guard interventions'] = f'{interventions}'
    return rows


def _final_measure(status: TrainingStatus) -> dict[str, str]:
    """What the task measures first, by its name; nothing before the first episode is over."""
    if status.episodes == 0 or not status.measure:
        return {}
    value = status.final_measure
    text = measure(status.measure).text(value) if math.isfinite(value) else '-'
    return {f'final {status.measure}': text}


def _table(title: str, rows: dict[str, str]) -> Table:
    table = Table(title=f'learning {title}', show_header=False, min_width=44)
    table.add_column(style='bold')
    table.add_column(justify='right')
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    return f'{whole // 60}:{whole % 60:02d} min'


def _number(value: float, form: str, unit: str = '') -> str:
    return f'{value:{form}}{unit}' if math.isfinite(value) else '-'
