# SPDX-License-Identifier: Apache-2.0
"""Steps in, gradient updates out: the learner without ROS and without an environment.

The same trainer serves the learner node and the in-process path. Who calls decides when; the
trainer says how many updates are due. All randomness comes from the seed, so a run that is saved
and resumed equals, bit for bit, one that never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from maxent_learner.episode_log import EpisodeLog, EpisodeResult
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import make_algorithm
from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.diverged import DivergedError
from maxent_rl.pixels import are_pixels, pixel_count
from maxent_rl.replay_buffer import ReplayBuffer
from maxent_rl.weights import encode
from maxent_robot.types import NANOSECONDS

if TYPE_CHECKING:
    from maxent_robot.episode_outputs import StepRecord
    from maxent_robot.tasks import Task

SNAPSHOT_EVERY = 500  # updates between states to roll back to
MAX_ROLLBACKS = 5  # in a row, to the same state


class StepError(ValueError):
    """A step that cannot be learned from; the text says why."""


class ResumeError(RuntimeError):
    """A checkpoint that belongs to another robot, task or configuration."""


class Trainer:
    """Learns from steps. Not thread-safe: one thread calls everything."""

    def __init__(self, robot: str, task: Task, config: TrainerConfig) -> None:
        """Make the networks.

        Args:
            robot: name of the robot, as in the skill's metadata.
            task: says what observations and actions look like.
            config: of the run; its seed decides every random number.
        """
        self.robot, self.task, self.config = robot, task, config
        obs_dim, act_dim, image = task.layout.size, task.mapping.size, task.layout.image
        network_seed, sampling_seed = np.random.SeedSequence(config.seed).generate_state(2)
        self.algorithm = make_algorithm(
            config.algorithm, obs_dim, act_dim, config.options, int(network_seed), image
        )
        self._buffer = ReplayBuffer(config.buffer_capacity, obs_dim, act_dim, image)
        self._vector_dim = obs_dim - pixel_count(image)
        self._rng = np.random.default_rng(sampling_seed)
        self._shapes = {'observation': (obs_dim,), 'action': (act_dim,)}
        self._cursor: tuple[str, int, int] | None = None  # session, episode, index of last step
        self._stamp_ns = 0  # of that step
        self._robot_time_ns = 0
        self._metrics: dict[str, float] = {}
        self._published_steps = 0
        self.episodes = EpisodeLog()
        self.steps = 0  # transitions learned from
        self.updates = 0
        self.version = 1  # of the policy that `policy_payload` returns
        self.gaps = 0  # segments cut off by lost or refused steps
        self.refused = 0
        self.rollbacks = 0
        self._rollbacks_in_a_row = 0
        self._remember()

    def observe(self, step: StepRecord) -> EpisodeResult | None:
        """Take a step in the order in which it was made; returns the episode it finished.

        What is stored is the applied action. Across a gap in `index`, or a change of session or
        episode, nothing is: the observation begins a new segment.

        Raises:
            StepError: wrong layout or size, a number that is not finite, or an image that is
                none.
        """
        reason = self._fault(step)
        if reason is not None:
            self.refused += 1
            self._cursor = None
            raise StepError(f'step {step.index} of episode {step.episode}: {reason}')
        place = (step.session_id, step.episode, step.index)
        if place == self._cursor:
            return None  # delivered twice
        follows = step.index > 0 and self._cursor == (*place[:2], step.index - 1)
        if follows:
            self._add(step)
        else:
            self.gaps += step.index > 0
            self._buffer.begin(step.observation)
        self._cursor = None if step.terminated or step.truncated else place
        self._stamp_ns = step.stamp_ns
        return self.episodes.add(step, transition=follows)

    def updates_due(self) -> int:
        """Gradient steps owed for the transitions received so far."""
        learned = max(0, self.steps - self.config.learning_starts)
        owed = int(learned * self.config.updates_per_step) - self.updates
        return max(0, owed) if len(self._buffer) > 0 else 0

    def update(self) -> dict[str, float]:
        """Make one gradient step and returns its metrics.

        Raises:
            DivergedError: numbers ceased to be finite. The algorithm is then back in the last
                good state, at most `SNAPSHOT_EVERY` updates ago; the step counts as made.
        """
        self.updates += 1
        batch = self._buffer.sample(self.algorithm.config.batch_size, self._rng)
        try:
            self._metrics = self.algorithm.update(batch)
        except DivergedError:
            self.rollbacks += 1
            self._rollbacks_in_a_row += 1
            self.algorithm.load_state(*_copy(self._good))
            raise
        if self.updates % SNAPSHOT_EVERY == 0:
            self._remember()
        return self._metrics

    @property
    def hopeless(self) -> bool:
        """Whether updates diverged again and again from the same good state."""
        return self._rollbacks_in_a_row >= MAX_ROLLBACKS

    @property
    def finished(self) -> bool:
        """Whether the budget of transitions is spent."""
        return self.steps >= self.config.max_steps

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the newest update, empty before the first."""
        return dict(self._metrics)

    @property
    def robot_time_s(self) -> float:
        """Seconds of robot time learned from: the time that the transitions took."""
        return self._robot_time_ns / NANOSECONDS

    @property
    def publish_due(self) -> bool:
        """Whether `publish_every` transitions, and an update, came since the last version."""
        return self.updates > 0 and self.steps - self._published_steps >= self.config.publish_every

    def next_version(self) -> int:
        """Count the present policy as a new version and returns its number."""
        self._published_steps = self.steps
        self.version += 1
        return self.version

    def policy_payload(self) -> bytes:
        """Return the present policy as safetensors bytes."""
        return encode(self.algorithm.policy_tensors())

    def recorded_states(self, count: int) -> torch.Tensor:
        """Observations (k, n) drawn from the buffer, k <= count; the same each time."""
        return self._buffer.observations(count, np.random.default_rng(self.config.seed))

    def save(self, root: Path) -> None:
        """Write everything that `resume` needs as the newest checkpoint under `root`."""
        algorithm_tensors, algorithm_scalars = self.algorithm.state()
        tensors = {f'algorithm.{name}': value for name, value in algorithm_tensors.items()}
        for name, array in self._buffer.state().items():
            tensors[f'buffer.{name}'] = torch.from_numpy(np.array(array))
        scalars = {
            'identity': self._identity(),
            'algorithm': algorithm_scalars,
            'rng': self._rng.bit_generator.state,
            'episodes': self.episodes.state(),
            'cursor': self._cursor,
            'metrics': self._metrics,
            **{name: getattr(self, name) for name in _COUNTERS},
        }
        save_checkpoint(root, self.steps, tensors, scalars)

    def resume(self, root: Path) -> bool:
        """Continue from the newest whole checkpoint under `root`; False if there is none.

        Raises:
            ResumeError: the checkpoint is of another robot, task or configuration.
        """
        checkpoint = load_newest_checkpoint(root)
        if checkpoint is None:
            return False
        scalars = checkpoint.scalars
        self._check_identity(root, scalars['identity'])
        parts: dict[str, dict[str, Any]] = {'algorithm': {}, 'buffer': {}}
        for name, tensor in checkpoint.tensors.items():
            part, _, rest = name.partition('.')
            parts[part][rest] = tensor if part == 'algorithm' else tensor.numpy()
        self.algorithm.load_state(parts['algorithm'], scalars['algorithm'])
        self._buffer.load_state(parts['buffer'])
        self._rng.bit_generator.state = scalars['rng']
        self.episodes = EpisodeLog.from_state(scalars['episodes'])
        cursor = scalars['cursor']
        self._cursor = None if cursor is None else (cursor[0], cursor[1], cursor[2])
        self._metrics = dict(scalars['metrics'])
        for name in _COUNTERS:
            setattr(self, name, scalars[name])
        self._remember()
        return True

    def _fault(self, step: StepRecord) -> str | None:
        """Say what is wrong with a step, None if nothing is."""
        if step.layout_hash != self.task.layout.hash:
            return (
                f'observation layout {step.layout_hash} is not {self.task.layout.hash} of task '
                f'{self.task.name}: policy and learner must be given the same task'
            )
        if step.observation.shape != self._shapes['observation']:
            return f'observation has shape {step.observation.shape}'
        if not np.all(np.isfinite(step.observation)):
            return 'observation is not finite'
        if not are_pixels(step.observation[self._vector_dim :]):
            return 'its image holds numbers that are not n/255'
        if step.index == 0:
            return None
        if step.applied_action.shape != self._shapes['action']:
            return f'applied_action has shape {step.applied_action.shape}'
        if not (np.all(np.abs(step.applied_action) <= 1.0) and np.isfinite(step.reward)):
            return 'applied_action is outside [-1, 1] or the reward is not finite'
        return None

    def _add(self, step: StepRecord) -> None:
        self._buffer.add(
            step.applied_action, step.reward, step.observation, step.terminated, step.truncated
        )
        self.steps += 1
        self._robot_time_ns += step.stamp_ns - self._stamp_ns

    def _remember(self) -> None:
        """Keep the present state of the algorithm to roll back to."""
        self._good = _copy(self.algorithm.state())
        self._rollbacks_in_a_row = 0

    def _identity(self) -> dict[str, Any]:
        config = dataclasses.asdict(self.config)
        return {
            'robot': self.robot,
            'task': self.task.name,
            'layout_hash': self.task.layout.hash,
            **{name: config[name] for name in _STRUCTURAL},
            'algorithm_options': list(self.config.algorithm_options),
        }

    def _check_identity(self, root: Path, theirs: Mapping[str, Any]) -> None:
        for name, ours in self._identity().items():
            if theirs.get(name) != ours:
                raise ResumeError(
                    f'checkpoint in {root} has {name} {theirs.get(name)!r}, this run {ours!r}: '
                    'resume with the same settings or give the run another name'
                )


_STRUCTURAL = ('algorithm', 'buffer_capacity', 'seed')
_COUNTERS = (
    'steps',
    'updates',
    'version',
    'gaps',
    'refused',
    'rollbacks',
    '_stamp_ns',
    '_robot_time_ns',
    '_published_steps',
)


def _copy(
    state: tuple[dict[str, torch.Tensor], dict[str, Any]],
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    tensors, scalars = state
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}, dict(scalars)
