# SPDX-License-Identifier: Apache-2.0
"""`maxent bag`: says what is in a bag, draws it, films it, replays it through policy and guard.

Bags of `maxent run --record` and `maxent train --record`, and of `ros2 bag record`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_bringup.cli import CommandError
from maxent_robot.option_texts import parse_options
from maxent_robot.robots import ROBOTS, get_robot
from maxent_robot.tasks import TASKS, Task, make_task

if TYPE_CHECKING:
    from rich.console import Console

    from maxent_learner.bag_reader import BagReader


SIZE = 320, 240  # pixels of a frame


def main(arguments: Sequence[str]) -> int:
    """Print what was asked for; 1 if a replay or a film did not come out."""
    parser = argparse.ArgumentParser(prog='maxent bag', description=__doc__)
    parser.add_argument('bag', type=Path, metavar='BAG', help='rosbag2 folder, or one .mcap file')
    parser.add_argument('--namespace', default='', help='of the robot, if the bag has several')
    parser.add_argument(
        '--robot', choices=sorted(ROBOTS), help='default: as the bag says in about.json'
    )
    parser.add_argument('--plots', type=Path, metavar='FOLDER', help='draw PNGs into this folder')
    parser.add_argument(
        '--video', type=Path, metavar='FILE', help='film the motion at real speed: .gif or .mp4'
    )
    parser.add_argument(
        '--replay',
        action='store_true',
        help='compare with what policy and guard of today would do (lock-step bags)',
    )
    parser.add_argument(
        '--skills', type=Path, default=Path('skills'), help='with --replay; default: skills'
    )
    chosen = parser.parse_args(arguments)

    from rich.console import Console

    from maxent_learner.bag_reader import BagError, BagReader

    try:
        return _carry_out(Console(), BagReader(chosen.bag, chosen.namespace), chosen)
    except (BagError, OSError) as error:
        raise CommandError(str(error)) from None


def _carry_out(console: Console, reader: BagReader, chosen: argparse.Namespace) -> int:
    from maxent_bringup.bag_view import show
    from maxent_learner.bag_summary import summarise

    summary = summarise(reader)
    show(console, summary, _task(reader))
    if chosen.plots is not None:
        from maxent_learner.bag_plots import draw_bag

        spec = get_robot(_robot(reader, chosen))
        chosen.plots.mkdir(parents=True, exist_ok=True)
        for path in draw_bag(reader, spec, summary.episodes, chosen.plots):
            console.print(str(path), soft_wrap=True, highlight=False, markup=False)
    code = 0
    if chosen.video is not None:
        code |= _film(console, reader, _robot(reader, chosen), chosen.video)
    if chosen.replay:
        code |= _replay(console, reader, _robot(reader, chosen), chosen.skills)
    return code


def _robot(reader: BagReader, chosen: argparse.Namespace) -> str:
    """Return the name of the robot; CommandError if nobody says it."""
    name = chosen.robot or reader.about.get('robot', '')
    if name not in ROBOTS:
        raise CommandError(
            f'{reader.path} does not say which robot was recorded: give --robot, one of '
            f'{", ".join(sorted(ROBOTS))}'
        )
    return str(name)


def _task(reader: BagReader) -> Task | None:
    """Return the task that was recorded, None if about.json does not say it, or not rightly."""
    about = reader.about
    robot, task = about.get('robot', ''), about.get('task', '')
    if robot not in ROBOTS or task not in TASKS:
        return None
    try:
        options = parse_options(about.get('task_options', '').split())
        return make_task(get_robot(robot), task, **options)
    except ValueError:
        return None


def _film(console: Console, reader: BagReader, robot: str, path: Path) -> int:
    from maxent_learner.bag_film import film_bag
    from sim_bridge.film import film_writer
    from sim_bridge.rendering import RenderingUnavailableError

    try:
        write = film_writer(path)
        film = film_bag(reader, robot, SIZE)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, film.frames, film.period_s)
    except ValueError as error:
        raise CommandError(str(error)) from None
    except RenderingUnavailableError as error:
        console.print(f'no film: {error}', soft_wrap=True, highlight=False, markup=False)
        return 1
    seconds = len(film.frames) * film.period_s
    text = f'{path}: {seconds:.1f} s' + ('' if film.whole else ', the bag holds more')
    console.print(text, soft_wrap=True, highlight=False, markup=False)
    return 0


def _replay(console: Console, reader: BagReader, robot: str, skills: Path) -> int:
    from maxent_bringup.bag_checks import replay

    code = 0
    try:
        for what, report in replay(reader, robot, _task(reader), skills):
            console.print(report.sentence(what), soft_wrap=True, highlight=False, markup=False)
            code |= not report.passed
    except ValueError as error:  # of a skill or of weights
        raise CommandError(str(error)) from None
    return code
