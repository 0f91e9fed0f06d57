# SPDX-License-Identifier: Apache-2.0
"""`maxent run`: runs a skill, by default in real time, with a live status line.

Ctrl-C ends it; `maxent stop` in another terminal is the emergency stop.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys

from maxent_bringup.commands.arguments import add_settings, given_settings
from maxent_bringup.commands.systems import add_skill_arguments, chosen_skill

OF_THE_SKILL = ('robot', 'task', 'task_options', 'skill', 'skills')


def main(arguments: Sequence[str]) -> int:
    """Run until Ctrl-C or the last episode (0), or until something fails (1)."""
    parser = argparse.ArgumentParser(prog='maxent run', description=__doc__)
    add_skill_arguments(parser)
    add_settings(parser, 'run', without=OF_THE_SKILL)
    chosen = parser.parse_args(arguments)
    config = chosen_skill(chosen).system_config(**given_settings(chosen, 'run', OF_THE_SKILL))

    from maxent_bringup.monitor import SystemRunsError
    from maxent_bringup.running import run_skill
    from maxent_bringup.supervise import SupervisionError

    try:
        run_skill(config)
    except (SupervisionError, SystemRunsError) as error:
        print(f'maxent run: {error}', file=sys.stderr)
        return 1
    return 0
