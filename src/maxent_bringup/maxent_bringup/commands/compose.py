# SPDX-License-Identifier: Apache-2.0
"""`maxent compose`: combines skills into a new one, without training, on the running system.

The same --name again with other --weights slides from one skill to the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from maxent_bringup.commands.activate import add_swap_arguments


def main(arguments: Sequence[str]) -> int:
    """Compose; 0 if it was done, 1 if the policy node refused it."""
    parser = argparse.ArgumentParser(prog='maxent compose', description=__doc__)
    parser.add_argument('skills', nargs='+', metavar='SKILL', help='names of `maxent skills`')
    parser.add_argument('--name', required=True, help='of the composition')
    parser.add_argument(
        '--weights',
        nargs='+',
        type=float,
        default=[],
        metavar='W',
        help='one for each skill, positive; default: all equal',
    )
    parser.add_argument(
        '--or',
        dest='mode',
        action='store_const',
        const='or',
        default='and',
        help='whichever skill promises most, instead of all at once',
    )
    parser.add_argument(
        '--no-activate', dest='activate', action='store_false', help='do not let it act yet'
    )
    add_swap_arguments(parser)
    chosen = parser.parse_args(arguments)

    from maxent_msgs.srv import ComposeSkills

    from maxent_bringup.policy_client import ask_policy
    from maxent_ros import topics

    answer = ask_policy(
        chosen.namespace,
        ComposeSkills,
        topics.COMPOSE_SKILLS,
        names=chosen.skills,
        weights=chosen.weights,
        mode=chosen.mode,
        new_name=chosen.name,
        activate=chosen.activate,
        blend=chosen.blend,
    )
    print(answer.message)
    if not answer.success:
        return 1
    print(
        f'disagreement {answer.divergence:.2g} nats on average, overlap {answer.overlap:.0%} '
        f'(median of {answer.states} recent states)'
    )
    if chosen.activate:
        print(f'{chosen.name} acts as version {answer.version}, {answer.sha256:.12}')
    return 0
