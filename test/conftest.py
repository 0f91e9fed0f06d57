# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a ROS domain each, the `maxent` command, and one trained skill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import subprocess

import pytest

from maxent_ros.testing import isolated_domain

STEPS = 300  # three episodes


@dataclass(frozen=True)
class Maxent:
    """The command line, run in a folder and a ROS domain."""

    folder: Path
    environment: Mapping[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command; standard output and error go into one pipe."""
        program = shutil.which('maxent')
        assert program is not None, 'no `maxent` here: `. ./setup.bash` first'
        return subprocess.Popen(
            [program, *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed; it must have ended with 0."""
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=100.0)
        finally:
            process.kill()
        assert process.returncode == 0, output
        return output


@dataclass(frozen=True)
class Trained:
    """What `maxent train` left behind."""

    folder: Path
    output: str

    @property
    def skills(self) -> Path:
        """The folder of skills."""
        return self.folder / 'skills'


def domain_variables(domain: int) -> dict[str, str]:
    return {
        'ROS_DOMAIN_ID': str(domain),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'OMP_NUM_THREADS': '1',
    }


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give this test, and the processes that it starts, a ROS domain of their own."""
    with isolated_domain() as number:
        for name, value in domain_variables(number).items():
            monkeypatch.setenv(name, value)
        yield number


@pytest.fixture
def maxent(domain: int, tmp_path: Path) -> Maxent:
    """Give the command line, in an empty folder."""
    return Maxent(tmp_path, dict(os.environ))


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train a skill for a few episodes through the whole lock-step graph."""
    folder = tmp_path_factory.mktemp('trained')
    with isolated_domain() as number:
        maxent = Maxent(folder, {**os.environ, **domain_variables(number)})
        output = maxent.run('train', '--skill', 'mine', '--steps', str(STEPS), '--record')
    return Trained(folder, output)
