# SPDX-License-Identifier: Apache-2.0
"""`maxent skills`: a table of the skill folders."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Print one row per skill."""
    parser = argparse.ArgumentParser(prog='maxent skills', description=__doc__)
    parser.add_argument('--skills', type=Path, default=Path('skills'), help='default: skills')
    chosen = parser.parse_args(arguments)

    from rich.console import Console
    from rich.table import Table

    from maxent_rl.skill import list_skills

    found = list_skills(chosen.skills)
    if not found:
        print(f'no skills in {chosen.skills.resolve()}; `maxent train` makes one')
        return 0
    columns = ('skill', 'robot', 'task', 'algorithm', 'steps', 'temperature', 'created')
    table = Table(*columns, title=str(chosen.skills.resolve()))
    for skill in sorted(found, key=lambda each: each.name):
        table.add_row(
            skill.name,
            skill.robot,
            skill.task,
            skill.algorithm,
            str(skill.provenance.get('steps', '')),
            f'{skill.temperature:.4f}',
            skill.created,
        )
    Console().print(table)
    return 0
