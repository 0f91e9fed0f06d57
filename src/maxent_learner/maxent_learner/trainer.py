# SPDX-License-Identifier: Apache-2.0
"""Steps in, gradient updates out: the learner without ROS and without an environment.

The same trainer serves the learner node and the in-process path. Who calls decides when; the
trainer says how many updates are due. All randomness comes from the seed, so a run that is saved
and resumed equals, bit for bit, one that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from maxent_learner.episode_log import EpisodeLog, EpisodeResult
from maxent_learner.experience import Experience, StepError
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import make_algorithm
from maxent_rl.checkpoint import (
    CheckpointError,
    load_newest_checkpoint,
    save_checkpoint,
    saved_scalars,
)
from maxent_rl.diverged import DivergedError
from maxent_rl.replay_buffer import Batch, ReplayBuffer, join
from maxent_rl.replay_segments import ReplayMark, ReplaySegments
from maxent_rl.segment_blocks import SegmentError
from maxent_rl.weights import encode
from maxent_robot.types import NANOSECONDS

if TYPE_CHECKING:
    from maxent_robot.episode_outputs import StepRecord
    from maxent_robot.tasks import Task

SNAPSHOT_EVERY = 500  # updates between states to roll back to
MAX_ROLLBACKS = 5  # in a row, to the same state

__all__ = ['ResumeError', 'StepError', 'Trainer']

_logger = logging.getLogger(__name__)


class ResumeError(RuntimeError):
    """A run that cannot be continued: it is damaged or of another configuration or version."""


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
        self._live = Experience(task, config.buffer_capacity)
        self._recorded: Experience | None = None  # out of bags, beside what comes in live
        self._recorded_share = 0.0
        self._rng = np.random.default_rng(sampling_seed)
        self._metrics: dict[str, float] = {}
        self._published_steps = 0
        self.episodes = EpisodeLog()
        self.updates = 0
        self.version = 1  # of the policy that `policy_payload` returns
        self.rollbacks = 0
        self.lost_transitions = 0  # of the replay buffer, damaged or missing on disk
        self._segments: ReplaySegments | None = None
        self._rollbacks_in_a_row = 0
        self._remember()

    def observe(self, step: StepRecord) -> EpisodeResult | None:
        """Take a step in the order in which it was made; returns the episode it finished.

        See `Experience.take` for what is stored.

        Raises:
            StepError: as there.
        """
        follows = self._live.take(step)
        return None if follows is None else self.episodes.add(step, transition=follows)

    def use_recorded(self, recorded: Experience, share: float) -> None:
        """Draw a share in (0, 1] of every batch from recorded experience; 1: all of it.

        Half and half is what Ball et al. 2023 (RLPD) recommend. The recorded experience is not
        part of a checkpoint: it lies in its bags.

        Raises:
            ValueError: a share out of range, or recorded experience without a transition.
        """
        if not 0.0 < share <= 1.0:
            raise ValueError(f'the share of recorded experience must be in (0, 1], is {share}')
        if len(recorded.buffer) == 0:
            raise ValueError('the bags hold no transition that can be learned from')
        self._recorded, self._recorded_share = recorded, share

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
        try:
            self._metrics = self.algorithm.update(self._batch())
        except DivergedError:
            self.rollbacks += 1
            self._rollbacks_in_a_row += 1
            self.algorithm.load_state(*_copy(self._good))
            raise
        if self.updates % SNAPSHOT_EVERY == 0:
            self._remember()
        return self._metrics

    def _batch(self) -> Batch:
        size, rng = self.algorithm.config.batch_size, self._rng
        if self._recorded is None:
            return self._buffer.sample(size, rng)
        recorded = round(self._recorded_share * size)
        parts = ((self._recorded.buffer, recorded), (self._buffer, size - recorded))
        return join([buffer.sample(count, rng) for buffer, count in parts if count > 0])

    @property
    def _buffer(self) -> ReplayBuffer:
        return self._live.buffer

    @property
    def steps(self) -> int:
        """Transitions that came in live."""
        return self._live.transitions

    @property
    def recorded_transitions(self) -> int:
        """Transitions out of bags."""
        return 0 if self._recorded is None else self._recorded.transitions

    @property
    def gaps(self) -> int:
        """Segments cut off by lost or refused steps."""
        return self._live.gaps

    @property
    def refused(self) -> int:
        """Steps that could not be learned from."""
        return self._live.refused

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
        """Seconds of robot time learned from: the time that the transitions took, bags' too."""
        recorded_ns = 0 if self._recorded is None else self._recorded.robot_time_ns
        return (self._live.robot_time_ns + recorded_ns) / NANOSECONDS

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
        """Observations (k, n) drawn from experience, k <= count; the same each time."""
        rng = np.random.default_rng(self.config.seed)
        if self._recorded is not None and len(self._buffer) == 0:
            return self._recorded.buffer.observations(count, rng)
        return self._buffer.observations(count, rng)

    def save(self, root: Path) -> None:
        """Write everything that `resume` needs as the newest checkpoint under `root`.

        What came into the replay buffer since the last time goes first, to the folder `replay`
        beside `root`.

        Raises:
            OSError: for instance a full disk; the earlier checkpoints are as before, and the
                next call writes what this one could not.
        """
        segments = self._replay_beside(root)
        mark = segments.append(self._buffer)
        algorithm_tensors, algorithm_scalars = self.algorithm.state()
        tensors = {f'algorithm.{name}': value for name, value in algorithm_tensors.items()}
        scalars = {
            'identity': self._identity(),
            'algorithm': algorithm_scalars,
            'replay': dataclasses.asdict(mark),
            'rng': self._rng.bit_generator.state,
            'episodes': self.episodes.state(),
            'experience': self._live.state(),
            'metrics': self._metrics,
            **{name: getattr(self, name) for name in _COUNTERS},
        }
        save_checkpoint(root, self.steps, tensors, scalars)
        kept = [each['replay'] for each in saved_scalars(root) if 'replay' in each]
        segments.remove_unneeded([ReplayMark(**each) for each in kept])

    def resume(self, root: Path, report: Callable[[str], None] = _logger.warning) -> bool:
        """Continue from the newest whole checkpoint under `root`; False if there is none.

        Transitions that are damaged or missing on disk are counted in `lost_transitions`, and
        learning goes on with the others.

        Args:
            root: folder of the run's checkpoints, as given to `save`.
            report: is told what was lost.

        Raises:
            ResumeError: no checkpoint is whole, or it is of another robot, task or configuration,
                or another version of this software wrote it.
        """
        try:
            checkpoint = load_newest_checkpoint(root)
        except CheckpointError as error:
            raise ResumeError(str(error)) from error
        if checkpoint is None:
            return False
        scalars = checkpoint.scalars
        self._check_identity(root, scalars['identity'])
        tensors = {name.partition('.')[2]: each for name, each in checkpoint.tensors.items()}
        self.algorithm.load_state(tensors, scalars['algorithm'])
        self._rng.bit_generator.state = scalars['rng']
        self.episodes = EpisodeLog.from_state(scalars['episodes'])
        self._metrics = dict(scalars['metrics'])
        for name in _COUNTERS:
            setattr(self, name, scalars[name])
        self._restore_replay(root, ReplayMark(**scalars['replay']), report)
        self._live.load_state(scalars['experience'])
        self._remember()
        return True

    def _replay_beside(self, root: Path) -> ReplaySegments:
        folder = root.parent / 'replay'
        if self._segments is None or self._segments.folder != folder:
            self._segments = ReplaySegments(folder)
        return self._segments

    def _restore_replay(self, root: Path, mark: ReplayMark, report: Callable[[str], None]) -> None:
        segments = self._replay_beside(root)
        try:
            lost = segments.restore(self._buffer, mark)
        except SegmentError as error:
            raise ResumeError(f'{segments.folder}: {error}') from error
        if lost > 0:
            self.lost_transitions += lost
            report(
                f'{lost} of {mark.transitions} transitions in {segments.folder} are damaged or '
                'missing; learning goes on with the others'
            )

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
            'recorded_transitions': self.recorded_transitions,
            'bag_share': self._recorded_share,
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
    'updates',
    'version',
    'rollbacks',
    'lost_transitions',
    '_published_steps',
)


def _copy(
    state: tuple[dict[str, torch.Tensor], dict[str, Any]],
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    tensors, scalars = state
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}, dict(scalars)
