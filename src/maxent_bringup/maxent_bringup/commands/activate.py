# SPDX-License-Identifier: Apache-2.0
"""`maxent activate`: lets another skill or composition act on the running system."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

DEFAULT_BLEND_S = 0.25  # as in ActivateSkill


def main(arguments: Sequence[str]) -> int:
    """Swap; 0 if the skill acts, 1 if the policy node refused it."""
    parser = argparse.ArgumentParser(prog='maxent activate', description=__doc__)
    parser.add_argument('skill', metavar='SKILL', help='a name of `maxent skills`')
    add_swap_arguments(parser)
    chosen = parser.parse_args(arguments)

    from maxent_msgs.srv import ActivateSkill

    from maxent_bringup.policy_client import ask_policy
    from maxent_ros import topics

    answer = ask_policy(
        chosen.namespace,
        ActivateSkill,
        topics.ACTIVATE_SKILL,
        name=chosen.skill,
        blend=chosen.blend,
    )
    version = f', version {answer.version}, {answer.sha256:.12}' if answer.success else ''
    print(f'{answer.message}{version}')
    return 0 if answer.success else 1


def add_swap_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all commands that swap take."""
    parser.add_argument(
        '--blend',
        type=float,
        default=DEFAULT_BLEND_S,
        metavar='S',
        help=f'seconds over which actions are mixed; default: {DEFAULT_BLEND_S}',
    )
    parser.add_argument('--namespace', default='', help='of the system; default: none')
