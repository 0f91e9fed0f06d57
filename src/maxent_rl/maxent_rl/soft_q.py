# SPDX-License-Identifier: Apache-2.0
"""Soft Q-learning with amortised Stein variational gradient descent and twin Q-functions.

Haarnoja 2018 (thesis), chapter 3, Algorithm 1; also Haarnoja et al. 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy

import torch
from torch import Tensor

from maxent_rl import losses
from maxent_rl.conservative import conservative_penalty, penalised
from maxent_rl.diverged import check_finite
from maxent_rl.networks import (
    QFunction,
    load_prefixed_state,
    prefixed_state,
    repeat_each,
    share_one_storage,
)
from maxent_rl.replay_buffer import Batch, check_batch
from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.soft_q_config import SoftQConfig
from maxent_rl.soft_value import mixed_proposal, soft_value, uniform_proposal
from maxent_rl.svgd import svgd_direction
from maxent_rl.trained_parameters import TrainedParameters

__all__ = ['SoftQ', 'SoftQConfig']


class SoftQ:
    """Networks, optimisers and noise of one learner; knows no environment and no files.

    All gradients of an update are taken at the same parameters and applied together; nothing is
    changed unless every one of them is finite.
    """

    def __init__(self, obs_dim: int, act_dim: int, config: SoftQConfig, seed: int) -> None:
        """Draw all first parameters and all later noise from a generator seeded with `seed`."""
        self.config = config
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.updates = 0
        self._generator = torch.Generator().manual_seed(seed)
        hidden, norm = config.hidden, config.layer_norm
        self.policy = SamplingPolicy(obs_dim, act_dim, hidden, self._generator)
        self.q1 = QFunction(obs_dim, act_dim, hidden, norm, self._generator)
        self.q2 = QFunction(obs_dim, act_dim, hidden, norm, self._generator)
        self._q1_target = copy.deepcopy(self.q1).requires_grad_(False)
        self._q2_target = copy.deepcopy(self.q2).requires_grad_(False)
        self._q = TrainedParameters(
            [*self.q1.parameters(), *self.q2.parameters()], config.learning_rate
        )
        self._pi = TrainedParameters([*self.policy.parameters()], config.policy_learning_rate)
        self._flat_target = share_one_storage(
            [*self._q1_target.parameters(), *self._q2_target.parameters()]
        )

    @property
    def temperature(self) -> float:
        """Current weight of the entropy."""
        return self.config.temperature_at(self.updates)

    def update(self, batch: Batch) -> dict[str, float]:
        """Make one gradient step on everything and, when it is due, move the target.

        Returns:
            q_loss (sum of both, eq. 3.9), q_mean (of the first Q-function), temperature, svgd
            (mean length of the particles' steps, eq. 3.11).

        Raises:
            DivergedError: a loss or gradient is not finite; no parameter was changed.
            ValueError: the batch has other dimensions than this learner.
        """
        check_batch(batch, self.obs_dim, self.act_dim)
        target = self._target(batch)
        q1, q2 = self.q1(batch.obs, batch.action), self.q2(batch.obs, batch.action)
        q_loss = losses.q_loss(q1, q2, target)
        if self.config.conservative_weight > 0.0:
            q_loss = q_loss + self._conservative_loss(batch.obs, q1, q2)
        q_gradient = self._q.gradient(q_loss)
        moved, direction = self._stein(batch.obs)
        # eq. 3.12: the chain rule carries the particles' directions into the network
        policy_gradient = self._pi.gradient(-(direction * moved).sum(dim=-1).mean())
        lengths = direction.norm(dim=-1).mean()
        figures = (q_loss, q1.mean(), lengths, q_gradient.norm(), policy_gradient.norm())
        values = torch.stack(figures).detach().tolist()
        names = ('q_loss', 'q_mean', 'svgd', 'gradient norm', 'policy gradient norm')
        metrics = dict(zip(names, values, strict=True))
        check_finite(metrics, self.updates + 1)
        temperature = self.temperature
        self._step()
        return {**{k: metrics[k] for k in names[:3]}, 'temperature': temperature}

    def q_function(self, obs: Tensor, action: Tensor) -> Tensor:
        """Smaller of both Q-functions (...), for obs (..., n) and action (..., m)."""
        return torch.minimum(self.q1(obs, action), self.q2(obs, action))

    def policy_tensors(self) -> dict[str, Tensor]:
        """Copy what acting needs: `policy.*`."""
        return prefixed_state('policy', self.policy)

    def skill_tensors(self) -> dict[str, Tensor]:
        """Copy what a skill holds: `policy.*`, `q1.*`, `q2.*`."""
        return {
            **self.policy_tensors(),
            **prefixed_state('q1', self.q1),
            **prefixed_state('q2', self.q2),
        }

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Copy everything that exact resume needs: tensors by name, and JSON-ready scalars."""
        tensors = {
            **self.skill_tensors(),
            **prefixed_state('q1_target', self._q1_target),
            **prefixed_state('q2_target', self._q2_target),
            **self._q.state('adam_q'),
            **self._pi.state('adam_policy'),
            'generator': self._generator.get_state(),
        }
        return tensors, {'algorithm': 'soft_q', 'updates': self.updates}

    def load_state(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]) -> None:
        """Continue exactly where `state` was taken from a learner of the same shape.

        Raises:
            ValueError: another algorithm, or tensors missing, unknown or of another shape.
        """
        updates = scalars.get('updates')
        if scalars.get('algorithm') != 'soft_q' or not isinstance(updates, int):
            raise ValueError(f'not the state of a soft_q learner: {dict(scalars)}')
        if 'generator' not in tensors:
            raise ValueError('state of soft_q lacks tensor generator')
        given = dict(tensors)
        for prefix, module in (
            ('policy', self.policy),
            ('q1', self.q1),
            ('q2', self.q2),
            ('q1_target', self._q1_target),
            ('q2_target', self._q2_target),
        ):
            load_prefixed_state(prefix, module, given)
        self._q.load_state('adam_q', given, started=updates > 0)
        self._pi.load_state('adam_policy', given, started=updates > 0)
        self._generator.set_state(given['generator'])
        self.updates = updates

    def _target(self, batch: Batch) -> Tensor:
        """Soft Bellman backup (b,) of eq. 3.9 with the soft value of eq. 3.8."""
        with torch.no_grad():
            flat, density = self._proposed(batch.next_obs)
            q = torch.minimum(self._q1_target(*flat), self._q2_target(*flat)).view_as(density)
            value = soft_value(q, density, self.temperature)
            return batch.reward + self.config.discount * (1.0 - batch.terminated) * value

    def _conservative_loss(self, obs: Tensor, q1: Tensor, q2: Tensor) -> Tensor:
        """Weighted penalty of both Q-functions, whose values (b,) of the batch are given."""
        n = penalised(len(obs))
        with torch.no_grad():
            flat, density = self._proposed(obs[:n])
        penalties = [
            conservative_penalty(
                network(*flat).view_as(density), density, data_q[:n], self.temperature
            )
            for network, data_q in ((self.q1, q1), (self.q2, q2))
        ]
        return self.config.conservative_weight * torch.stack(penalties).sum()

    def _proposed(self, obs: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """K rows of state and proposed action for each of obs (b, n), log-densities (b, k)."""
        config, size, k = self.config, len(obs), self.config.value_samples
        if config.value_width > 0.0:
            centres = torch.tanh(self.policy.samples(obs, self._noise(size)))
            actions, density = mixed_proposal(centres, k, config.value_width, self._generator)
        else:
            actions, density = uniform_proposal(size, k, self.act_dim, self._generator)
        return (repeat_each(obs, k), actions.reshape(size * k, self.act_dim)), density

    def _stein(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Particles (b, k, m) before `tanh`, and the directions in which they should move.

        The descent runs before the squashing, where the space has no walls: there the density is
        `exp(Q(tanh u) / t)` times the Jacobian of tanh, whose logarithm has the gradient -2 tanh.
        """
        u = self.policy.samples(obs, self._noise(len(obs)))
        _, k, m = u.shape
        action = torch.tanh(u.detach()).requires_grad_(True)
        with self._q.frozen():  # the slope is wanted in the actions only
            q = self.q_function(repeat_each(obs, k), action.reshape(-1, m))
        (slope,) = torch.autograd.grad(q.sum(), action)
        action = action.detach()
        score = slope * (1.0 - action.square()) - 2.0 * self.temperature * action
        return u, svgd_direction(u.detach(), score, self.temperature, own=False)

    def _noise(self, states: int) -> Tensor:
        return torch.randn(
            (states, self.config.particles, self.act_dim), generator=self._generator
        )

    def _step(self) -> None:
        self._q.optimiser.step()
        self._pi.optimiser.step()
        self.updates += 1
        if self.updates % self.config.target_period == 0:
            with torch.no_grad():
                self._flat_target.lerp_(self._q.flat, self.config.target_smoothing)
