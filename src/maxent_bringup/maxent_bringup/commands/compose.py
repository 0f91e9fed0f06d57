# SPDX-License-Identifier: Apache-2.0
"""`maxent compose`: combines skills into a new one, without new samples.

At once, on the running system: the same --name again with other --weights slides from one skill to
the other. Or with --extract: a policy is fitted to the composition, which takes some seconds to
minutes, needs no robot, and makes a skill like any other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from maxent_bringup.commands import activate

EXTRACTION_STEPS = 1000  # as in ExtractComposition


def main(arguments: Sequence[str]) -> int:
    """Compose; 0 if it was done, 1 if it was refused."""
    chosen = _parser().parse_args(arguments)
    return _extract(chosen) if chosen.extract else _compose(chosen)


def _compose(chosen: argparse.Namespace) -> int:
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


def _extract(chosen: argparse.Namespace) -> int:
    from maxent_bringup.extraction_client import extract

    result = extract(
        chosen.namespace,
        chosen.folder,
        names=chosen.skills,
        weights=chosen.weights,
        mode=chosen.mode,
        new_name=chosen.name,
        steps=chosen.steps,
        seed=chosen.seed,
        bags=[str(bag.expanduser().resolve()) for bag in chosen.bags],
    )
    print(result.message)
    if not result.success:
        return 1
    if not chosen.activate:
        return 0
    options = ['--blend', str(chosen.blend), '--namespace', chosen.namespace]
    return activate.main([chosen.name, *options])


def _parser() -> argparse.ArgumentParser:
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
    activate.add_swap_arguments(parser)
    offline = parser.add_argument_group('extraction')
    offline.add_argument(
        '--extract', action='store_true', help='fit a policy; without a system: --no-activate'
    )
    offline.add_argument(
        '--steps',
        type=int,
        default=EXTRACTION_STEPS,
        help=f'gradient steps; default: {EXTRACTION_STEPS}',
    )
    offline.add_argument(
        '--bags',
        nargs='+',
        type=Path,
        default=[],
        metavar='BAG',
        help='fit on the observations in these, instead of those that the skills keep',
    )
    offline.add_argument('--seed', type=int, default=0, help='of the noise; default: 0')
    offline.add_argument(
        '--skills',
        dest='folder',
        type=Path,
        default=Path('skills'),
        metavar='FOLDER',
        help='of the skills, where no learner runs that knows it; default: skills',
    )
    return parser
