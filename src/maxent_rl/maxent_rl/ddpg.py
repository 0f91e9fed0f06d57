# SPDX-License-Identifier: Apache-2.0
"""Deep deterministic policy gradient with twin Q-functions: the baseline without entropy.

Lillicrap et al. 2016, "Continuous Control with Deep Reinforcement Learning", Algorithm 1; the
smaller of two Q-functions in target and policy loss is from Fujimoto et al. 2018, as in
Haarnoja 2018 (thesis), section 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy

import torch
from torch import Tensor

from maxent_rl import losses
from maxent_rl.ddpg_config import DDPGConfig
from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.diverged import check_finite
from maxent_rl.networks import (
    QFunction,
    load_prefixed_state,
    prefixed_state,
    share_one_storage,
)
from maxent_rl.replay_buffer import Batch, check_batch
from maxent_rl.trained_parameters import TrainedParameters

__all__ = ['DDPG', 'DDPGConfig']


class DDPG:
    """Networks and optimiser of one learner; knows no environment and no files.

    All gradients of an update are taken at the same parameters and applied together; nothing is
    changed unless every one of them is finite.
    """

    temperature = 0.0

    def __init__(self, obs_dim: int, act_dim: int, config: DDPGConfig, seed: int) -> None:
        """Draw all first parameters from a generator seeded with `seed`; updates draw nothing."""
        self.config = config
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.updates = 0
        generator = torch.Generator().manual_seed(seed)
        hidden, norm = config.hidden, config.layer_norm
        self.policy = DeterministicPolicy(obs_dim, act_dim, hidden, generator)
        self.q1 = QFunction(obs_dim, act_dim, hidden, norm, generator)
        self.q2 = QFunction(obs_dim, act_dim, hidden, norm, generator)
        self._q1_target = copy.deepcopy(self.q1).requires_grad_(False)
        self._q2_target = copy.deepcopy(self.q2).requires_grad_(False)
        self._policy_target = copy.deepcopy(self.policy).requires_grad_(False)
        self._q = TrainedParameters(
            [*self.q1.parameters(), *self.q2.parameters()], config.critic_learning_rate
        )
        self._pi = TrainedParameters([*self.policy.parameters()], config.actor_learning_rate)
        self._flat_q_target = share_one_storage(
            [*self._q1_target.parameters(), *self._q2_target.parameters()]
        )
        self._flat_policy_target = share_one_storage([*self._policy_target.parameters()])
        self._modules = {
            'policy': self.policy,
            'q1': self.q1,
            'q2': self.q2,
            'policy_target': self._policy_target,
            'q1_target': self._q1_target,
            'q2_target': self._q2_target,
        }

    def q_function(self, obs: Tensor, action: Tensor) -> Tensor:
        """Value (...) of obs (..., n) and action (..., m): the smaller of both Q-functions."""
        return torch.minimum(self.q1(obs, action), self.q2(obs, action))

    def update(self, batch: Batch) -> dict[str, float]:
        """Make one gradient step on everything and move the targets.

        Returns:
            q_loss (sum of both), policy_loss, temperature (0), q_mean (of the first Q-function).

        Raises:
            DivergedError: a loss or gradient is not finite; no parameter was changed.
            ValueError: the batch has other dimensions than this learner.
        """
        check_batch(batch, self.obs_dim, self.act_dim)
        q1, q2 = self.q1(batch.obs, batch.action), self.q2(batch.obs, batch.action)
        q_loss = losses.q_loss(q1, q2, self._target(batch))
        q_gradient = self._q.gradient(q_loss)
        with self._q.frozen():  # eq. 6: the policy's gradient passes through them
            policy_loss = -self.q_function(batch.obs, self.policy(batch.obs)).mean()
        policy_gradient = self._pi.gradient(policy_loss)
        figures = (q_loss, policy_loss, q1.mean(), q_gradient.norm(), policy_gradient.norm())
        names = ('q_loss', 'policy_loss', 'q_mean', 'gradient norm', 'policy gradient norm')
        metrics = dict(zip(names, torch.stack(figures).detach().tolist(), strict=True))
        check_finite(metrics, self.updates + 1)
        self._step()
        return {**{k: metrics[k] for k in names[:3]}, 'temperature': self.temperature}

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
        tensors = {**self._q.state('adam_q'), **self._pi.state('adam_policy')}
        for prefix, module in self._modules.items():
            tensors.update(prefixed_state(prefix, module))
        return tensors, {'algorithm': 'ddpg', 'updates': self.updates}

    def load_state(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]) -> None:
        """Continue exactly where `state` was taken from a learner of the same shape.

        Raises:
            ValueError: another algorithm, or tensors missing, unknown or of another shape.
        """
        updates = scalars.get('updates')
        if scalars.get('algorithm') != 'ddpg' or not isinstance(updates, int):
            raise ValueError(f'not the state of a DDPG learner: {dict(scalars)}')
        given = dict(tensors)
        for prefix, module in self._modules.items():
            load_prefixed_state(prefix, module, given)
        self._q.load_state('adam_q', given, started=updates > 0)
        self._pi.load_state('adam_policy', given, started=updates > 0)
        self.updates = updates

    def _target(self, batch: Batch) -> Tensor:
        """Bellman backup (b,), Lillicrap et al. 2016, eq. 5, with the smaller Q-function."""
        with torch.no_grad():
            action = self._policy_target(batch.next_obs)
            q = torch.minimum(
                self._q1_target(batch.next_obs, action), self._q2_target(batch.next_obs, action)
            )
            return batch.reward + self.config.discount * (1.0 - batch.terminated) * q

    def _step(self) -> None:
        self._q.optimiser.step()
        self._pi.optimiser.step()
        with torch.no_grad():
            self._flat_q_target.lerp_(self._q.flat, self.config.target_smoothing)
            self._flat_policy_target.lerp_(self._pi.flat, self.config.target_smoothing)
        self.updates += 1
