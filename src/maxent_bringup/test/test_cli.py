# SPDX-License-Identifier: Apache-2.0
"""The command line: help at once, one clear line and exit code 2 for what cannot be done."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

import pytest

from maxent_bringup.cli import COMMANDS, main


def test_help_imports_neither_torch_nor_ros_nor_mujoco() -> None:
    program = (
        'import sys\nfrom maxent_bringup.cli import main\n'
        'try:\n    main(["--help"])\nexcept SystemExit:\n    pass\n'
        'loaded = {"torch", "rclpy", "mujoco", "numpy", "rich"} & set(sys.modules)\n'
        'sys.exit(str(loaded) if loaded else 0)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize('command', sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, '--help'])
    assert end.value.code == 0
    assert f'usage: maxent {command}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'known'),
    [
        (['train', '--robot', 'r2d2'], 'sawyer'),
        (['train', '--task', 'dance'], 'reach_random'),
        (['train', '--seed', 'many'], 'whole number'),
        (['train', '--algorithm', 'ppo'], 'soft_q'),
        (['train', '--algorithm-options', 'colour=red', 'x=1'], 'colour'),
        (['train', '--in-process', '--mode', 'hardware'], 'simulation'),
        (['train', '--resume', '--name', 'never_was'], 'never_was'),
        (['up', 'run', '--mode', 'dream'], 'hardware'),
        (['eval', 'juggling'], 'none'),
        (['run', 'juggling'], 'none'),
        (['activate', 'reach', '--namespace', 'nobody_here'], 'no policy node at /nobody_here'),
        (['compose', 'a', 'b', '--name', 'c', '--namespace', 'nobody_here'], 'no policy node'),
        (['compose', 'a', 'b', '--name', 'x' * 65], ''),
    ],
)
def test_what_cannot_be_done_gives_one_line_and_exit_code_2(
    arguments: list[str],
    known: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert error.startswith(f'maxent {arguments[0]}: ')
    assert known in error


def test_an_unknown_command_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(['dance'])
    assert end.value.code == 2
    assert 'train' in capsys.readouterr().err
