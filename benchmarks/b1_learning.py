# SPDX-License-Identifier: Apache-2.0
"""Row B1: records trainings as a user does, and learns from their bags alone."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from pathlib import Path
from statistics import fmean
import subprocess
from typing import Any

from job_workspace import Workspace
import torch

from maxent_learner.bag_reader import BagReader
from maxent_learner.in_process import evaluate, make_environment, rollout
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import Skill, load_skill
from maxent_robot import episode_seed
from maxent_ros.testing import isolated_domain

SKILLS = Path(__file__).resolve().parent.parent / 'skills'
EPISODES, SEED = 50, 1000
FIRST_STATES = 20  # episodes whose first state is judged


def record_training(workspace: Workspace, steps: int, updates_per_step: float) -> dict[str, Any]:
    """Train over ROS with a recorder; distance of the skill (m), size and duration of the bag."""
    command = ['train', '--steps', str(steps), '--updates-per-step', str(updates_per_step)]
    run = _maxent(workspace, [*command, '--record'], 'online')
    skill = load_skill(workspace.folder / 'skills' / 'online')
    bag = run / 'bag'
    return {
        'distance': _distance(skill),
        'robot_minutes': skill.metadata.provenance['robot_minutes'],
        'megabytes': sum(path.stat().st_size for path in BagReader(bag).files) / 1e6,
        'summary': json.loads((bag / 'recording.json').read_text()),
        'bag': str(bag.resolve()),
    }


def record_skill(workspace: Workspace, skill: str, episodes: int) -> dict[str, Any]:
    """Run a skill's mean action in lock-step with a recorder: a bag of one narrow behaviour."""
    command = [
        'run',
        str(SKILLS / skill),
        '--episodes',
        str(episodes),
        '--pacing',
        'lockstep',
        '--record',
    ]
    with isolated_domain() as domain, (workspace.folder / 'output.log').open('w') as log:
        runs = workspace.folder.resolve() / 'runs'
        command += ['--runs', str(runs), '--name', 'narrow']
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        subprocess.run(['maxent', *command], env=environment, stdout=log, stderr=log, check=True)
    return {'episodes': episodes, 'bag': str(runs / 'narrow' / 'bag')}


def learn_offline(
    workspace: Workspace, recording: str, updates: int, options: Sequence[str]
) -> dict[str, Any]:
    """Learn from the bag of a recording alone: distance (m), and what Q promises beside truth."""
    bag = workspace.outcome(recording).result['bag']
    command = ['train', '--offline', bag, '--updates', str(updates)]
    if options:
        command += ['--algorithm-options', *options]
    _maxent(workspace, command, 'offline')
    skill = load_skill(workspace.folder / 'skills' / 'offline')
    promised, returned = _promised_and_returned(skill)
    return {'distance': _distance(skill), 'promised': promised, 'returned': returned}


def _maxent(workspace: Workspace, arguments: Sequence[str], name: str) -> Path:
    """Run the command line in a domain of its own; the run folder."""
    folder = workspace.folder.resolve()
    places = ['--runs', str(folder / 'runs'), '--skills', str(folder / 'skills')]
    with isolated_domain() as domain, (folder / 'output.log').open('w') as log:
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        command = ['maxent', *arguments, *places, '--name', name, '--skill', name]
        subprocess.run(command, env=environment, stdout=log, stderr=log, check=True)
    return folder / 'runs' / name


def _distance(skill: Skill) -> float:
    return float(evaluate(skill, EPISODES, SEED).as_dict()['mean_final_distance'])


def _promised_and_returned(skill: Skill) -> tuple[float, float]:
    """Mean Q of the first states and the policy's actions; mean discounted return from there.

    What the former has more than the latter is over-estimation (the entropy's part is small).
    """
    about, policy, q = skill.metadata, skill.policy(), skill.q_function()
    options = about.provenance['task_options']
    environment = make_environment(about.robot, about.task, options)
    runner = PolicyRunner(policy, SEED, deterministic=True)
    promised, returned = [], []
    try:
        for episode in range(FIRST_STATES):
            start = episode_seed(SEED, episode)
            steps = list(rollout(environment, runner, start, episode, about.name))
            first = torch.from_numpy(steps[0].observation)
            promised.append(float(q(first, policy.mode(first))))
            returned.append(sum(s.reward * about.discount**k for k, s in enumerate(steps[1:])))
    finally:
        environment.close()
    return fmean(promised), fmean(returned)
