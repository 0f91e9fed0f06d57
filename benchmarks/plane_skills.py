# SPDX-License-Identifier: Apache-2.0
"""Row C1's skills: planes that the Sawyer's tip shall reach, and what they are composed for.

Two planes for each axis, for SAC and for soft Q-learning. Trained without ROS, with the same
trainer, guard and physics as in the graph.
"""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

from job_pool import Workspace

from maxent_learner.in_process import evaluate, train_in_process
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import load_skill

# m, base frame; the tip starts at (0.56, 0.01, 0.30)
PLANES = {'x': (0.5, 0.7), 'y': (-0.15, 0.15), 'z': (0.15, 0.42)}
Goal = tuple[tuple[str, float], ...]  # axis and value of each plane, in the order of PLANES
COMMON = ('hidden=[128, 128]', 'discount=0.95')
OPTIONS = {
    'sac': (*COMMON, 'target_entropy_per_dim=-0.5'),
    'soft_q': (*COMMON, 'temperature=0.01', 'particles=8', 'value_samples=16'),
}
STEPS = {'sac': 5_000, 'soft_q': 9_000}
UPDATES_PER_STEP = {'sac': 1.0, 'soft_q': 1.0}
TRY_EVERY, TRY_EPISODES, TRY_SEED = 600, 5, 500


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


def learn(workspace: Workspace, algorithm: str, goal: Goal, seed: int, steps: int) -> Any:
    """Train one skill, for a plane or directly for the sum of rewards; its curve and its end."""
    name = name_of(algorithm, goal)
    curve: dict[int, float] = {}

    def try_out(run: Run, row: Row) -> None:
        workspace.progress(row['steps'], steps)
        if row['steps'] % TRY_EVERY == 0:
            found = evaluate(run.make_skill(), TRY_EPISODES, TRY_SEED).as_dict()
            curve[row['steps']] = round(found['mean_final_distance'], 4)

    folder = workspace.folder / 'run'
    run = train_in_process(
        RunConfig(
            task='reach_plane' if len(goal) == 1 else 'reach_planes',
            task_options=task_options(goal),
            skill=name,
            run_folder=str(folder),
            skills_folder=str(skills_folder(workspace.folder.parent)),
            resume=folder.exists(),
        ),
        TrainerConfig(
            algorithm=algorithm,
            algorithm_options=OPTIONS[algorithm],
            seed=seed,
            max_steps=steps,
            updates_per_step=UPDATES_PER_STEP[algorithm],
        ),
        try_out,
    )
    end = evaluate(load_skill(run.skill_folder), 20, 1000).as_dict()
    return {'distance': end['mean_final_distance'], 'curve': sorted(curve.items())}


def skills_folder(root: Path) -> Path:
    """Where all skills of the row lie."""
    return root / 'skills'


def task_options(goal: Goal) -> tuple[str, ...]:
    """Return the task's options as texts."""
    if len(goal) == 1:
        ((axis, value),) = goal
        return f'axis={axis}', f'value={value}'
    axes, values = zip(*goal, strict=True)
    return f'axes={"".join(axes)}', f'values={list(values)}'
