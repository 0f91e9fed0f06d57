# SPDX-License-Identifier: Apache-2.0
"""`maxent compose --extract --bags`: fitted on what bags recorded, by a server of its own."""

from __future__ import annotations

from pathlib import Path
import shutil

import numpy as np
import pytest

from maxent_bringup.cli import main
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_steps import read_steps
from maxent_rl.skill import load_skill

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / 'test' / 'data' / 'sawyer_lockstep'
NAMES = ('sac_x70', 'sac_z15')


@pytest.mark.ros
def test_an_extraction_on_bags_keeps_their_states(ros, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros.domain))
    monkeypatch.chdir(RECORDED.parent)  # the server works elsewhere
    for name in NAMES:
        shutil.copytree(ROOT / 'skills' / name, tmp_path / name)
    arguments = ['compose', *NAMES, '--name', 'both', '--extract', '--no-activate']
    arguments += ['--steps', '3', '--skills', str(tmp_path), '--bags']
    assert main([*arguments, RECORDED.name]) == 0, capsys.readouterr().out
    made = load_skill(tmp_path / 'both')
    assert made.metadata.provenance['bags'] == [str(RECORDED)]
    seen = {s.observation.astype(np.float16).tobytes() for s in read_steps(BagReader(RECORDED))}
    assert {row.tobytes() for row in made.states.numpy().astype(np.float16)} == seen
    capsys.readouterr()
    arguments[arguments.index('both')] = 'never'
    assert main([*arguments, 'nowhere']) == 1
    assert f'there is no bag {RECORDED.parent / "nowhere"}' in capsys.readouterr().out
    assert not (tmp_path / 'never').exists()
