# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates against the simulation in this very process, without ROS.

The same trainer, task, guard and physics as in the lock-step graph; only the messages are left
out. For sweeps over seeds and settings, and for figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np

from maxent_learner.episode_log import EpisodeLog, EpisodeResult
from maxent_learner.evaluation import Evaluation, judge
from maxent_learner.progress import Row
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.skill import Skill
from maxent_robot import episode_seed
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.option_texts import parse_options

# 'module:id' makes Gymnasium import the module, which registers the environment.
ENVIRONMENTS = {
    'sawyer': 'sim_bridge.env:maxent/SawyerReach-v0',
    'minitaur': 'sim_bridge.env:maxent/MinitaurWalk-v0',
    'dclaw': 'sim_bridge.env:maxent/DClawTurn-v0',
}
SESSION = 'in_process'
NOTHING: Mapping[str, Any] = MappingProxyType({})


def train_in_process(
    config: RunConfig,
    trainer_config: TrainerConfig,
    progress: Callable[[Run, Row], None] = lambda run, row: None,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = print,
) -> Run:
    """Train until `max_steps` transitions, then save the skill; returns the run, closed.

    A run that stops early saves a checkpoint; with `config.resume` it goes on exactly as if it
    had not stopped. For that, it stops and saves between episodes only.

    Args:
        config: what is learned and where the results go.
        trainer_config: how.
        progress: called after each episode with the run and the row of progress.jsonl.
        should_stop: asked after each episode.
        report: is told what cannot be written.

    Raises:
        ValueError: unknown robot or task, or settings that these refuse.
        maxent_learner.trainer.ResumeError: the checkpoint is of other settings.
        maxent_rl.diverged.DivergedError: learning diverges from the same state again and again.
    """
    configure_torch()
    run = Run(config, trainer_config, report)
    world = parse_options(config.world)
    environment = make_environment(config.robot, config.task, config.options, world)
    try:
        while not run.trainer.finished and not should_stop():
            for row in _train_episode(run, environment):
                progress(run, row)
            run.step_finished()
        if run.trainer.finished:
            run.save_skill()
    finally:
        environment.close()
        run.close()
    return run


def evaluate(
    skill: Skill, episodes: int, seed: int, world: Mapping[str, Any] = NOTHING
) -> Evaluation:
    """Run a skill's mean action on its own task for some episodes and judge how well it did.

    `world` holds what is varied of the simulation (`sim_bridge.simulations`).

    Raises:
        ValueError: no episodes, or the skill does not fit the task as it is now.
    """
    about = skill.metadata
    options = about.provenance['task_options']
    environment = make_environment(about.robot, about.task, options, world)
    try:
        results = run_episodes(skill, environment, episodes, seed)
        task = environment.unwrapped.task
    finally:
        environment.close()
    return judge(about.name, about.robot, task, seed, 'in_process', results)


def run_episodes(
    skill: Skill, environment: gymnasium.Env[Any, Any], episodes: int, seed: int
) -> list[EpisodeResult]:
    """Run episodes with a skill's mean action; episode k starts as `episode_seed(seed, k)` says.

    Raises:
        ValueError: the skill observes with another layout than the environment's task.
    """
    check_layout(skill, environment)
    configure_torch()
    policy = PolicyRunner(skill.policy(), seed, deterministic=True)
    return run_policy(policy, environment, episodes, seed, skill.metadata.name)


def run_policy(
    policy: PolicyRunner, environment: gymnasium.Env[Any, Any], episodes: int, seed: int, name: str
) -> list[EpisodeResult]:
    """Run episodes as `run_episodes`, with a policy that need not be a skill's; name: of it."""
    log, results = EpisodeLog(), []
    for episode in range(episodes):
        start = episode_seed(seed, episode)
        for step in rollout(environment, policy, start, episode, name):
            result = log.add(step, transition=step.index > 0)
        results.append(result)
    return results


def check_layout(skill: Skill, environment: gymnasium.Env[Any, Any]) -> None:
    """Raise ValueError if the skill observes with another layout than the environment's task."""
    about, layout_hash = skill.metadata, environment.unwrapped.task.layout.hash
    if layout_hash != about.layout_hash:
        raise ValueError(
            f"skill '{about.name}' observes with layout {about.layout_hash}, task "
            f"'{environment.unwrapped.task.name}' now has {layout_hash}: train it anew"
        )


def make_environment(
    robot: str, task: str, options: Mapping[str, Any], world: Mapping[str, Any] = NOTHING
) -> gymnasium.Env[Any, Any]:
    """Return the simulation of a robot as a Gymnasium environment for a task.

    `world` holds what is varied of the simulation (`sim_bridge.simulations`).

    Raises:
        ValueError: unknown robot or task, or options that task or simulation refuse.
    """
    if robot not in ENVIRONMENTS:
        raise ValueError(f"no simulation of robot '{robot}'; known: {sorted(ENVIRONMENTS)}")
    name = ENVIRONMENTS[robot]
    return gymnasium.make(name, disable_env_checker=True, task=task, world=world, **options)


def _train_episode(run: Run, environment: gymnasium.Env[Any, Any]) -> Iterator[Row]:
    """Act with the present policy and learn after each step; yields the row at the end."""
    trainer = run.trainer
    seed = episode_seed(trainer.config.seed, trainer.episodes.count)
    # Seeded per episode, so that a resumed run need not know how much noise was drawn before.
    policy = PolicyRunner(trainer.algorithm.policy, seed, deterministic=False)
    for step in rollout(environment, policy, seed, trainer.episodes.count, run.config.skill):
        result = trainer.observe(step)
        while trainer.updates_due() > 0:
            run.update()
        if result is not None:
            yield run.episode_finished(result)
        if trainer.finished:
            return


def rollout(
    environment: gymnasium.Env[Any, Any],
    policy: PolicyRunner,
    seed: int,
    episode: int,
    skill: str,
) -> Iterator[StepRecord]:
    """Yield the steps of one episode as the policy node would publish them."""
    task, simulation = environment.unwrapped.task, environment.unwrapped.simulation
    nothing = np.empty(0, np.float32)
    observation, info = environment.reset(seed=seed)
    policy.begin_episode()
    action = applied = nothing
    reward, terms, terminated, truncated, index = 0.0, {}, False, False, 0
    while True:
        yield StepRecord(
            stamp_ns=simulation.time_ns,
            session_id=SESSION,
            episode=episode,
            index=index,
            skill=skill,
            policy_version=0,
            layout_hash=task.layout.hash,
            observation=observation,
            action=action,
            applied_action=applied,
            reward=reward,
            reward_terms=terms,
            measures=info['measures'],
            terminated=terminated,
            truncated=truncated,
        )
        if terminated or truncated:
            return
        action = policy(observation)
        observation, reward, terminated, truncated, info = environment.step(action)
        applied, terms = info['applied_action'], info['terms']
        index += 1
