# SPDX-License-Identifier: Apache-2.0
"""`maxent train --offline`: from a recorded bag to a skill, stopped, resumed, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import signal
import threading

import pytest

from maxent_bringup.cli import CommandError, main
from maxent_bringup.commands import train
from maxent_bringup.offline_training import about_bag
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.skill import load_skill

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
SMALL = ('--algorithm-options', 'hidden=[16,16]', 'batch_size=16')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One test episode at the end instead of 20."""
    monkeypatch.setattr(train, 'TEST_EPISODES', 1)


def offline(*arguments: str) -> int:
    return main(['train', '--offline', str(RECORDED), *arguments])


@contextmanager
def interrupted_when_it_learns(run: Path) -> Iterator[None]:
    """Press Ctrl-C as soon as the run is under way; not if it has ended before."""
    ended = threading.Event()

    def press() -> None:
        while not ended.wait(0.02):
            if (run / 'progress.jsonl').exists():
                os.kill(os.getpid(), signal.SIGINT)
                return

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_bag_becomes_a_skill_of_the_task_that_it_tells_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offline('--updates', '50', *SMALL) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith('After 0.1 minutes of robot time ')
    assert f'skill: {folder / "skills" / "sawyer_reach_plane"}' in told.out
    assert told.err.splitlines() == [
        f'{RECORDED}: steps as recorded: steps 86, episodes 2',
        'learning with imitation_weight=30.0: docs/bags.md says what for',
    ]
    about = load_skill(folder / 'skills' / 'sawyer_reach_plane').metadata
    assert (about.task, about.algorithm, about.hidden) == ('reach_plane', 'sac', (16, 16))
    assert about.provenance['bags'] == {str(RECORDED): 84}
    assert about.provenance['task_options']['value'] == 0.15
    assert about.provenance['updates'] == 50
    assert about.metrics['episodes'] == 20


def test_ctrl_c_stops_it_and_the_command_that_is_told_goes_on_exactly(
    folder: Path, short: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with interrupted_when_it_learns(folder / 'runs' / 'mine'):
        assert offline('--name', 'mine', '--updates', '10000000', *SMALL) == 0
    (told,) = capsys.readouterr().out.splitlines()[-1:]
    command = f'maxent train --name mine --resume --offline {RECORDED} --updates 10000000'
    assert told == f'Stopped. Go on with: {command}'
    assert not (folder / 'skills').exists()
    checkpoint = load_newest_checkpoint(folder / 'runs' / 'mine' / 'checkpoint')
    assert checkpoint is not None
    done = checkpoint.scalars['updates']
    updates = str(done + 7)
    assert main([*command.split()[1:-1], updates]) == 0
    assert offline('--name', 'straight', '--skill', 'straight', '--updates', updates, *SMALL) == 0
    skills = [
        load_skill(folder / 'skills' / name).metadata
        for name in ('sawyer_reach_plane', 'straight')
    ]
    assert [about.provenance['updates'] for about in skills] == [done + 7] * 2
    assert skills[0].sha256 == skills[1].sha256


def test_the_name_of_a_bag_may_have_a_blank_in_it(folder: Path, short: None) -> None:
    shutil.copytree(RECORDED, folder / 'first day')
    arguments = ['--offline', 'first day', '--updates', '5', *SMALL]
    assert main(['train', *arguments]) == 0
    assert main(['train', '--resume', '--name', 'sawyer_reach_plane', *arguments]) == 0


def test_what_is_said_goes_before_what_the_bag_says(
    folder: Path, short: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offline('--updates', '5', '--task', 'reach', '--algorithm', 'soft_q', *SMALL) == 0
    assert 'observations and rewards rebuilt for task reach' in capsys.readouterr().err
    about = load_skill(folder / 'skills' / 'sawyer_reach').metadata
    assert (about.task, about.algorithm) == ('reach', 'soft_q')
    assert about.provenance['task_options'] == {}


@pytest.mark.parametrize(
    ('arguments', 'code', 'why'),
    [
        (['nowhere'], 2, 'there is no bag nowhere: give a rosbag2 folder or an .mcap file'),
        ([str(RECORDED), 'nowhere'], 1, 'there is no bag '),
        ([str(RECORDED), '--updates', '0'], 1, 'updates must be at least 1, is 0'),
        ([str(RECORDED), '--robot', 'dclaw', '--task', 'turn'], 1, 'this run is for dclaw'),
        ([str(RECORDED), '--task', 'dance'], 2, 'reach_random'),
        ([str(RECORDED), '--algorithm-options', 'colour=red'], 2, 'colour'),
        ([str(RECORDED), '--resume', '--name', 'never_was'], 2, "no run 'never_was' to resume"),
    ],
)
def test_what_cannot_be_ends_with_one_line_and_a_code(
    arguments: list[str], code: int, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['train', '--offline', *arguments]) == code
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith('maxent train: ')
    assert why in error[-1]
    assert len([line for line in error if not line.startswith(f'{RECORDED}: steps as')]) == 1
    assert not (folder / 'skills').exists()


def test_another_bag_cannot_be_resumed_with(
    folder: Path, short: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offline('--name', 'mine', '--updates', '3', *SMALL) == 0
    again = ['train', '--name', 'mine', '--resume', '--updates', '6', '--offline']
    copy = shutil.copytree(RECORDED, folder / 'copy')
    assert main([*again, str(RECORDED), str(copy)]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert 'recorded_transitions 84, this run 168: resume with the same settings' in told


def test_a_bag_says_robot_task_and_options_and_a_foreign_one_nothing(folder: Path) -> None:
    assert about_bag(str(RECORDED)) == {
        'robot': 'sawyer',
        'task': 'reach_plane',
        'task_options': 'axis="z" value=0.15 start_noise=0.2 episode_steps=42',
    }
    (folder / 'foreign').mkdir()
    for path in RECORDED.glob('*.mcap'):
        (folder / 'foreign' / path.name).symlink_to(path)
    (folder / 'foreign' / 'about.json').write_text(json.dumps({'who': 'somebody'}))
    assert about_bag(str(folder / 'foreign')) == {}
    with pytest.raises(CommandError, match='there is no bag'):
        about_bag('nowhere')


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['--updates', '5'], '--updates is for --offline'),
        (['--offline', str(RECORDED), '--bags', str(RECORDED)], '--offline names the bags itself'),
        (['--offline', str(RECORDED), '--in-process'], '--offline names the bags itself'),
    ],
)
def test_settings_that_do_not_go_with_each_other_are_refused(arguments, told, capsys) -> None:
    assert main(['train', *arguments]) == 2
    assert told in capsys.readouterr().err


def test_the_same_bag_twice_is_refused(folder: Path, capsys) -> None:
    assert main(['train', '--offline', str(RECORDED), str(RECORDED)]) == 1
    assert 'a bag is named twice' in capsys.readouterr().err


def test_the_curve_shows_the_updates(folder: Path, short: None) -> None:
    assert offline('--name', 'mine', '--updates', '200', *SMALL) == 0
    curve = next(folder.rglob('runs/mine/curve.png'))
    assert curve.stat().st_size > 10_000
