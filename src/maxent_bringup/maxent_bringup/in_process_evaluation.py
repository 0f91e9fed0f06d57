# SPDX-License-Identifier: Apache-2.0
"""Evaluates a skill in this process, in the Gymnasium environment and without ROS."""

from __future__ import annotations

import gymnasium

from maxent_learner.episode_log import EpisodeResult
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.skill import Skill
from maxent_robot import episode_seed


def evaluate_in_process(
    skill: Skill, environment: gymnasium.Env, episodes: int, seed: int
) -> list[EpisodeResult]:
    """Run episodes with the mean action of a skill and return their results."""
    configure_torch()
    act = PolicyRunner(skill.policy(), seed, deterministic=True)
    return [_episode(act, environment, episode, seed) for episode in range(episodes)]


def _episode(
    act: PolicyRunner, environment: gymnasium.Env, episode: int, seed: int
) -> EpisodeResult:
    observation, info = environment.reset(seed=episode_seed(seed, episode))
    total, steps, is_over, is_terminated = 0.0, 0, False, False
    while not is_over:
        observation, reward, is_terminated, is_truncated, info = environment.step(act(observation))
        total += float(reward)
        steps += 1
        is_over = is_terminated or is_truncated
    return EpisodeResult(
        session_id='in_process',
        episode=episode,
        steps=steps,
        episode_return=total,
        measures=dict(info['measures']),
        terminated=is_terminated,
        whole=True,
    )
