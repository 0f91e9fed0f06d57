# SPDX-License-Identifier: Apache-2.0
"""Settings as texts: what launch arguments and the command line give."""

from __future__ import annotations

from pathlib import Path

import pytest

from maxent_bringup.settings_text import SETTINGS, choices, config_from_text, default_text, doc
from maxent_bringup.system import SystemConfig, SystemConfigError


@pytest.mark.parametrize('purpose', ['train', 'run'])
def test_the_default_texts_give_the_default_configuration(purpose: str) -> None:
    texts = {name: default_text(name) for name in SETTINGS[purpose]}
    assert config_from_text(purpose, texts) == SystemConfig(
        purpose=purpose, runs=Path('runs').resolve(), skills=Path('skills').resolve()
    )


def test_texts_become_values_of_the_right_type() -> None:
    texts = {
        'seed': '7',
        'record': 'true',
        'real_time_factor': '2',
        'task': 'reach_plane',
        'task_options': 'axis=z value=0.3',
    }
    config = config_from_text('run', texts)
    assert (config.seed, config.record, config.real_time_factor) == (7, True, 2.0)
    assert config.task_options == ('axis=z', 'value=0.3')


def test_options_of_the_algorithm_are_parted_by_blanks() -> None:
    texts = {'algorithm': 'ddpg', 'algorithm_options': 'hidden=[64,32] discount=0.9'}
    config = config_from_text('train', texts)
    assert config.algorithm_options == ('hidden=[64,32]', 'discount=0.9')


def test_what_has_a_blank_in_it_stands_in_quotes() -> None:
    texts = {'bags': "'/data/first day' /data/second", 'world': 'mass=[0.9,1.1]'}
    config = config_from_text('train', texts)
    assert config.bags == ('/data/first day', '/data/second')
    assert config.world == ('mass=[0.9,1.1]',)
    with pytest.raises(SystemConfigError, match='bags cannot be read: No closing quotation'):
        config_from_text('train', {'bags': "'/data/first day"})


def test_folders_become_absolute_because_nodes_may_run_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_from_text('train', {'runs': 'here'}).runs == tmp_path / 'here'


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('seed', 'many', 'whole number'),
        ('seed', '1.5', 'whole number'),
        ('real_time_factor', 'fast', 'a number'),
        ('record', 'maybe', 'true or false'),
        ('robot', 'r2d2', 'sawyer'),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_what_may_be(
    name: str, text: str, said: str
) -> None:
    with pytest.raises(SystemConfigError, match=said):
        config_from_text('train', {name: text})


@pytest.mark.parametrize('name', sorted({*SETTINGS['train'], *SETTINGS['run']}))
def test_every_setting_has_a_description_and_a_default_among_its_choices(name: str) -> None:
    assert doc(name)
    assert not choices(name) or default_text(name) in choices(name)
