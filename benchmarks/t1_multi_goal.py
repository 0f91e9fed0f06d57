# SPDX-License-Identifier: Apache-2.0
"""Row T1: a point with four goals; soft Q-learning reaches them all, DDPG commits itself.

    maxent bench T1 [--steps 10000]

One policy of soft Q-learning and DDPG with several seeds (each a policy of its own), 200 episodes
of each. Drawn are paths over the reward, and actions over Q in three states, as in Fig. 3.2 of
Haarnoja's thesis. Interrupted it goes on where it was.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from job_pool import Job, Workspace, run_jobs
import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
import numpy as np
from result_file import RESULTS, write_result
import torch

from maxent_learner.gym_training import GymRunConfig, make_gym, roll_out, skill_of, train_gym
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import load_skill, save_skill
from sim_bridge.multi_goal_env import GOALS, reward

COMMON = {'hidden': [128, 128], 'batch_size': 64, 'discount': 0.99}
OPTIONS: dict[str, dict[str, Any]] = {
    'soft_q': {**COMMON, 'temperature': 1.0, 'particles': 32},
    'ddpg': COMMON,
}
DDPG_SEEDS = 3
EPISODES, SEED = 200, 1000
SHARE_LOW, SHARE_HIGH, SUCCESS, DDPG_GOALS = 0.10, 0.40, 0.95, 2
STATES = ((-2.5, 0.0), (0.0, 0.0), (2.5, 2.5))
SHOWN = 60  # paths in the picture


def learn(workspace: Workspace, algorithm: str, seed: int, steps: int) -> dict[str, Any]:
    """Train, and count which goals samples of the policy reach (DDPG: actions without noise)."""
    config = GymRunConfig(
        environment='sim_bridge.multi_goal_env:maxent/MultiGoal-v0',
        algorithm=algorithm,
        algorithm_options=OPTIONS[algorithm],
        seed=seed,
        steps=steps,
    )
    training = train_gym(
        config, workspace.folder, lambda run, row: workspace.progress(run.steps, steps)
    )
    name = f'multi_goal_{algorithm}_{seed}'
    save_skill(workspace.folder / name, skill_of(config, training.algorithm, {}, name))
    runner = PolicyRunner(training.algorithm.policy, SEED, deterministic=algorithm == 'ddpg')
    with closing(make_gym(config)) as environment:
        episodes = roll_out(environment, runner, EPISODES, SEED)
    reached = [int(episode['info']['goal']) for episode in episodes]
    return {
        'success_rate': 1.0 - reached.count(-1) / EPISODES,
        'goal_shares': [reached.count(goal) / EPISODES for goal in range(len(GOALS))],
        'mean_steps': float(np.mean([episode['length'] for episode in episodes])),
        'paths': [episode['observations'].round(2).tolist() for episode in episodes[:SHOWN]],
        'skill': str(workspace.folder / name),
    }


def draw(soft: dict[str, Any], ddpg: list[dict[str, Any]]) -> None:
    """Paths of both over the reward, and samples over Q in three states."""
    figure = plt.figure(figsize=(12.0, 5.4), dpi=80, layout='constrained')
    grid = figure.add_gridspec(3, 5)
    for place, title, runs in (
        (grid[:, 0:2], 'soft Q-learning: one policy', [soft]),
        (grid[:, 2:4], 'DDPG: three policies', ddpg),
    ):
        draw_paths(figure.add_subplot(place), title, runs)
    skill = load_skill(soft['skill'])
    for row, state in enumerate(STATES):
        draw_actions(figure.add_subplot(grid[row, 4]), skill, state)
    figure.savefig(RESULTS / 'T1.png')


def draw_paths(axes: Any, title: str, runs: list[dict[str, Any]]) -> None:
    """Draw paths over the contours of the reward."""
    line = np.linspace(-7.0, 7.0, 141)
    places = np.stack(np.meshgrid(line, line), axis=-1)
    axes.contour(line, line, reward(places), levels=20, cmap='Greys_r', linewidths=0.6)
    for colour, run in zip(('tab:blue', 'tab:green', 'tab:purple'), runs, strict=False):
        for path in run['paths']:
            axes.plot(*np.transpose(path), color=colour, lw=0.7, alpha=0.6)
    axes.scatter(*np.transpose(GOALS), color='tab:red', zorder=3)
    axes.set(title=title, aspect='equal', xlabel='x (m)', ylabel='y (m)')


def draw_actions(axes: Any, skill: Any, state: tuple[float, float]) -> None:
    """Draw the policy's samples in one state over the soft Q-function of its actions."""
    line = torch.linspace(-1.0, 1.0, 61)
    actions = torch.stack(torch.meshgrid(line, line, indexing='xy'), dim=-1)
    obs = torch.tensor(state).expand(*actions.shape[:-1], 2)
    noise = torch.randn((100, 2), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        q = skill.q_function()(obs, actions)
        samples = skill.policy().act(torch.tensor(state).expand(100, 2), noise)
    axes.contourf(line, line, q, levels=20, cmap='coolwarm')
    axes.scatter(*samples.T, s=6, color='black')
    axes.set(title=f'Q at {state}', aspect='equal', xticks=(-1, 0, 1), yticks=(-1, 0, 1))


def shortfalls(soft: dict[str, Any], ddpg_goals: list[int]) -> list[str]:
    """Return a sentence for every goal of the row that is missed."""
    sentences = []
    if soft['success_rate'] < SUCCESS:
        sentences.append(f'{soft["success_rate"]:.1%} of the episodes reach a goal, not {SUCCESS}')
    for goal, share in enumerate(soft['goal_shares']):
        if not SHARE_LOW <= share <= SHARE_HIGH:
            sentences.append(f'goal {goal} gets {share:.1%}, asked are 10 to 40 %')
    sentences += [f'DDPG seed {seed} reaches {count} goals, expected were at most 2'
                  for seed, count in enumerate(ddpg_goals) if count > DDPG_GOALS]  # fmt: skip
    return sentences


def main() -> None:
    """Run what is missing and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=10_000)
    steps = parser.parse_args().steps
    asked = [('soft_q', 0), *(('ddpg', seed) for seed in range(DDPG_SEEDS))]
    jobs = [
        Job(f'{algorithm}_{seed}', learn, {'algorithm': algorithm, 'seed': seed, 'steps': steps})
        for algorithm, seed in asked
    ]
    outcomes = run_jobs('T1', jobs)
    soft = outcomes['soft_q_0'].result
    ddpg = [outcomes[f'ddpg_{seed}'].result for seed in range(DDPG_SEEDS)]
    draw(soft, ddpg)
    ddpg_goals = [sum(share > 0.0 for share in run['goal_shares']) for run in ddpg]
    figures = {
        'success_rate': soft['success_rate'],
        'goal_shares': soft['goal_shares'],
        'ddpg_goals_reached': max(ddpg_goals),
        'ddpg': [{'seed': seed, 'goal_shares': run['goal_shares'],
                  'success_rate': run['success_rate']} for seed, run in enumerate(ddpg)],
    }  # fmt: skip
    wall = round(sum(outcome.wall_s for outcome in outcomes.values()))
    budget = {'steps': steps, 'wall_s': wall}
    seeds = list(range(DDPG_SEEDS))
    write_result('T1', 'maxent bench T1', seeds, budget, figures, shortfalls(soft, ddpg_goals))
    print(figures)


if __name__ == '__main__':
    main()
