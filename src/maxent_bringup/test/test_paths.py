# SPDX-License-Identifier: Apache-2.0
"""Installed files, and what the settings for real robots say."""

from __future__ import annotations

import pytest
import yaml

from maxent_bringup.paths import hardware_parameters, share
from maxent_robot.robots import ROBOTS
from maxent_robot.safety.config import GuardConfig


def test_launch_files_are_installed() -> None:
    found = {path.name for path in (share() / 'launch').iterdir()}
    assert {'train.launch.py', 'run.launch.py'} <= found


@pytest.mark.parametrize('robot', sorted(ROBOTS))
def test_every_robot_has_hardware_settings_that_are_no_bolder_than_the_defaults(
    robot: str,
) -> None:
    content = yaml.safe_load(hardware_parameters(robot).read_text())
    settings = content['/**/guard']['ros__parameters']['safety']
    config, defaults = GuardConfig(**settings), ROBOTS[robot].guard
    for name in settings:
        if name != 'low_pass_hz':  # 0 is off
            assert getattr(config, name) <= getattr(defaults, name)


def test_a_robot_without_hardware_settings_is_refused_naming_those_with() -> None:
    with pytest.raises(FileNotFoundError, match='sawyer'):
        hardware_parameters('r2d2')
