# SPDX-License-Identifier: Apache-2.0
"""Shows how far the jobs of a benchmark are and how long the rest will take.

In a terminal one line per running job, always up to date; elsewhere the same lines now and then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
from statistics import fmean
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_EVERY_S = 30.0  # without a terminal


@dataclass(frozen=True)
class Running:
    """A job under way, and which part (0..1) of it was done when it was started."""

    name: str
    function: str
    folder: Path
    started_s: float  # monotonic clock
    part_before: float

    @classmethod
    def begin(cls, name: str, function: str, folder: Path) -> Running:
        """Note when the job begins, and how far it came in earlier attempts."""
        done, total = progress_of(folder)
        return cls(name, function, folder, time.monotonic(), done / total)

    def left_s(self, now_s: float) -> float | None:
        """Seconds left at the pace so far; None if the job does not say how far it is."""
        done, total = progress_of(self.folder)
        advance = done / total - self.part_before
        if advance <= 0.0:
            return None
        return (1.0 - done / total) * (now_s - self.started_s) / advance


def progress_of(folder: Path) -> tuple[float, float]:
    """Return how much of how much the job in `folder` has done, (0, 1) if it did not say."""
    path = folder / 'progress.json'
    if not path.is_file():
        return 0.0, 1.0
    content = json.loads(path.read_text(encoding='utf-8'))
    return content['done'], content['total']


def remaining_s(
    took_s: Mapping[str, Sequence[float]],
    running: Collection[Running],
    waiting: Sequence[str],
    workers: int,
    now_s: float,
) -> float | None:
    """Estimate the seconds until all is done; None while nothing is known.

    Args:
        took_s: seconds that finished jobs took, by the name of their function.
        running: jobs.
        waiting: names of the functions of the jobs that are not begun.
        workers: jobs side by side.
        now_s: on the monotonic clock.
    """
    typical: dict[str, list[float]] = defaultdict(list)
    for function, durations in took_s.items():
        typical[function] += durations
    left: list[float] = []
    for job in running:
        own = job.left_s(now_s)
        if own is not None:
            typical[job.function].append(own + now_s - job.started_s)
            left.append(own)
    if not typical:
        return None
    mean = {function: fmean(durations) for function, durations in typical.items()}
    usual = fmean(mean.values())  # of a function of which nothing is known
    for job in running:
        if job.left_s(now_s) is None:
            left.append(max(0.0, mean.get(job.function, usual) - (now_s - job.started_s)))
    work = sum(left) + sum(mean.get(function, usual) for function in waiting)
    return max([work / workers, *left])


def duration(seconds: float | None) -> str:
    """Write a duration for people."""
    if seconds is None:
        return 'unknown'
    if seconds < 90.0:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60.0)
    return f'{minutes} min' if minutes < 90 else f'{minutes // 60} h {minutes % 60:02d} min'


class JobView:
    """What a person sees of a pool of jobs; a context that leaves the terminal tidy."""

    def __init__(self, row: str, workers: int, console: Console | None = None) -> None:
        """Show to `console`, standard output by default.

        `took_s`, seconds that finished jobs took by the name of their function, is what the
        estimates rest on.
        """
        self._row, self._workers = row, workers
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self.took_s: dict[str, list[float]] = defaultdict(list)
        self._shown_s = -PLAIN_EVERY_S

    def __enter__(self) -> JobView:
        """Take over the last lines of a terminal."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        self._live.stop()

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._console.print(text, markup=False, soft_wrap=True)

    def finished(self, name: str, function: str, took_s: float) -> None:
        """Write down that a job is done, for estimating the others too."""
        self.took_s[function].append(took_s)
        self.note(f'{name}: done, took {duration(took_s)}')

    def show(
        self, done: int, failed: int, running: Collection[Running], waiting: Sequence[str]
    ) -> None:
        """Show how far all is; `waiting`: names of the functions of jobs that are not begun."""
        now_s = time.monotonic()
        if self._console.is_terminal:
            text = '\n'.join(self._lines(done, failed, running, waiting, now_s))
            self._live.update(Text(text, overflow='ellipsis', no_wrap=True), refresh=True)
        elif now_s - self._shown_s >= PLAIN_EVERY_S:
            self._shown_s = now_s
            for line in self._lines(done, failed, running, waiting, now_s):
                self.note(line)

    def _lines(
        self,
        done: int,
        failed: int,
        running: Collection[Running],
        waiting: Sequence[str],
        now_s: float,
    ) -> list[str]:
        total = done + failed + len(running) + len(waiting)
        left = remaining_s(self.took_s, running, waiting, self._workers, now_s)
        failures = f', {failed} failed' if failed else ''
        lines = [f'{self._row}: {done} of {total} jobs done{failures}, left: {duration(left)}']
        width = max((len(job.name) for job in running), default=0)
        for job in running:
            of = '{:>9,.0f} / {:,.0f}'.format(*progress_of(job.folder))
            lines.append(f'  {job.name:<{width}} {of}, left: {duration(job.left_s(now_s))}')
        return lines
