# SPDX-License-Identifier: Apache-2.0
"""Offline extraction of a policy from a composed Q-function: recorded states, no new samples.

Haarnoja et al. 2018, "Composable Deep Reinforcement Learning for Robotic Manipulation", section
V-B: only a policy is fitted, to a Q that stays as it is; hence far fewer gradient steps than
training. The states should be those that all constituents recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
import copy

import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor

from maxent_rl import losses
from maxent_rl.composition import Composition, CompositionError
from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.diverged import check_finite
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.policy import Policy
from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.svgd import svgd_direction
from maxent_rl.trained_parameters import TrainedParameters


class Extractor(ABC):
    """Fits `policy` step by step, so that a caller can evaluate it in between.

    Args:
        composition: whose Q is fitted.
        config: settings.
        seed: of the first parameters and all noise.
        start: policy to begin with (copied), for instance a constituent's, which saves steps;
            None: a fresh network. `config.hidden` is then not used.

    Raises:
        CompositionError: the composition has no temperature and this extractor needs one.
        ValueError: `start` is another kind of policy or has other dimensions; or there is none
            and the skills see images.
    """

    kind: type[Policy]

    def __init__(
        self,
        composition: Composition,
        config: ExtractionConfig,
        seed: int,
        start: Policy | None = None,
    ) -> None:
        if composition.temperature == 0.0 and not issubclass(self.kind, DeterministicPolicy):
            raise CompositionError(
                f'skills {list(composition.names)} have temperature 0: exp(Q) is no distribution '
                'for them; extract a deterministic policy'
            )
        self.composition = composition
        self.config = config
        self.steps = 0
        self.generator = torch.Generator().manual_seed(seed)
        self.policy = self._first_policy(start)
        self._trained = TrainedParameters([*self.policy.parameters()], config.learning_rate)

    def step(self, obs: Tensor) -> dict[str, float]:
        """Make one gradient step on states (b, n).

        Returns:
            loss (what is descended), q_mean (composed Q of the policy's actions).

        Raises:
            DivergedError: a figure is not finite; no parameter was changed.
        """
        loss, q = self._loss(obs)
        gradient = self._trained.gradient(loss)
        figures = torch.stack((loss, q.mean(), gradient.norm())).detach().tolist()
        metrics = dict(zip(('loss', 'q_mean', 'gradient norm'), figures, strict=True))
        check_finite(metrics, self.steps + 1)
        del metrics['gradient norm']
        share = min(self.steps / self.config.steps, 1.0)
        rate = self.config.learning_rate * self.config.decay**share
        self._trained.optimiser.param_groups[0]['lr'] = rate
        self._trained.optimiser.step()
        self.steps += 1
        return metrics

    def run(self, observations: NDArray[np.float32], steps: int | None = None) -> Policy:
        """Make steps (None: `config.steps`) on random batches of observations (N, n).

        Raises:
            ValueError: observations of another shape, none, or not finite.
            DivergedError: see `step`.
        """
        states = _checked(observations, self.composition.obs_dim)
        for _ in range(self.config.steps if steps is None else steps):
            size = (self.config.batch_size,)
            self.step(states[torch.randint(len(states), size, generator=self.generator)])
        return self.policy

    @abstractmethod
    def _loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Objective (), and composed Q (...) of the actions in it, for obs (b, n)."""

    def _first_policy(self, start: Policy | None) -> Policy:
        sizes = self.composition.obs_dim, self.composition.act_dim
        if start is None:
            if self.composition.image:
                raise ValueError('extraction from images must start from the policy of a skill')
            return self.kind(*sizes, self.config.hidden, self.generator)
        if type(start) is not self.kind or (start.obs_dim, start.act_dim) != sizes:
            raise ValueError(
                f'extraction must start from a {self.kind.__name__} for {sizes[0]} observations '
                f'and {sizes[1]} actions, got {type(start).__name__} for {start.obs_dim} '
                f'and {start.act_dim}'
            )
        return copy.deepcopy(start).requires_grad_(True)


class SamplerExtractor(Extractor):
    """Sampling network that draws from exp(Q), by Stein variational gradient descent.

    The update of the policy in soft Q-learning (Haarnoja 2018, thesis, eqs. 3.11, 3.12).
    """

    kind = SamplingPolicy
    policy: SamplingPolicy

    def _loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        shape = len(obs), self.config.particles, self.composition.act_dim
        u = self.policy.samples(obs, torch.randn(shape, generator=self.generator))
        action = torch.tanh(u.detach()).requires_grad_(True)
        q = self.composition.q(obs, action)
        (slope,) = torch.autograd.grad(q.sum(), action)
        action = action.detach()
        # As in soft_q: descended before squashing; -2 tanh is the slope of the log-Jacobian.
        score = slope / self.config.temperature * (1.0 - action.square()) - 2.0 * action
        direction = svgd_direction(u.detach(), score, own=False)
        return -(direction * u).sum(dim=-1).mean(), q


class GaussianExtractor(Extractor):
    """Tanh-Gaussian nearest to exp(Q) in KL divergence: the policy update of SAC (eq. 9)."""

    kind = TanhGaussianPolicy
    policy: TanhGaussianPolicy

    def _loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        action, log_density = self.policy.sample(obs, self.generator)
        q = self.composition.q(obs, action.unsqueeze(1)).squeeze(1)
        return losses.policy_loss(log_density, q, torch.tensor(self.config.temperature)), q


class DeterministicExtractor(Extractor):
    """Network of the actions with the largest Q: the policy update of DDPG."""

    kind = DeterministicPolicy
    policy: DeterministicPolicy

    def _loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        q = self.composition.q(obs, self.policy(obs).unsqueeze(1)).squeeze(1)
        return -q.mean(), q


EXTRACTORS: Mapping[str, type[Extractor]] = {
    'sampler': SamplerExtractor,
    'gaussian': GaussianExtractor,
    'deterministic': DeterministicExtractor,
}


def _checked(observations: NDArray[np.float32], obs_dim: int) -> Tensor:
    if observations.ndim != 2 or observations.shape[1] != obs_dim or len(observations) == 0:
        raise ValueError(f'observations must be (N >= 1, {obs_dim}), got {observations.shape}')
    if not np.isfinite(observations).all():
        raise ValueError('observations must be finite')
    return torch.from_numpy(np.ascontiguousarray(observations, np.float32))
