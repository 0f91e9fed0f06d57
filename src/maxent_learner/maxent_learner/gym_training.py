# SPDX-License-Identifier: Apache-2.0
"""Trains any algorithm on any Gymnasium environment, in this process, without a robot's task.

For experiments on environments that have no guard and no ROS graph. All randomness comes from
the configuration's seed and checkpoints lie between episodes, where the environment's state is
the seed of its next reset: a run that is killed and called again equals, bit for bit, one that
never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maxent_learner.gym_config import (
    Environment,
    GymRunConfig,
    identity,
    layout_of,
    make_gym,
    sizes,
)
from maxent_learner.gym_skill import skill_of
from maxent_learner.progress import Row, read_progress
from maxent_learner.trainer import ResumeError
from maxent_rl.algorithms import make_algorithm
from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.diverged import DivergedError
from maxent_rl.replay_buffer import ReplayBuffer
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_robot import episode_seed
from maxent_robot.layout import Vector32

__all__ = ['GymRunConfig', 'GymTraining', 'make_gym', 'roll_out', 'skill_of', 'train_gym']


class GymTraining:
    """A run under way or at its end.

    Attributes: `algorithm`, `buffer`, `steps` and `episodes` so far, `curve` (one row per
    finished episode, as in progress.jsonl).
    """

    def __init__(self, config: GymRunConfig, folder: Path, environment: Environment) -> None:
        """Make networks and buffer, or take them from the newest checkpoint in `folder`.

        Raises:
            ValueError: spaces that are not asked for, unknown algorithm or option.
            ResumeError: the checkpoint is of other settings.
        """
        self.config, self.folder = config, folder
        obs_dim, act_dim = sizes(environment)
        image = layout_of(environment).image
        network_seed, sampling_seed = np.random.SeedSequence(config.seed).generate_state(2)
        self.algorithm = make_algorithm(
            config.algorithm, obs_dim, act_dim, config.algorithm_options, int(network_seed), image
        )
        self.buffer = ReplayBuffer(config.buffer_capacity, obs_dim, act_dim, image)
        self.steps = self.episodes = 0
        self._rng = np.random.default_rng(sampling_seed)
        self._metrics: dict[str, float] = {}
        self._resume()
        self._saved_steps = self.steps
        folder.mkdir(parents=True, exist_ok=True)
        self._progress = folder / 'progress.jsonl'
        self.curve = read_progress(self._progress, self.steps) if self.steps else []
        partial = self._progress.with_suffix('.tmp')
        partial.write_text(''.join(map(_line, self.curve)), encoding='utf-8')
        partial.replace(self._progress)

    @property
    def finished(self) -> bool:
        """Whether all steps were made."""
        return self.steps >= self.config.steps

    def episode(self, environment: Environment) -> Row | None:
        """Act and learn for one episode; its row of the curve, None if the steps ended it.

        Raises:
            DivergedError: naming the run; nothing was saved since the newest checkpoint.
        """
        seed = episode_seed(self.config.seed, self.episodes)
        # Seeded per episode, so that a resumed run need not know how much noise was drawn before.
        policy = PolicyRunner(self.algorithm.policy, seed, deterministic=False)
        start, _ = environment.reset(seed=seed)
        observation = _vector(start)
        self.buffer.begin(observation)
        self.episodes += 1
        episode_return, length, done = 0.0, 0, False
        while not (done or self.finished):
            action = policy(observation)
            following, reward, terminated, truncated, info = environment.step(action)
            observation, done = _vector(following), terminated or truncated
            executed = info.get('applied_action', action)  # a guard may have changed it
            self.buffer.add(executed, float(reward), observation, terminated, truncated)
            self.steps += 1
            length += 1
            episode_return += float(reward)
            self._learn()
        if not done:
            return None
        return {
            'steps': self.steps,
            'episode': self.episodes - 1,
            'return': episode_return,
            'length': length,
            'updates': self.algorithm.updates,
            'measures': _numbers(info),
            'metrics': dict(self._metrics),
        }

    def keep(self, row: Row) -> None:
        """Append a row to the curve, on disk too."""
        self.curve.append(row)
        with self._progress.open('a', encoding='utf-8') as file:
            file.write(_line(row))

    def save(self) -> None:
        """Write a checkpoint where one is due; to be called between episodes only."""
        if self.steps == self._saved_steps:
            return
        if self.steps - self._saved_steps < self.config.checkpoint_every and not self.finished:
            return
        tensors, scalars = self.algorithm.state()
        parts = {f'algorithm.{name}': tensor for name, tensor in tensors.items()}
        for name, array in self.buffer.state().items():
            parts[f'buffer.{name}'] = torch.from_numpy(np.array(array))
        content = {
            'identity': identity(self.config),
            'algorithm': scalars,
            'rng': self._rng.bit_generator.state,
            'metrics': self._metrics,
            'steps': self.steps,
            'episodes': self.episodes,
        }
        save_checkpoint(self.folder / 'checkpoints', self.steps, parts, content)
        self._saved_steps = self.steps

    def _learn(self) -> None:
        config = self.config
        owed = int((self.steps - config.learning_starts) * config.updates_per_step)
        while self.algorithm.updates < owed:
            batch = self.buffer.sample(self.algorithm.config.batch_size, self._rng)
            try:
                self._metrics = self.algorithm.update(batch)
            except DivergedError as error:
                raise DivergedError(
                    f'{config.algorithm} on {config.robot} {config.task}, seed {config.seed}, '
                    f'step {self.steps}, in {self.folder}: {error}'
                ) from error

    def _resume(self) -> None:
        checkpoint = load_newest_checkpoint(self.folder / 'checkpoints')
        if checkpoint is None:
            return
        scalars = checkpoint.scalars
        for name, ours in identity(self.config).items():
            theirs = scalars['identity'].get(name)
            if theirs != ours:
                raise ResumeError(
                    f'the run in {self.folder} has {name} {theirs!r}, asked for is {ours!r}: '
                    'use the same settings, or another folder, or remove that one'
                )
        parts: dict[str, dict[str, Any]] = {'algorithm': {}, 'buffer': {}}
        for name, tensor in checkpoint.tensors.items():
            part, _, rest = name.partition('.')
            parts[part][rest] = tensor if part == 'algorithm' else tensor.numpy()
        self.algorithm.load_state(parts['algorithm'], scalars['algorithm'])
        self.buffer.load_state(parts['buffer'])
        self._rng.bit_generator.state = scalars['rng']
        self._metrics = dict(scalars['metrics'])
        self.steps, self.episodes = scalars['steps'], scalars['episodes']


def train_gym(
    config: GymRunConfig,
    folder: Path,
    on_episode: Callable[[GymTraining, Row], None] = lambda training, row: None,
) -> GymTraining:
    """Train, or go on with what is in `folder`, until `config.steps` steps were made.

    Args:
        config: of the run; more `steps` than before prolong a finished run.
        folder: gets checkpoints/ and progress.jsonl.
        on_episode: called after each episode, before its row is written: what it adds to the row
            (JSON values, say of an evaluation) is kept in the curve. It may read everything, and
            must not draw from the training's randomness.

    Raises:
        ValueError: no such environment or algorithm, or options or spaces that cannot be.
        maxent_learner.trainer.ResumeError: the run in `folder` has other settings.
        maxent_rl.diverged.DivergedError: naming the run.
    """
    configure_torch()
    with closing(make_gym(config)) as environment:
        training = GymTraining(config, Path(folder), environment)
        while not training.finished:
            row = training.episode(environment)
            if row is not None:
                on_episode(training, row)
                training.keep(row)
            training.save()
    return training


def roll_out(
    environment: Environment, policy: PolicyRunner, episodes: int, seed: int
) -> list[dict[str, Any]]:
    """Run episodes; the k-th starts as `episode_seed(seed, k)` says.

    Returns:
        Per episode: `return`, `length`, `observations` (length + 1, n), `info` of its last step.
    """
    outcomes = []
    for episode in range(episodes):
        policy.begin_episode()
        start, info = environment.reset(seed=episode_seed(seed, episode))
        observations, episode_return, done = [_vector(start)], 0.0, False
        while not done:
            step = environment.step(policy(observations[-1]))
            following, reward, terminated, truncated, info = step
            observations.append(_vector(following))
            episode_return += float(reward)
            done = terminated or truncated
        outcomes.append(
            {
                'return': episode_return,
                'length': len(observations) - 1,
                'observations': np.stack(observations),
                'info': info,
            }
        )
    return outcomes


def _vector(observation: Any) -> Vector32:
    return np.asarray(observation, np.float32)


def _numbers(info: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among what an environment tells, those under `measures` included."""
    told = {**info, **info.get('measures', {})}
    return {key: float(value) for key, value in told.items() if np.isscalar(value)
            and not isinstance(value, str)}  # fmt: skip


def _line(row: Row) -> str:
    return json.dumps(row) + '\n'
