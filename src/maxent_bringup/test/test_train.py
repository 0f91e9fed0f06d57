# SPDX-License-Identifier: Apache-2.0
"""`maxent train --resume` goes on with the settings that the run was started with."""

from __future__ import annotations

from dataclasses import asdict
import json
from pathlib import Path

import pytest

from maxent_bringup.commands.train import _config
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig


@pytest.fixture
def resume(tmp_path: Path) -> dict[str, str]:
    """Return the texts that resume a run that is no default in anything."""
    run = RunConfig(task='reach_plane', task_options=('axis=z', 'value=0.3'), skill='mine')
    trainer = TrainerConfig(
        algorithm='soft_q',
        algorithm_options=('hidden=[64,32]', 'particles=8'),
        max_steps=700,
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


def test_what_is_said_anew_holds(resume: dict[str, str]) -> None:
    assert _config({**resume, 'max_steps': '900'}).max_steps == 900
