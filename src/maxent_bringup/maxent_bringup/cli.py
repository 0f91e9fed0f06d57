# SPDX-License-Identifier: Apache-2.0
"""The `maxent` command line: picks the command's module and gives errors their exit codes.

Only the chosen command is imported, so that `maxent --help` answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import importlib
import sys

COMMANDS = {
    'train': ('maxent_bringup.commands.train', 'learn a skill and say how good it is'),
    'eval': ('maxent_bringup.commands.evaluate', 'measure a skill over many episodes'),
    'run': ('maxent_bringup.commands.run', 'run a skill in real time'),
    'render': ('maxent_bringup.commands.render', 'film a skill'),
    'up': ('maxent_bringup.commands.up', 'bring up all nodes without `ros2 launch`'),
    'skills': ('maxent_bringup.commands.skills', 'list the skills'),
    'activate': ('maxent_bringup.commands.activate', 'let another skill act on a running system'),
    'compose': ('maxent_bringup.commands.compose', 'combine skills on a running system'),
    'bag': ('maxent_bringup.commands.bag', 'say what is in a bag, draw it, film it, replay it'),
    'bench': ('maxent_bringup.commands.bench', 'run a benchmark of the source tree, or list them'),
    'record': ('maxent_bringup.commands.record', 'record a system that runs to a rosbag'),
    'stop': ('maxent_bringup.commands.stop', 'emergency stop, or clear it'),
    'doctor': ('maxent_bringup.doctor', 'say what is installed, what is missing, how to get it'),
}


class CommandError(Exception):
    """What was asked for cannot be done; the text is one line for the person who asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 if it worked, 1 if it failed, 2 if it was asked wrongly."""
    width = max(map(len, COMMANDS))
    table = '\n'.join(f'  {name:<{width}}  {text}' for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog='maxent',
        description='Maximum-entropy reinforcement learning of robot skills on ROS 2.',
        epilog=f'commands:\n{table}\n\n`maxent COMMAND --help` tells more.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND', help='see below')
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    module = importlib.import_module(COMMANDS[chosen.command][0])
    try:
        return int(module.main(chosen.arguments))
    except CommandError as error:
        print(f'maxent {chosen.command}: {error}', file=sys.stderr)
        return 2
