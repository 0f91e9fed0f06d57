# SPDX-License-Identifier: Apache-2.0
"""`maxent eval`: measures a skill over many episodes, in this process or through the ROS graph."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from maxent_bringup.cli import CommandError
from maxent_bringup.commands.systems import SkillChoice, add_skill_arguments, chosen_skill

if TYPE_CHECKING:
    from maxent_learner.evaluation import Evaluation


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 0 if they could be taken, whatever they are."""
    parser = argparse.ArgumentParser(prog='maxent eval', description=__doc__)
    add_skill_arguments(parser)
    parser.add_argument('--episodes', type=_count, default=50, help='default: 50')
    parser.add_argument('--seed', type=int, default=0, help='of start poses and goals; default: 0')
    parser.add_argument(
        '--world', nargs='*', default=[], metavar='NAME=VALUE', help='such as terrain=slope'
    )
    parser.add_argument('--ros', action='store_true', help='through the ROS graph, in lock-step')
    parser.add_argument('--json', action='store_true', help='one JSON object instead of a table')
    parser.add_argument('--runs', type=Path, default=Path('runs'), help='for logs; default: runs')
    chosen = parser.parse_args(arguments)
    skill = chosen_skill(chosen)
    evaluation = _over_ros(skill, chosen) if chosen.ros else _in_process(skill, chosen)
    if evaluation is None:
        return 1
    if chosen.json:
        print(json.dumps(evaluation.as_dict()))
    else:
        _print_table(evaluation)
    return 0


def _in_process(skill: SkillChoice, chosen: argparse.Namespace) -> Evaluation:
    try:
        return skill.evaluate(chosen.episodes, chosen.seed, chosen.world)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _over_ros(skill: SkillChoice, chosen: argparse.Namespace) -> Evaluation | None:
    from maxent_bringup.ros_evaluation import EvaluationError, evaluate_over_ros
    from maxent_bringup.supervise import SupervisionError

    config = skill.system_config(
        runs=str(chosen.runs),
        name=f'eval_{skill.name}',
        pacing='lockstep',
        episodes=str(chosen.episodes),
        seed=str(chosen.seed),
        world=' '.join(chosen.world),
    )
    try:
        results = evaluate_over_ros(config)
    except (EvaluationError, SupervisionError) as error:
        print(f'maxent eval: {error}', file=sys.stderr)
        return None
    return skill.judge(chosen.seed, 'ros', results)


def _print_table(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=evaluation.skill, show_header=False)
    for name, value in evaluation.as_dict().items():
        text = f'{value:.4f}' if isinstance(value, float) else str(value)
        table.add_row(name.replace('_', ' '), text)
    Console().print(table)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return number
