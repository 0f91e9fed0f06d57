# SPDX-License-Identifier: Apache-2.0
"""The pushing experiments' common parts: how a skill is learned, merged with another and tried.

Haarnoja et al. 2018 (Composable Deep RL), section V-B. Three things differ from the paper, for
all algorithms: the arm is longer (models/pusher.xml says why); it gets a reward for nearness of
its tip to the puck (`approach`), by which it finds the puck sooner; and most of the training
episodes start with arm and puck anywhere (`anywhere`). A skill for x = -1 then knows what is
worth what at y = -1, where it would hardly go by itself and where it is needed once it is
composed. All tests start as the paper's do.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from job_pool import Workspace
import numpy as np
from numpy.typing import NDArray
import torch

from maxent_learner.gym_training import (
    GymRunConfig,
    GymTraining,
    make_gym,
    roll_out,
    skill_of,
    train_gym,
)
from maxent_learner.progress import Row
from maxent_rl.composition import Composition, compose
from maxent_rl.extraction import EXTRACTORS, ExtractionConfig
from maxent_rl.immediate import ClosedFormPolicy, immediate_policy
from maxent_rl.policy import Policy
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.skill import load_skill, save_skill
from sim_bridge.pusher_task import goal_distance

CONSTITUENTS = ('left', 'middle', 'right', 'bottom')
MERGED = {f'bottom_{side}': (side, 'bottom') for side in ('left', 'middle', 'right')}
ALGORITHMS = {'sql': 'soft_q', 'ddpg': 'ddpg', 'naf': 'naf'}  # as the paper calls them: as we do
COMMON = {'hidden': [128, 128], 'batch_size': 128, 'target_smoothing': 0.01}
OPTIONS: dict[str, dict[str, Any]] = {
    # The shorter the horizon, the less a skill's Q counts on a future in which it alone decides:
    # with a discount of 0.98 the composed policy ended 0.2 m from its corners (docs/results.md).
    'sql': {
        **COMMON,
        'discount': 0.95,
        'temperature': 0.1,
        'particles': 8,
        'value_samples': 16,
    },
    'ddpg': COMMON,
    'naf': COMMON,
}
STEPS = 280_000
UPDATES_PER_STEP = 0.05  # a step costs a hundredth of an update here, and feeds it something new
TRY_EVERY, TRY_EPISODES, TRY_SEED = 20_000, 10, 500  # steps
END_EPISODES, END_SEED = 50, 1000
# It begins with the policy of the skill for y, which leaves x to chance.
EXTRACTION = ExtractionConfig(
    steps=480, batch_size=512, learning_rate=2e-3, decay=0.05, temperature=0.25
)
TRIED_AT = (0, 1, 10, 30, 60, 120, 240, 480)  # gradient steps of an extraction


def run_config(algorithm: str, goal: str, seed: int, steps: int) -> GymRunConfig:
    """Return the settings of one training run."""
    return GymRunConfig(
        environment='sim_bridge.pusher_env:maxent/Pusher-v0',
        environment_options={'goal': goal, 'approach': 0.5, 'anywhere': 0.7},
        algorithm=ALGORITHMS[algorithm],
        algorithm_options=OPTIONS[algorithm],
        seed=seed,
        steps=steps,
        updates_per_step=UPDATES_PER_STEP,
    )


def learn(
    workspace: Workspace, algorithm: str, goal: str, seed: int, steps: int
) -> dict[str, Any]:
    """Train a skill; what its mean action achieves in the end, and its curve on the way."""
    config = run_config(algorithm, goal, seed, steps)

    def try_out(training: GymTraining, row: Row) -> None:
        workspace.progress(training.steps, steps)
        if training.steps % TRY_EVERY == 0:
            ends = tried_pucks(training.algorithm.policy, config)
            row['tried'] = float(goal_distance(goal, ends).mean())

    training = train_gym(config, workspace.folder, try_out)
    skill = skill_of(config, training.algorithm, {}, f'{algorithm}_{goal}_{seed}'.lower())
    save_skill(workspace.folder / skill.metadata.name, skill)
    np.save(workspace.folder / 'observations.npy', training.buffer.state()['obs'])
    curve = [[row['updates'], row['tried']] for row in training.curve if 'tried' in row]
    policy = training.algorithm.policy
    return {
        **outcome(policy, config),
        'stochastic': outcome(policy, config, deterministic=False),
        'updates': training.algorithm.updates,
        'curve': curve,
    }


def merge(
    workspace: Workspace, algorithm: str, goal: str, seed: int, steps: int
) -> dict[str, Any]:
    """Compose two skills without new samples; what the policies drawn from it achieve."""
    configure_torch()
    config = run_config(algorithm, goal, seed, steps)
    parts = [sibling(workspace, algorithm, part, seed) for part in MERGED[goal]]
    composition = compose([load_skill(folder / folder.name) for folder in parts])
    if algorithm == 'naf':
        return outcome(ClosedFormPolicy(composition), config)
    observations = np.concatenate([np.load(folder / 'observations.npy') for folder in parts])
    policy, curve = extract(workspace, algorithm, composition, observations, config)
    return {
        **outcome(policy, config),
        'stochastic': outcome(policy, config, deterministic=False),
        'immediate': outcome(immediate_policy(composition), config),
        'updates': EXTRACTION.steps,
        'curve': curve,
    }


def extract(
    workspace: Workspace,
    algorithm: str,
    composition: Composition,
    observations: NDArray[np.float32],
    config: GymRunConfig,
) -> tuple[Policy, list[list[float]]]:
    """Fit a policy to the composed Q; returns it and its distance after some numbers of steps."""
    kind = 'sampler' if algorithm == 'sql' else 'deterministic'
    start = composition.constituents[1].policy
    extractor = EXTRACTORS[kind](composition, EXTRACTION, config.seed, start)
    curve = []
    for at in TRIED_AT:
        extractor.run(observations, at - extractor.steps)
        workspace.progress(at, TRIED_AT[-1])
        ends = tried_pucks(extractor.policy, config)
        curve.append([at, float(goal_distance(config.task, ends).mean())])
    return extractor.policy, curve


def outcome(policy: Policy, config: GymRunConfig, deterministic: bool = True) -> dict[str, Any]:
    """Return distances of the puck to the goal at the end of new episodes, and where it lay."""
    ends = final_pucks(policy, config, END_EPISODES, END_SEED, deterministic)
    away = goal_distance(config.task, ends)
    return {
        'mean': float(away.mean()),
        'median': float(np.median(away)),
        'distances': away.round(4).tolist(),
        'pucks': ends.round(3).tolist(),
    }


def tried_pucks(policy: Policy, config: GymRunConfig) -> NDArray[np.float64]:
    """Return where the puck lies in the tries that make up a curve.

    A policy of soft Q-learning is what its samples do; DDPG's and NAF's is without their noise.
    """
    deterministic = config.algorithm != 'soft_q'
    return final_pucks(policy, config, TRY_EPISODES, TRY_SEED, deterministic)


def final_pucks(
    policy: Policy, config: GymRunConfig, episodes: int, seed: int, deterministic: bool = True
) -> NDArray[np.float64]:
    """Return where the puck lies after each episode (episodes, 2) in m; starts as in the paper."""
    runner = PolicyRunner(policy, seed, deterministic)
    options = {**config.environment_options, 'anywhere': 0.0}
    tested = replace(config, environment_options=options)
    with closing(make_gym(tested)) as environment, torch.inference_mode():
        return np.stack([e['info']['puck'] for e in roll_out(environment, runner, episodes, seed)])


def sibling(workspace: Workspace, algorithm: str, goal: str, seed: int) -> Path:
    """Return the folder of the training run of a skill."""
    return workspace.folder.parent / f'{algorithm}_{goal}_{seed}'
