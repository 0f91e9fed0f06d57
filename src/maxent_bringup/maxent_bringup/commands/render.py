# SPDX-License-Identifier: Apache-2.0
"""`maxent render`: films an episode of a skill, as a GIF and as a strip of pictures (PNG).

The simulation runs in this process. The robot shows what the skill does, not what it scores: look
at it before you trust a figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from maxent_bringup.cli import CommandError
from maxent_bringup.commands.systems import add_skill_arguments, chosen_skill
from maxent_robot.option_texts import parse_options

WIDTH, HEIGHT = 320, 240  # pixels of a frame


def main(arguments: Sequence[str]) -> int:
    """Write SKILL.gif and SKILL.png into the folder given; 1 if this machine cannot draw."""
    parser = argparse.ArgumentParser(prog='maxent render', description=__doc__)
    add_skill_arguments(parser)
    parser.add_argument('--seed', type=int, default=0, help='of the start; default: 0')
    parser.add_argument(
        '--world', nargs='*', default=[], metavar='NAME=VALUE', help='such as terrain=slope'
    )
    parser.add_argument('--steps', type=_count, default=100, help='of the policy; default: 100')
    parser.add_argument('--pictures', type=_count, default=6, help='in the strip; default: 6')
    parser.add_argument('--out', type=Path, default=Path(), help='folder; default: this one')
    chosen = parser.parse_args(arguments)
    skill = chosen_skill(chosen)

    from maxent_learner.filming import film
    from sim_bridge.film import write_gif, write_strip
    from sim_bridge.rendering import RenderingUnavailableError

    try:
        world = parse_options(chosen.world)
        options = parse_options(skill.task_options)
        seen = film(
            skill.load(), skill.robot, skill.task, options, world, chosen.seed, chosen.steps,
            (WIDTH, HEIGHT),
        )  # fmt: skip
        chosen.out.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        raise CommandError(str(error)) from None
    except (RenderingUnavailableError, OSError) as error:
        print(f'maxent render: {error}', file=sys.stderr)
        return 1
    gif, strip = (chosen.out / f'{skill.name}{suffix}' for suffix in ('.gif', '.png'))
    write_gif(gif, seen.frames, seen.period_s)
    write_strip(strip, seen.frames, chosen.pictures)
    measures = ', '.join(f'{name} {value:.3f}' for name, value in seen.measures.items())
    print(f'{gif} and {strip}: {len(seen.frames)} frames, at the end {measures}')
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return number
