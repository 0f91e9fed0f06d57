# SPDX-License-Identifier: Apache-2.0
"""The documentation says what is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import re

import pytest

from maxent_bringup.cli import COMMANDS
from maxent_bringup.settings_text import choices, default_text, doc
from maxent_ros import topics

ROOT = Path(__file__).parent.parent
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / 'docs' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_parameters_is_that_of_the_code() -> None:
    module = script('write_parameters')
    written = module.TARGET.read_text(encoding='utf-8')
    assert written == module.content(), 'run python docs/write_parameters.py'


def test_every_topic_and_service_is_in_the_readme() -> None:
    names = [value for name, value in vars(topics).items() if name.isupper()]
    assert [name for name in names if f'`{name}`' not in README] == []


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in COMMANDS if f'`maxent {name}' not in README] == []


@pytest.mark.parametrize('link', sorted(set(re.findall(r'\]\(([^)#:]+)\)', README))))
def test_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize(
    'name',
    [
        'robot',
        'task',
        'mode',
        'seed',
        'record',
        'namespace',
        'pacing',
        'task_options',
        'algorithm',
        'algorithm_options',
    ],
)
def test_launch_arguments_in_the_readme_are_those_of_the_launch_files(name: str) -> None:
    row = re.search(rf'^\| {name} \| (.*?) ?\| (.*?) ?\| (.*?) \|$', README, re.MULTILINE)
    assert row is not None
    default, allowed, _ = row.groups()
    assert default == default_text(name)
    assert doc(name)
    if choices(name):
        assert set(allowed.split(', ')) == set(choices(name))
