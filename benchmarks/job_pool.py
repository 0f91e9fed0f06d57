# SPDX-License-Identifier: Apache-2.0
"""Runs the jobs of a benchmark side by side, one process each, and keeps what they find.

A job is a module-level function `f(workspace, **arguments)` that returns JSON values. Its folder
runs/<row>/<job>/ keeps `job.json` (what was asked for), what the job itself leaves there, say
checkpoints, and in the end `outcome.json`. Run again after an interruption: finished jobs are
skipped, others begin in the folder as they left it, and can go on from their checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
import json
import multiprocessing
import os
from pathlib import Path
import re
import signal
import sys
import threading
import traceback
from typing import Any

from job_view import JobView, Running
from job_workspace import Outcome, Workspace, outcome_in, read, write

__all__ = ['Job', 'Outcome', 'Workspace', 'run_jobs']

LOOK_S = 0.5  # between two looks at what runs


@dataclass(frozen=True)
class Job:
    """One part of a benchmark; `needs` names earlier jobs that must have succeeded before."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def run_jobs(
    row: str, jobs: Sequence[Job], workers: int | None = None, root: Path = Path('runs')
) -> dict[str, Outcome]:
    """Run what is missing and return all outcomes by name of the job.

    Args:
        row: of the results table, names the folder.
        jobs: in the order in which they shall start.
        workers: processes side by side; default: as many as there are cores for this process.
        root: where the row's folder lies.

    Raises:
        SystemExit: 1 if jobs failed, after all others are done and with the tracebacks told, or
            if a folder holds work of other settings or on jobs since done anew; 130 after Ctrl-C.
        ValueError: names that cannot be, come twice or are needed before they come.
    """
    # A shell lets programs in the background ignore Ctrl-C; `kill -INT` shall end this one still.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = root / row.lower()
    _check(jobs, folder)
    os.environ['OMP_NUM_THREADS'] = '1'  # read by torch when the jobs' processes load it
    workers = workers or len(os.sched_getaffinity(0))
    outcomes = {job.name: found for job in jobs if (found := outcome_in(folder / job.name))}
    with JobView(row, workers) as view:
        if outcomes:
            view.note(f'{len(outcomes)} of {len(jobs)} jobs were done before')
        pool = _Pool(folder, workers, view, outcomes)
        try:
            pool.work_off(jobs)
        except KeyboardInterrupt:
            view.note(f'{row}: stopped; run the same command again to go on')
            sys.exit(130)
    for name, text in pool.failures.items():
        print(f'\n{row}: job {name} failed:\n{text}', file=sys.stderr)
    if pool.failures:
        sys.exit(1)
    return {job.name: outcomes[job.name] for job in jobs}


class _Pool:
    """Jobs under way, each in a process of its own: one that dies takes no other with it."""

    def __init__(
        self, folder: Path, workers: int, view: JobView, outcomes: dict[str, Outcome]
    ) -> None:
        self.folder, self.workers, self.view, self.outcomes = folder, workers, view, outcomes
        self.failures: dict[str, str] = {}
        self.running: dict[Future[None], tuple[ProcessPoolExecutor, Running]] = {}

    def work_off(self, jobs: Sequence[Job]) -> None:
        """Run all that is not done, adding to `outcomes` and `failures`."""
        for job in jobs:
            if job.name in self.outcomes:
                self.view.took_s[_kind(job)].append(self.outcomes[job.name].wall_s)
        waiting = [job for job in jobs if job.name not in self.outcomes]
        try:
            while waiting or self.running:
                for job in [job for job in waiting if self.failures.keys() & set(job.needs)]:
                    waiting.remove(job)
                    missing = sorted(self.failures.keys() & set(job.needs))
                    self.failures[job.name] = f'not run, for it needs {missing}'
                ready = [job for job in waiting if self.outcomes.keys() >= set(job.needs)]
                for job in ready[: self.workers - len(self.running)]:
                    waiting.remove(job)
                    self._start(job)
                for future in wait(self.running, LOOK_S, FIRST_COMPLETED).done:
                    self._take(future)
                shown = [running for _, running in self.running.values()]
                done, failed = len(self.outcomes), len(self.failures)
                self.view.show(done, failed, shown, [_kind(job) for job in waiting])
        finally:
            for process in multiprocessing.active_children():  # after Ctrl-C
                process.terminate()  # what a job keeps is whole at any moment
            for executor, _ in self.running.values():
                executor.shutdown()

    def _start(self, job: Job) -> None:
        folder = self.folder / job.name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / 'job.json').is_file():  # its age says when the job was first begun
            write(folder / 'job.json', _asked(job))
        running = Running.begin(job.name, _kind(job), folder)
        context = multiprocessing.get_context('spawn')
        executor = ProcessPoolExecutor(1, context, initializer=_end_with_parent)
        # The process inherits this: Ctrl-C in a terminal reaches the parent only, which ends it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future = executor.submit(_run, job.function, folder, dict(job.arguments))
            self.running[future] = executor, running
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def _take(self, future: Future[None]) -> None:
        executor, running = self.running.pop(future)
        executor.shutdown()
        error, found = future.exception(), outcome_in(running.folder)
        if error is None and found is not None:
            self.outcomes[running.name] = found
            self.view.finished(running.name, running.function, found.wall_s)
        else:
            self.failures[running.name] = ''.join(traceback.format_exception(error))
            self.view.note(f'{running.name}: FAILED, {type(error).__name__}: {error}')


def _end_with_parent() -> None:
    """End the process when its parent is gone: two runs must never work in one folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(function: Callable[..., Any], folder: Path, arguments: dict[str, Any]) -> None:
    workspace = Workspace(folder)
    result = function(workspace, **arguments)
    write(folder / 'outcome.json', {'result': result, 'wall_s': round(workspace.spent_s, 1)})


def _check(jobs: Sequence[Job], folder: Path) -> None:
    known: set[str] = set()
    for job in jobs:
        if not re.fullmatch(r'\w[\w.-]*', job.name) or job.name in known:
            raise ValueError(f'job name {job.name!r} cannot name a folder, or comes twice')
        if not known >= set(job.needs):
            raise ValueError(f'job {job.name!r} needs {sorted(set(job.needs) - known)} before it')
        known.add(job.name)
    others = [str(folder / job.name) for job in jobs if _is_another(job, folder)]
    if others:
        sys.exit(
            'the settings of these jobs, or jobs that they rest on, have changed since they were '
            f'begun; to do them anew: rm -r {" ".join(others)}'
        )


def _is_another(job: Job, folder: Path) -> bool:
    """Whether the job's folder holds work that answers another question than this job."""
    asked = folder / job.name / 'job.json'
    if not asked.is_file():
        return False
    begun = asked.stat().st_mtime_ns
    needed = [folder / name / 'outcome.json' for name in job.needs]
    return read(asked) != _asked(job) or any(
        not path.is_file() or path.stat().st_mtime_ns > begun for path in needed
    )


def _kind(job: Job) -> str:
    return job.function.__name__


def _asked(job: Job) -> dict[str, Any]:
    """Return what makes a job another one, as JSON gives it back."""
    content = {'function': _kind(job), 'arguments': dict(job.arguments)}
    return dict(json.loads(json.dumps(content)))
