# SPDX-License-Identifier: Apache-2.0
"""`maxent skills`: a table of the skill folders."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str]) -> int:
    """Print one row per skill, then the compositions; made to fit 80 columns.

    `tests`: share of the test episodes after training that succeeded; `end`: what the task
    measures first, mostly a distance in m, at the end of training.
    """
    parser = argparse.ArgumentParser(prog='maxent skills', description=__doc__)
    parser.add_argument('--skills', type=Path, default=Path('skills'), help='default: skills')
    chosen = parser.parse_args(arguments)

    from rich.console import Console
    from rich.table import Table

    from maxent_rl.recipe import list_recipes
    from maxent_rl.skill import list_skills, weights_size

    found, recipes = list_skills(chosen.skills), list_recipes(chosen.skills)
    if not found and not recipes:
        print(f'no skills in {chosen.skills.resolve()}; `maxent train` makes one')
        return 0
    table = Table(title=str(chosen.skills.resolve()), box=None, padding=(0, 1, 0, 0))
    for column in (
        'skill',
        'robot, task',
        'by',
        'temp.',
        'tests',
        'end',
        'kB',
        'made',
    ):
        table.add_column(column, no_wrap=True)
    for skill in sorted(found, key=lambda each: each.name):
        reached = skill.metrics.get('mean_final_measure')
        table.add_row(
            skill.name,
            f'{skill.robot} {skill.task}',
            skill.algorithm,
            f'{skill.temperature:.1g}',
            _success(skill.metrics),
            '' if reached is None else f'{reached:.2g}',
            f'{weights_size(chosen.skills / skill.name) / 1000:.0f}',
            skill.created[2:10],
        )
    console = Console()
    console.print(table)
    for recipe in recipes:
        parts = zip(recipe.weights, recipe.skills, strict=True)
        made_of = f' {recipe.mode.upper()} '.join(f'{weight:g} {skill}' for weight, skill in parts)
        console.print(f'{recipe.name} = {made_of}', highlight=False)
    return 0


def _success(metrics: Mapping[str, Any]) -> str:
    """Return the share of test episodes after training that succeeded."""
    share = metrics.get('success_rate')
    return '' if share is None else f'{share:.0%}'
