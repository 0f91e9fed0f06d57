# SPDX-License-Identifier: Apache-2.0
"""The pool of a benchmark's jobs: nothing is done twice, nothing is lost, failures have names."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

import pytest

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent / 'benchmarks'


@pytest.fixture
def pool(monkeypatch):
    """Give benchmarks/job_pool.py; the jobs' processes find it and pool_jobs.py as well."""
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv('OMP_NUM_THREADS', '2')  # set back after what the pool makes of it
    return importlib.import_module('job_pool')


@pytest.fixture
def jobs(pool):
    return importlib.import_module('pool_jobs')


@pytest.fixture
def run(pool, tmp_path):
    def run(*jobs, workers=2):
        outcomes = pool.run_jobs('T0', jobs, workers, root=tmp_path)
        return {name: outcome.result for name, outcome in outcomes.items()}

    return run


def test_each_job_has_a_process_of_one_thread_and_what_it_found_is_kept(pool, jobs, run, tmp_path):
    squares = [pool.Job(f'square_{n}', jobs.square, {'number': n}) for n in (3, 4)]
    results = run(*squares)
    assert [results[name]['square'] for name in ('square_3', 'square_4')] == [9, 16]
    assert len({os.getpid(), *(result['pid'] for result in results.values())}) == 3
    assert {result['threads'] for result in results.values()} == {'1'}
    kept = json.loads((tmp_path / 't0' / 'square_3' / 'outcome.json').read_text())
    assert kept['result'] == results['square_3']
    assert run(*squares) == results
    assert (tmp_path / 't0' / 'square_3' / 'attempts').read_text() == 'x'


def test_jobs_run_side_by_side(pool, jobs, run, tmp_path):
    pipe = str(tmp_path / 'pipe')
    os.mkfifo(pipe)
    ends = [pool.Job(mode, jobs.meet, {'pipe': pipe, 'mode': mode}) for mode in ('r', 'w')]
    assert run(*ends) == {'r': 'r', 'w': 'w'}


def test_a_job_gets_what_the_jobs_found_that_it_needs(pool, jobs, run):
    names = ['square_3', 'square_4']
    squares = [pool.Job(name, jobs.square, {'number': int(name[-1])}) for name in names]
    added = pool.Job('added', jobs.add, {'names': names}, needs=tuple(names))
    assert run(*squares, added)['added'] == 25


def test_a_failure_is_named_with_its_traceback_and_the_others_are_done(
    pool, jobs, run, tmp_path, capsys
):
    asked = [
        pool.Job('unlucky', jobs.fail),
        pool.Job('shot', jobs.die),
        pool.Job('blocked', jobs.add, {'names': ['unlucky']}, needs=('unlucky',)),
        pool.Job('fine', jobs.square, {'number': 5}),
    ]
    with pytest.raises(SystemExit) as end:
        run(*asked, workers=1)
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert 'job unlucky failed' in error
    assert "raise ArithmeticError('no luck today')" in error
    assert 'job shot failed' in error
    assert "job blocked failed:\nnot run, for it needs ['unlucky']" in error
    assert (tmp_path / 't0' / 'fine' / 'outcome.json').exists()
    assert not (tmp_path / 't0' / 'blocked').exists()


def ignore_interrupts():
    """Be what a program in the background of a script is at its start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def held(tmp_path):
    """Start pool_jobs.py as a benchmark; give it, and what is open while its first job works."""
    pipe = str(tmp_path / 'pipe')
    os.mkfifo(pipe)
    program = subprocess.Popen(
        [sys.executable, str(HERE / 'pool_jobs.py'), str(tmp_path), pipe],
        env={**os.environ, 'PYTHONPATH': f'{BENCHMARKS}:{os.environ.get("PYTHONPATH", "")}'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=ignore_interrupts,
    )
    with open(pipe) as gate:
        assert gate.read(5) == 'begun'
        yield program, gate
    program.kill()


def test_ctrl_c_ends_all_in_order_and_the_next_run_goes_on(pool, jobs, run, tmp_path, held):
    program, gate = held
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does
    output, _ = program.communicate(timeout=60.0)
    assert gate.read() == ''  # the job's process is gone
    assert program.returncode == 130
    assert 'run the same command again to go on' in output
    assert 'Traceback' not in output
    assert 'leaked' not in output
    assert not (tmp_path / 't0' / 'next').exists()
    job = pool.Job('held', jobs.hold, {'pipe': str(tmp_path / 'pipe')})
    assert run(job) == {'held': 'done'}


def test_jobs_do_not_outlive_a_pool_that_was_killed(held):
    program, gate = held
    program.kill()
    assert gate.read() == ''
    program.communicate(timeout=60.0)


def test_the_time_of_interrupted_attempts_counts(pool, jobs, tmp_path):
    folder = tmp_path / 't0' / 'held'
    folder.mkdir(parents=True)
    (folder / 'progress.json').write_text('{"done": 1, "total": 2, "spent_s": 1000.0}')
    job = pool.Job('held', jobs.hold, {'pipe': ''})
    assert 1000.0 <= pool.run_jobs('T0', [job], root=tmp_path)['held'].wall_s < 1100.0


def test_a_job_of_other_settings_is_neither_taken_nor_overwritten(pool, jobs, run):
    first = run(pool.Job('square', jobs.square, {'number': 3}))
    with pytest.raises(SystemExit, match=r'rm -r .*/t0/square$'):
        run(pool.Job('square', jobs.square, {'number': 4}))
    assert run(pool.Job('square', jobs.square, {'number': 3})) == first


def test_a_job_that_rests_on_one_done_anew_must_be_done_anew_too(pool, jobs, run, tmp_path):
    square = pool.Job('square', jobs.square, {'number': 3})
    added = pool.Job('added', jobs.add, {'names': ['square']}, needs=('square',))
    run(square, added)
    shutil.rmtree(tmp_path / 't0' / 'square')
    for _ in range(2):  # before and after it was done anew
        with pytest.raises(SystemExit, match=r'rm -r \S*/t0/added$'):
            run(square, added)
        run(square)
    shutil.rmtree(tmp_path / 't0' / 'added')
    assert run(square, added)['added'] == 9


def test_names_that_cannot_be_are_refused(pool, jobs, run):
    with pytest.raises(ValueError, match="'a/b' cannot name a folder"):
        run(pool.Job('a/b', jobs.fail))
    with pytest.raises(ValueError, match='twice'):
        run(pool.Job('a', jobs.fail), pool.Job('a', jobs.fail))
    with pytest.raises(ValueError, match=r"'a' needs \['b'\] before it"):
        run(pool.Job('a', jobs.fail, needs=('b',)), pool.Job('b', jobs.fail))
