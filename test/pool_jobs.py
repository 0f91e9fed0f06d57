# SPDX-License-Identifier: Apache-2.0
"""Jobs for the test of benchmarks/job_pool.py, and a script that runs one like a benchmark."""

import os
from pathlib import Path
import signal
import sys
import threading

from job_pool import Job, run_jobs


def square(workspace, number):
    with (workspace.folder / 'attempts').open('a') as file:
        file.write('x')
    return {'square': number**2, 'pid': os.getpid(), 'threads': os.environ['OMP_NUM_THREADS']}


def add(workspace, names):
    return sum(workspace.outcome(name).result['square'] for name in names)


def fail(workspace):
    raise ArithmeticError('no luck today')


def die(workspace):
    os.kill(os.getpid(), signal.SIGKILL)


def meet(workspace, pipe, mode):
    """Block until another job opens the other end of the pipe."""
    with open(pipe, mode):
        return mode


def hold(workspace, pipe):
    """At the first attempt say so through the pipe and go on for ever, later finish."""
    if (workspace.folder / 'progress.json').exists():
        return 'done'
    workspace.progress(1, 2)
    with open(pipe, 'w') as gate:
        gate.write('begun')
        gate.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            gate.write(' and interrupted')


if __name__ == '__main__':
    jobs = [Job('held', hold, {'pipe': sys.argv[2]}), Job('next', square, {'number': 2})]
    run_jobs('T0', jobs, workers=1, root=Path(sys.argv[1]))
