# SPDX-License-Identifier: Apache-2.0
"""`maxent train`: learns a skill, shows how it goes, and says how good the skill is.

Ctrl-C stops cleanly; `maxent train --name NAME --resume` goes on from there. With --bags, a share
of every batch comes from recorded bags; with --offline, everything does, and no robot moves.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
import shlex
import sys

from maxent_bringup.cli import CommandError
from maxent_bringup.commands.arguments import add_settings, given_settings
from maxent_bringup.commands.systems import SkillChoice, system_config
from maxent_bringup.system import SystemConfig

TEST_EPISODES = 20
UPDATES = 20_000  # of --offline, as in TrainOffline
TEST_SEED = 1000  # added to the seed of training, so that test episodes are new ones


def main(arguments: Sequence[str]) -> int:
    """Train until the steps are spent (0), Ctrl-C (0), or something fails (1)."""
    parser = argparse.ArgumentParser(prog='maxent train', description=__doc__)
    parser.add_argument(
        '--in-process',
        action='store_true',
        help='without ROS: learner and simulation in this process',
    )
    parser.add_argument(
        '--offline',
        nargs='+',
        metavar='BAG',
        help="from these bags alone; robot and task: what the first bag says, or robot's first",
    )
    parser.add_argument(
        '--updates',
        type=int,
        help=f'--offline: gradient steps; default: {UPDATES}',
    )
    add_settings(parser, 'train')
    chosen = parser.parse_args(arguments)
    texts = given_settings(chosen, 'train')
    if chosen.updates is not None and not chosen.offline:
        raise CommandError('--updates is for --offline; else --updates-per-step says how many')
    if chosen.offline:
        if 'bags' in texts or chosen.in_process:
            raise CommandError('--offline names the bags itself, and runs in this process anyway')
        return _offline(chosen, texts)
    config = _config(texts)
    if chosen.in_process and config.mode == 'hardware':
        raise CommandError('--in-process knows the simulation only: leave out --mode hardware')

    from maxent_bringup.monitor import SystemRunsError
    from maxent_bringup.supervise import SupervisionError
    from maxent_bringup.training import TrainingError, train_in_process, train_over_ros

    try:
        is_finished = (train_in_process if chosen.in_process else train_over_ros)(config)
    except (TrainingError, SupervisionError, SystemRunsError) as error:
        print(f'maxent train: {error}', file=sys.stderr)
        return 1
    if not is_finished:
        in_process = ' --in-process' if chosen.in_process else ''
        print(f'Stopped. Go on with: {_resume_command(config)}{in_process}')
        return 0
    print(_summary(config))
    return 0


def _offline(chosen: argparse.Namespace, texts: dict[str, str]) -> int:
    """Train from bags alone: 0 when done or stopped, 1 when it fails."""
    from maxent_bringup.offline_training import about_bag, train_from_bags
    from maxent_bringup.training import TrainingError

    updates = UPDATES if chosen.updates is None else chosen.updates
    told = {} if 'resume' in texts else about_bag(chosen.offline[0])
    if texts.get('task', told.get('task')) != told.get('task'):
        told.pop('task_options', None)  # they are not of that task
    config = _config({**told, **texts, 'bags': shlex.join(chosen.offline)})
    try:
        is_finished = train_from_bags(config, updates)
    except TrainingError as error:
        print(f'maxent train: {error}', file=sys.stderr)
        return 1
    if not is_finished:
        again = f'{_resume_command(config)} --offline {shlex.join(chosen.offline)}'
        print(f'Stopped. Go on with: {again} --updates {updates}')
        return 0
    print(_summary(config))
    return 0


def _config(texts: dict[str, str]) -> SystemConfig:
    """Return the configuration; what a resumed run was started with is its default."""
    config = system_config('train', texts)
    path = config.run_folder / 'config.json'
    if not config.resume:
        return config
    if not path.is_file():
        raise CommandError(f"there is no run '{config.name}' to resume in {config.runs}")
    content = json.loads(path.read_text(encoding='utf-8'))
    run, trainer = content['run'], content['trainer']
    former = {
        **{name: str(run[name]) for name in ('robot', 'task', 'skill')},
        **{
            name: str(trainer[name])
            for name in ('algorithm', 'seed', 'max_steps', 'updates_per_step')
        },
        'task_options': shlex.join(run['task_options']),
        'bags': shlex.join(run['bags']),
        'bag_share': str(trainer['bag_share']),
        'algorithm_options': shlex.join(trainer['algorithm_options']),
    }
    return system_config('train', {**former, **texts})


def _resume_command(config: SystemConfig) -> str:
    command = f'maxent train --name {config.name} --resume'
    for name in ('runs', 'skills'):
        folder = getattr(config, name)
        command += '' if folder.parent == folder.cwd() else f' --{name} {folder}'
    return command + (' --mode hardware' if config.mode == 'hardware' else '')


def _summary(config: SystemConfig) -> str:
    """Return the sentence that says how good the new skill is, and where it lies."""
    folder = config.skills / config.skill
    places = f'skill: {folder}, learning curve: {config.run_folder / "curve.png"}'
    if config.mode == 'hardware':
        return f'{config.skill} is learned; try it with `maxent run {config.skill}`; {places}.'

    from maxent_rl.skill import add_metrics

    learned = SkillChoice(folder, config.robot, config.task, config.task_options)
    evaluation = learned.evaluate(TEST_EPISODES, config.seed + TEST_SEED)
    figures = evaluation.as_dict()
    add_metrics(folder, {name: figures[name] for name in ('success_rate', 'episodes')})
    robot_minutes = learned.load().metadata.provenance['robot_minutes']
    return f'After {robot_minutes:.1f} minutes of robot time {evaluation.sentence()}; {places}.'
