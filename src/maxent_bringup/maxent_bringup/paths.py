# SPDX-License-Identifier: Apache-2.0
"""Where this package's installed files lie."""

from __future__ import annotations

from pathlib import Path

SUFFIX = '_hardware.yaml'


def share() -> Path:
    """Return the folder into which launch/ and config/ are installed."""
    from ament_index_python.packages import get_package_share_directory

    return Path(get_package_share_directory('maxent_bringup'))


def hardware_parameters(robot: str) -> Path:
    """Return the parameter file for a real robot.

    Raises FileNotFoundError, naming the robots that have one, if there is none for `robot`.
    """
    folder = share() / 'config'
    path = folder / f'{robot}{SUFFIX}'
    if not path.is_file():
        known = sorted(file.name.removesuffix(SUFFIX) for file in folder.glob(f'*{SUFFIX}'))
        raise FileNotFoundError(
            f"robot '{robot}' has no settings for hardware ({path} is missing); "
            f'these have: {", ".join(known) or "none"}'
        )
    return path
