# SPDX-License-Identifier: Apache-2.0
"""A run folder keeps the identity of its run, and never loses an earlier run."""

import json

from maxent_learner.run_folder import RunFolder, new_run_id


def test_the_identity_of_a_run_is_kept(tmp_path):
    folder = RunFolder(tmp_path / 'run')
    assert folder.run_id is None
    folder.describe('abc', {'seed': 3})
    assert RunFolder(tmp_path / 'run').run_id == 'abc'
    assert json.loads((tmp_path / 'run' / 'config.json').read_text()) == {
        'run_id': 'abc',
        'seed': 3,
    }


def test_two_runs_never_have_the_same_identity():
    assert len({new_run_id() for _ in range(100)}) == 100


def test_an_earlier_run_is_set_aside_and_logs_of_processes_stay(tmp_path):
    folder = RunFolder(tmp_path)
    folder.describe('abc', {})
    folder.checkpoints.mkdir()
    (tmp_path / 'replay').mkdir()
    (tmp_path / 'guard.log').touch()
    aside = folder.set_aside()
    assert aside == tmp_path / 'earlier-abc'
    assert {path.name for path in aside.iterdir()} == {'config.json', 'checkpoint', 'replay'}
    assert {path.name for path in tmp_path.iterdir()} == {'earlier-abc', 'guard.log'}


def test_there_is_nothing_to_set_aside_in_a_new_folder(tmp_path):
    assert RunFolder(tmp_path).set_aside() is None
    assert RunFolder(tmp_path / 'none').set_aside() is None


def test_the_last_version_is_kept_and_zero_before_there_is_one(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.last_version() == 0
    folder.note_version(41)
    assert RunFolder(tmp_path).last_version() == 41
    (tmp_path / 'last_version').write_text('4x')
    assert folder.last_version() == 0
