# SPDX-License-Identifier: Apache-2.0
"""What is shown of a pool of jobs, and the estimate of the time left."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

BENCHMARKS = Path(__file__).parent.parent / 'benchmarks'


@pytest.fixture
def view(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module('job_view')


@pytest.fixture
def running(view, tmp_path):
    """Return a function that makes a job begun at 0 s, with this much of it done now and then."""

    def make(name='job', function='train', done=0, total=100, part_before=0.0):
        folder = tmp_path / name
        folder.mkdir()
        if done:
            progress = {'done': done, 'total': total, 'spent_s': 0.0}
            (folder / 'progress.json').write_text(json.dumps(progress))
        return view.Running(name, function, folder, 0.0, part_before)

    return make


def test_nothing_is_estimated_before_anything_is_known(view, running):
    assert view.remaining_s({}, [running()], ['train'], 2, 10.0) is None


def test_waiting_jobs_take_as_long_as_those_of_their_function(view):
    took_s = {'train': [100.0, 200.0], 'merge': [10.0]}
    assert view.remaining_s(took_s, [], ['train', 'train', 'merge', 'merge'], 2, 0.0) == 160.0


def test_of_a_function_of_which_nothing_is_known_the_mean_of_the_others_is_taken(view):
    assert view.remaining_s({'train': [100.0], 'merge': [20.0]}, [], ['draw'], 1, 0.0) == 60.0


def test_a_running_job_goes_on_at_its_pace_whatever_others_took(view, running):
    job = running(done=25)
    assert view.remaining_s({'train': [1000.0]}, [job], [], 1, 10.0) == pytest.approx(30.0)


def test_a_resumed_job_is_judged_by_what_it_did_since(view, running):
    job = running(done=75, part_before=0.5)
    assert job.left_s(10.0) == pytest.approx(10.0)


def test_a_silent_job_takes_as_long_as_others_and_never_less_than_nothing(view, running):
    took_s = {'train': [100.0]}
    job = running()
    assert view.remaining_s(took_s, [job], [], 1, 30.0) == pytest.approx(70.0)
    assert view.remaining_s(took_s, [job], [], 1, 300.0) == 0.0


def test_all_is_not_done_before_its_slowest_part(view, running):
    jobs = [running('slow', done=10), running('fast', done=90)]
    assert view.remaining_s({}, jobs, [], 2, 10.0) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(None, 'unknown'), (59.6, '60 s'), (150.0, '2 min'), (5_410.0, '1 h 30 min')],
)
def test_durations_are_written_for_people(view, seconds, text):
    assert view.duration(seconds) == text


@pytest.mark.parametrize('terminal', [True, False])
def test_there_is_a_line_for_all_and_one_per_running_job(view, running, terminal):
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=80, highlight=False)
    with view.JobView('T2', 2, console) as shown:
        shown.finished('left_0', 'train', 100.0)
        shown.show(1, 1, [running('left_1', done=25_000, total=100_000)], ['train'])
    text = output.getvalue()
    assert 'left_0: done, took 2 min' in text
    assert 'T2: 1 of 4 jobs done, 1 failed, left: ' in text
    assert '  left_1    25,000 / 100,000, left: ' in text


def test_without_a_terminal_the_lines_come_now_and_then_only(view, monkeypatch):
    output, now = io.StringIO(), [1000.0]
    monkeypatch.setattr(view.time, 'monotonic', lambda: now[0])
    with view.JobView('T2', 2, Console(file=output, width=80)) as shown:
        for now[0] in (1000.0, 1010.0, 1029.0, 1030.0):
            shown.show(0, 0, [], ['train'])
    assert output.getvalue().count('T2: 0 of 1 jobs done') == 2
