# SPDX-License-Identifier: Apache-2.0
"""`maxent render` on a shipped skill, with real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
import pytest

from maxent_bringup.cli import main
from sim_bridge.rendering import RenderingUnavailableError
from sim_bridge.simulation import SawyerSimulation

SKILLS = Path(__file__).parents[3] / 'skills'


@pytest.fixture
def opengl() -> None:
    simulation = SawyerSimulation()
    try:
        simulation.render(32, 32)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    finally:
        simulation.close()


def test_a_film_and_a_strip_show_the_arm_move(opengl, tmp_path, capsys) -> None:
    arguments = ['render', 'sac_x70', '--skills', str(SKILLS), '--out', str(tmp_path / 'films')]
    assert main([*arguments, '--steps', '12', '--pictures', '3']) == 0
    assert 'distance' in capsys.readouterr().out
    with Image.open(tmp_path / 'films' / 'sac_x70.gif') as film:
        assert film.n_frames == 13  # the start, too
    with Image.open(tmp_path / 'films' / 'sac_x70.png') as strip:
        first, _, last = np.split(np.asarray(strip.convert('RGB'), np.int16), 3, axis=1)
    assert (np.abs(first - last) > 60).any(axis=2).sum() > 200


@pytest.mark.parametrize(
    ('more', 'why'), [(['--world', 'terrain=slope'], 'world'), (['--task', 'walk'], 'cannot walk')]
)
def test_what_cannot_be_filmed_is_refused_in_one_line(more, why, tmp_path, capsys) -> None:
    arguments = ['render', 'sac_x70', '--skills', str(SKILLS), '--out', str(tmp_path / 'films')]
    assert main([*arguments, *more]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count('\n') == 1
    assert not (tmp_path / 'films').exists()
