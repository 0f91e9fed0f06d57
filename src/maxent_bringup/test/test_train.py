# SPDX-License-Identifier: Apache-2.0
"""`maxent train --resume` goes on with the settings that the run was started with."""

from __future__ import annotations

from dataclasses import asdict
import json
from pathlib import Path

import pytest

from maxent_bringup.cli import main
from maxent_bringup.commands.train import _config
from maxent_bringup.training import configs
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'


@pytest.fixture
def resume(tmp_path: Path) -> dict[str, str]:
    """Return the texts that resume a run that is no default in anything."""
    run = RunConfig(
        task='reach_plane',
        task_options=('axis=z', 'value=0.3'),
        bags=('/bags/one', '/bags/two'),
        skill='mine',
    )
    trainer = TrainerConfig(
        algorithm='soft_q',
        algorithm_options=('hidden=[64,32]', 'particles=8'),
        max_steps=700,
        bag_share=0.25,
        seed=5,
    )
    folder = tmp_path / 'mine'
    folder.mkdir()
    content = json.dumps({'run': asdict(run), 'trainer': asdict(trainer)})
    (folder / 'config.json').write_text(content)
    return {'name': 'mine', 'runs': str(tmp_path), 'resume': 'true'}


def test_a_resumed_run_keeps_task_algorithm_and_their_options(resume: dict[str, str]) -> None:
    config = _config(resume)
    assert (config.task, config.task_options) == ('reach_plane', ('axis=z', 'value=0.3'))
    assert config.algorithm == 'soft_q'
    assert config.algorithm_options == ('hidden=[64,32]', 'particles=8')
    assert (config.skill, config.max_steps, config.seed) == ('mine', 700, 5)


def test_a_resumed_run_keeps_its_bags_and_their_share(resume: dict[str, str]) -> None:
    config = _config(resume)
    assert (config.bags, config.bag_share) == (('/bags/one', '/bags/two'), 0.25)
    told, trained = configs(config)
    assert (told.bags, trained.bag_share, told.resume) == (config.bags, 0.25, True)


def test_what_is_said_anew_holds(resume: dict[str, str]) -> None:
    assert _config({**resume, 'max_steps': '900'}).max_steps == 900
    assert _config({**resume, 'bags': '/bags/three'}).bags == ('/bags/three',)


def test_bags_are_given_one_by_one_and_with_a_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ['--steps', '30', '--algorithm-options', 'hidden=[16,16]']
    bags = ['--bags', str(RECORDED), 'nowhere', '--bag-share', '0.75']
    assert main(['train', '--in-process', *small, *bags]) == 1
    told = capsys.readouterr().err.splitlines()
    assert f'{RECORDED}: observations and rewards rebuilt for task reach: ' in told[0]
    wanted = f'maxent train: there is no bag {tmp_path / "nowhere"}: give a rosbag2 folder'
    assert told[1].startswith(wanted)
    assert len(told) == 2


@pytest.mark.parametrize('share', ['0', '1.5'])
def test_a_share_that_cannot_be_ends_the_training_with_one_line(
    share: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ['train', '--in-process', '--bags', str(RECORDED), '--bag-share', share]
    assert main(arguments) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith('maxent train: the share of recorded experience must be in (0, 1]')
