# SPDX-License-Identifier: Apache-2.0
"""`maxent record`: records a system that runs to a rosbag2 folder (MCAP), until Ctrl-C."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import shlex
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maxent_learner.bag_recorder import BagRecorder

POLL_S = 0.2


def main(arguments: Sequence[str]) -> int:
    """Record until Ctrl-C (0), or until the disk is full or broken (1), and print what is there.

    What the bag is of (robot, task, ...) is asked of the policy node, if there is one.
    """
    chosen = _parse(arguments)

    from maxent_bringup.record_table import print_recording
    from maxent_bringup.recorded_system import describe_running
    from maxent_learner.bag_recorder import BagRecorder
    from maxent_ros.runtime import run_node

    command = shlex.join(['maxent', 'record', *arguments])
    about = {**describe_running(chosen.namespace), 'command': command}
    made: list[BagRecorder] = []

    def make() -> BagRecorder:
        parameters = _parameters(chosen, [f'{name}={value}' for name, value in about.items()])
        made.append(BagRecorder(namespace=chosen.namespace, parameter_overrides=parameters))
        return made[0]

    code = run_node(make, _until_the_end, args=[])
    if made:
        print_recording(made[0].path, made[0].summary)
        code = code or int(bool(made[0].trouble))
    return code


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='maxent record', description=__doc__)
    parser.add_argument(
        '--folder',
        type=Path,
        default=Path('bag'),
        help='to make; if it exists, a number is added; default: bag',
    )
    parser.add_argument(
        '--topics',
        nargs='+',
        metavar='TOPIC',
        help='relative to the namespace, or absolute with /; default: all of the system',
    )
    parser.add_argument('--namespace', default='', help='of the system; default: none')
    for name, text, default in (
        ('split-megabytes', 'begin a new file when one has so many; default: never', 0.0),
        ('split-seconds', 'begin a new file when one holds so many; default: never', 0.0),
        ('minimum-free-megabytes', 'stop when the disk has less left; default: 1000', 1000.0),
    ):
        parser.add_argument(
            f'--{name}', type=_not_negative, metavar='N', default=default, help=text
        )
    return parser.parse_args(arguments)


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(f'must be 0 or more, got {text}')
    return value


def _parameters(chosen: argparse.Namespace, about: list[str]) -> list[object]:
    from rclpy.parameter import Parameter

    from maxent_learner.recorder_config import SYSTEM_TOPICS

    # A simulation in a namespace has a clock of its own there.
    default = [*SYSTEM_TOPICS, *(['clock'] if chosen.namespace else [])]
    values = {
        'folder': str(chosen.folder),
        'topics': chosen.topics or default,
        'about': about,
        'split_megabytes': chosen.split_megabytes,
        'split_seconds': chosen.split_seconds,
        'minimum_free_megabytes': chosen.minimum_free_megabytes,
    }
    return [Parameter(name, value=value) for name, value in values.items()]


def _until_the_end(node: BagRecorder, stop: threading.Event) -> None:
    print(f'recording to {node.path}; Ctrl-C ends it', file=sys.stderr)
    while not stop.wait(POLL_S) and not node.trouble:
        pass
