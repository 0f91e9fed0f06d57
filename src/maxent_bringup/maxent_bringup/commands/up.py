# SPDX-License-Identifier: Apache-2.0
"""`maxent up train|run`: what `ros2 launch maxent_bringup train.launch.py` does, without it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys

from maxent_bringup.commands.arguments import add_settings, given_settings
from maxent_bringup.commands.systems import system_config
from maxent_bringup.supervise import supervise
from maxent_bringup.system import describe


def main(arguments: Sequence[str]) -> int:
    """Run all nodes of a system until Ctrl-C (0) or until one of them dies (1)."""
    parser = argparse.ArgumentParser(prog='maxent up', description=__doc__)
    purposes = parser.add_subparsers(dest='purpose', required=True, metavar='train|run')
    for purpose in ('train', 'run'):
        add_settings(purposes.add_parser(purpose), purpose)
    chosen = parser.parse_args(arguments)
    config = system_config(chosen.purpose, given_settings(chosen, chosen.purpose))
    return supervise(describe(config), config.run_folder, sys.stdout)
