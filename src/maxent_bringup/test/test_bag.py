# SPDX-License-Identifier: Apache-2.0
"""`maxent bag` on a bag that was recorded."""

from __future__ import annotations

import json
from pathlib import Path
import shutil

from PIL import Image
import pytest

from maxent_bringup.cli import main
from sim_bridge.rendering import RenderingUnavailableError
from sim_bridge.simulation import SawyerSimulation

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / 'test' / 'data' / 'sawyer_lockstep'
SKILLS = str(ROOT / 'skills')


@pytest.fixture
def bag(tmp_path, monkeypatch) -> Path:
    """Give a copy of the bag, and lines that are long enough for its path."""
    monkeypatch.setenv('COLUMNS', '200')
    return Path(shutil.copytree(RECORDED, tmp_path / 'bag'))


def about(bag: Path, **changes: str | None) -> None:
    """Change what about.json says."""
    path = bag / 'about.json'
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


def test_what_is_in_a_bag_is_told_in_lines_that_can_be_read(bag, capsys) -> None:
    assert main(['bag', str(bag)]) == 0
    told = capsys.readouterr().out
    for text in (
        'robot: sawyer',
        '2 to the end (0 terminated, 2 truncated), 0 cut off',
        'length 42.0 steps on average, 42 to 42',
        'success in 2 of 2 (100%)',
        'soft_q_z15 version 0, 84 steps from 0.0 to 6.2 s',
        'BOX in 5',
        'NORMAL 74, DAMP 10',
        'none known of',
        '0.07 robot minutes',
    ):
        assert text in told
    lines = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line.strip()}
    assert lines['/policy/action'][0] == '84'
    assert lines['/robot/limb/right/joint_command'][0] == '840'
    assert sorted(path.name for path in bag.iterdir()) == sorted(
        path.name for path in RECORDED.iterdir()
    ), 'nothing is written into the bag unasked'


def test_without_a_terminal_lines_have_80_columns_and_no_colours(bag, monkeypatch, capsys) -> None:
    monkeypatch.delenv('COLUMNS')
    assert main(['bag', str(bag)]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert '\x1b' not in told


def test_a_replay_says_that_all_is_the_same(bag, capsys) -> None:
    assert main(['bag', str(bag), '--replay', '--skills', SKILLS]) == 0
    told = capsys.readouterr().out
    assert 'of 924 commands of the guard the same to the bit' in told
    assert 'of 84 actions of the policy the same to the bit' in told


def test_a_replay_with_another_skill_fails(bag, tmp_path, capsys) -> None:
    shutil.copytree(ROOT / 'skills' / 'soft_q_x50', tmp_path / 'skills' / 'soft_q_z15')
    assert main(['bag', str(bag), '--replay', '--skills', str(tmp_path / 'skills')]) == 1
    assert (
        '0 of 84 actions of the policy the same to the bit; the first' in capsys.readouterr().out
    )


def test_plots_are_drawn_into_the_folder_given(bag, tmp_path, capsys) -> None:
    assert main(['bag', str(bag), '--plots', str(tmp_path / 'plots')]) == 0
    names = {path.name for path in (tmp_path / 'plots').iterdir()}
    assert names == {'episodes.png', 'joints.png', 'interventions.png'}
    assert str(tmp_path / 'plots' / 'joints.png') in capsys.readouterr().out


def test_a_film_shows_the_recorded_motion_at_its_pace(bag, tmp_path, capsys) -> None:
    simulation = SawyerSimulation()
    try:
        simulation.render(32, 32)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    finally:
        simulation.close()
    film = tmp_path / 'films' / 'run.gif'
    assert main(['bag', str(bag), '--video', str(film)]) == 0
    with Image.open(film) as seen:
        assert seen.info['duration'] == 50
        assert 84 <= seen.n_frames <= 90
    assert f'{film}: 4.' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('changes', 'arguments', 'why'),
    [
        ({'robot': None}, ['--replay'], 'does not say which robot'),
        ({}, ['--replay', '--robot', 'dclaw'], 'no commands of a dclaw'),
        ({'pacing': 'realtime'}, ['--replay'], 'recorded in real time'),
        ({'seed': 'x'}, ['--replay'], 'the seed in about.json must be a number'),
        ({}, ['--replay', '--skills', 'nowhere'], 'no skill at'),
        ({}, ['--video', 'film.avi'], 'must end with .gif or .mp4'),
        ({}, ['--plots', '/dev/null/plots'], 'Not a directory'),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    bag, changes, arguments, why, tmp_path, monkeypatch, capsys
) -> None:
    about(bag, **changes)
    monkeypatch.chdir(tmp_path)
    assert main(['bag', str(bag), '--skills', SKILLS, *arguments]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count('\n') == 1


def test_no_bag_is_refused_in_one_line(tmp_path, capsys) -> None:
    assert main(['bag', str(tmp_path / 'nothing')]) == 2
    told = capsys.readouterr().err
    assert 'no bag' in told
    assert told.count('\n') == 1


def test_a_bag_that_does_not_say_what_it_is_can_be_looked_at(bag, capsys) -> None:
    about(bag, robot=None, task=None)
    assert main(['bag', str(bag)]) == 0
    told = capsys.readouterr().out
    assert '2 to the end' in told
    assert 'success' not in told
