# SPDX-License-Identifier: Apache-2.0
"""Row C1's skills: planes that the Sawyer's tip shall reach, and what they are composed for.

Two planes for each axis. The skills of an algorithm learn side by side and from each other's
experience: an episode of one is an episode for all, with the reward of each. So every skill knows
what is worth what where the others go, and where it is needed once it is composed with them; alone
it would know the states on its own way only. Without ROS, with the same trainer, guard and physics
as in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

from job_pool import Workspace

from maxent_learner.in_process import evaluate, make_environment, rollout, train_in_process
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.skill import add_metrics, load_skill
from maxent_robot import episode_seed
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.tasks import Task

# m, base frame; the tip starts at (0.56, 0.01, 0.30)
PLANES = {'x': (0.5, 0.7), 'y': (-0.15, 0.15), 'z': (0.15, 0.42)}
Goal = tuple[tuple[str, float], ...]  # axis and value of each plane, in the order of PLANES
COMMON = ('hidden=[128, 128]', 'discount=0.95')
OPTIONS = {
    'sac': (*COMMON, 'target_entropy_per_dim=-0.5'),
    'soft_q': (*COMMON, 'temperature=0.01', 'particles=8', 'value_samples=16'),
}
STEPS = 5_000  # of each skill's own, with one update each
SPREAD = 'start_noise=0.2'  # rad, in training
SAVE_EVERY = 10  # episodes of each skill
TESTS, TEST_SEED = 20, 1000


def single_goals() -> list[Goal]:
    """All planes."""
    return [((axis, value),) for axis, values in PLANES.items() for value in values]


def joint_goals() -> list[Goal]:
    """All lines and points where two or three planes of different axes meet."""
    goals: list[Goal] = []
    for count in (2, 3):
        for axes in combinations(PLANES, count):
            for values in product(*(PLANES[axis] for axis in axes)):
                goals.append(tuple(zip(axes, values, strict=True)))
    return goals


def name_of(algorithm: str, goal: Goal) -> str:
    """Return the skill's name, such as sac_x50_z15 (cm; m for minus)."""
    parts = [f'{axis}{round(100 * value)}'.replace('-', 'm') for axis, value in goal]
    return '_'.join([algorithm, *parts])


def skills_folder(root: Path) -> Path:
    """Where all skills of the row lie."""
    return root / 'skills'


def learn_planes(workspace: Workspace, algorithm: str, seed: int, steps: int) -> dict[str, Any]:
    """Train the skills for all planes together; how far each ends from its plane, in m."""
    configure_torch()
    runs = _runs(workspace, algorithm, seed, steps)
    environments = [make_environment('sawyer', r.config.task, r.config.options) for r in runs]
    with contextlib.ExitStack() as stack:
        for environment in environments:
            stack.callback(environment.close)
        while not runs[0].trainer.finished:
            workspace.progress(runs[0].trainer.steps, runs[0].trainer.config.max_steps)
            first = runs[0].trainer.episodes.count
            seen = [
                step
                for index, (run, environment) in enumerate(zip(runs, environments, strict=True))
                for step in _episode(run, environment, seed, first + index)
            ]
            for run in runs:
                _learn_from(run, seen)
            if runs[0].trainer.episodes.count % (SAVE_EVERY * len(runs)) == 0:
                for run in runs:
                    run.checkpoint()
    return {run.config.skill: _finish(run) for run in runs}


def learn_directly(
    workspace: Workspace, algorithm: str, goal: Goal, seed: int, steps: int
) -> dict[str, Any]:
    """Train a skill for the sum of several planes' rewards; how far it ends from all of them."""

    def tell(run: Run, row: Row) -> None:
        workspace.progress(row['steps'], steps)

    folder = workspace.folder / 'run'
    run = train_in_process(
        _run_config(workspace, algorithm, goal, resume=folder.exists()),
        TrainerConfig(
            algorithm=algorithm,
            algorithm_options=OPTIONS[algorithm],
            seed=seed,
            max_steps=steps,
            updates_per_step=1.0,
        ),
        tell,
    )
    return {run.config.skill: test(run.skill_folder)}


def _learn_from(run: Run, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        run.trainer.observe(judged_by(run.task, step))
    while run.trainer.updates_due() > 0:
        run.trainer.update()


def judged_by(task: Task, step: StepRecord) -> StepRecord:
    """Return a step of another plane's episode with this plane's reward."""
    options = task.config
    tip = task.layout.unpack(step.observation)['tip']
    away = abs(float(tip['xyz'.index(options.axis)] - options.value))
    reward = 0.0 if step.index == 0 else -away
    return replace(step, reward=reward, measures={'distance': away}, reward_terms={})


def _runs(workspace: Workspace, algorithm: str, seed: int, steps: int) -> list[Run]:
    """Begin a run for each plane, or go on where all of them were saved."""
    goals = single_goals()
    config = TrainerConfig(
        algorithm=algorithm,
        algorithm_options=OPTIONS[algorithm],
        seed=seed,
        max_steps=len(goals) * steps,
        updates_per_step=1.0 / len(goals),
    )
    for resume in (True, False):
        runs = [
            Run(_run_config(workspace, algorithm, goal, resume), config, print) for goal in goals
        ]
        if len({run.trainer.steps for run in runs}) == 1:  # not interrupted while they were saved
            break
    return runs


def _run_config(workspace: Workspace, algorithm: str, goal: Goal, resume: bool) -> RunConfig:
    name = name_of(algorithm, goal)
    if len(goal) == 1:
        ((axis, value),) = goal
        task, options = 'reach_plane', (f'axis={axis}', f'value={value}')
    else:
        axes, values = zip(*goal, strict=True)
        task, options = 'reach_planes', (f'axes={"".join(axes)}', f'values={list(values)}')
    return RunConfig(
        task=task,
        task_options=(*options, SPREAD),
        skill=name,
        run_folder=str(workspace.folder / name),
        skills_folder=str(skills_folder(workspace.folder.parent)),
        resume=resume,
    )


def _episode(run: Run, environment: Any, seed: int, number: int) -> Iterator[StepRecord]:
    """Act with a skill as it is for one episode."""
    start = episode_seed(seed, number)
    policy = PolicyRunner(run.trainer.algorithm.policy, start, deterministic=False)
    return rollout(environment, policy, start, number, run.config.skill)


def _finish(run: Run) -> float:
    run.save_skill()
    run.close()
    return test(run.skill_folder)


def test(folder: Path) -> float:
    """Return the mean distance in m at the end of new episodes that start as usual; keep it."""
    skill = load_skill(folder)
    origin = skill.metadata.provenance
    options = {k: v for k, v in origin['task_options'].items() if k != 'start_noise'}
    about = replace(skill.metadata, provenance={**origin, 'task_options': options})
    found = evaluate(replace(skill, metadata=about), TESTS, TEST_SEED).as_dict()
    distance = round(found['mean_final_distance'], 4)
    add_metrics(
        folder,
        {
            'success_rate': found['success_rate'],
            'episodes': TESTS,
            'mean_final_measure': distance,
        },
    )
    return distance
