# SPDX-License-Identifier: Apache-2.0
"""`maxent bench`: finds the script of a row, runs it with its arguments, lists what there is."""

from __future__ import annotations

import json
import os
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from maxent_bringup.cli import main
from maxent_bringup.commands import bench

RUNS = "if __name__ == '__main__':\n    "
TELL = """import json, os, pathlib, sys
pathlib.Path('told').write_text(json.dumps([sys.executable, os.getcwd(), *sys.argv[1:]]))
sys.exit(3)
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the root of a small source tree that is not the one of this package."""
    folder = tmp_path / 'benchmarks'
    (folder / 'results').mkdir(parents=True)
    (folder / 'results' / 'T2.json').write_text('{}')
    (folder / bench.MARK).write_text('')
    (folder / 't2_pushing.py').write_text('"""Row T2: pushes.\n\nMore."""\n' + RUNS + 'pass\n')
    (folder / 't12_theory.py').write_text('"""Row T12: proves."""\n' + RUNS + 'pass\n')
    (folder / 'fuzz_filter.py').write_text(f'{TELL}\n{RUNS}pass\n')
    (folder / 'fuzzy_logic.py').write_text(f'{RUNS}pass\n')
    (folder / 't2_parts.py').write_text('"""No script."""\n')
    (folder / 'instrumented_guard.py').write_text(f'#!/usr/bin/env python3\n{RUNS}pass\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, '__file__', str(tmp_path / 'installed/a/b/c/d/bench.py'))
    return tmp_path


def test_a_row_runs_in_the_root_of_the_sources_with_its_arguments_and_exit_code(
    sources: Path,
) -> None:
    assert main(['bench', 'FUZZ', '--calls', '7', '--help']) == 3
    told = json.loads((sources / 'told').read_text())
    assert told == [sys.executable, str(sources), '--calls', '7', '--help']


@pytest.mark.parametrize(
    ('row', 'script'),
    [('T2', 't2_pushing'), ('t12', 't12_theory'), ('fuzz_filter', 'fuzz_filter')],
)
def test_a_row_is_found_by_the_beginning_of_its_name(sources: Path, row: str, script: str) -> None:
    assert bench.find_script(sources / 'benchmarks', row).stem == script


@pytest.mark.parametrize('arguments', [[], ['--list'], ['--list', 'T2']])
def test_the_list_tells_what_each_does_and_whether_there_is_a_result(
    sources: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(['bench', *arguments]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('│')]
    cells = [[cell.strip() for cell in line.split('│')[1:-1]] for line in lines]
    assert cells == [
        ['T2', 'pushes.', 'T2.json'],
        ['T12', 'proves.', 'none yet'],
        ['fuzz_filter', '', 'none yet'],
        ['fuzzy_logic', '', 'none yet'],
    ]


@pytest.mark.parametrize('row', ['T1', 'T', 'instrumented'])
def test_an_unknown_row_is_refused_with_the_known_ones(
    sources: Path, capsys: pytest.CaptureFixture[str], row: str
) -> None:
    assert main(['bench', row]) == 2
    error = capsys.readouterr().err
    assert f"no benchmark is called '{row}'" in error
    assert error.endswith('there are: t2_pushing, t12_theory, fuzz_filter, fuzzy_logic\n')


def test_a_name_of_several_is_refused_with_those(
    sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sources / 'benchmarks' / 'fuzz_torques.py').write_text(f'{RUNS}pass\n')
    assert main(['bench', 'fuzz']) == 2
    assert 'there are: fuzz_filter, fuzz_torques\n' in capsys.readouterr().err


def test_without_the_sources_it_says_what_to_do(
    sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(sources / 'benchmarks')
    assert main(['bench']) == 2
    assert 'run this in the root folder of a git clone' in capsys.readouterr().err


def test_ctrl_c_waits_for_the_benchmark_to_end_in_order(sources: Path) -> None:
    (sources / 'benchmarks' / 't3_slow.py').write_text(
        'import signal, sys\n'
        'signal.signal(signal.SIGINT, lambda *_: sys.exit(130))\n'
        f"print('begun', flush=True)\n{RUNS}signal.pause()\n"
    )
    program = f'from maxent_bringup.commands import bench\nbench.__file__ = {bench.__file__!r}\n'
    command = [sys.executable, '-c', f'{program}raise SystemExit(bench.main(["T3"]))']
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == 'begun\n'
        os.killpg(child.pid, signal.SIGINT)
        assert child.communicate(timeout=30.0) == ('', None)
    assert child.returncode == 130


def test_the_benchmarks_of_these_sources_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench.find_script(bench.benchmarks_folder(), 'T4').name == 't4_sawyer_reach.py'
