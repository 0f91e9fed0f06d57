# SPDX-License-Identifier: Apache-2.0
"""Q-learning with normalised advantage functions: the baseline whose best action is closed form.

Gu et al. 2016, "Continuous Deep Q-Learning with Model-based Acceleration", Algorithm 1 without
its model.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy

import torch
from torch import Tensor

from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.diverged import check_finite
from maxent_rl.naf_config import NAFConfig
from maxent_rl.naf_network import NAFNetwork, NAFQuadratic
from maxent_rl.networks import load_prefixed_state, prefixed_state, share_one_storage
from maxent_rl.replay_buffer import Batch, check_batch
from maxent_rl.trained_parameters import TrainedParameters

__all__ = ['NAF', 'NAFConfig']


class NAF:
    """Networks and optimiser of one learner; knows no environment and no files.

    All gradients of an update are taken at the same parameters and applied together; nothing is
    changed unless every one of them is finite.
    """

    temperature = 0.0

    def __init__(self, obs_dim: int, act_dim: int, config: NAFConfig, seed: int) -> None:
        """Draw all first parameters from a generator seeded with `seed`; updates draw nothing."""
        self.config = config
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.updates = 0
        generator = torch.Generator().manual_seed(seed)
        hidden = config.hidden
        self.policy = DeterministicPolicy(obs_dim, act_dim, hidden, generator)
        self.network = NAFNetwork(obs_dim, act_dim, hidden, config.layer_norm, generator)
        self.q_function = NAFQuadratic(self.policy, self.network)
        self._target = copy.deepcopy(self.network).requires_grad_(False)
        trained = [*self.network.parameters(), *self.policy.parameters()]
        self._trained = TrainedParameters(trained, config.learning_rate)
        self._flat_target = share_one_storage([*self._target.parameters()])
        self._modules = {'policy': self.policy, 'q1': self.network, 'q1_target': self._target}

    def update(self, batch: Batch) -> dict[str, float]:
        """Make one gradient step on everything and move the target.

        Returns:
            q_loss, q_mean (of the batch's actions), temperature (0).

        Raises:
            DivergedError: a loss or gradient is not finite; no parameter was changed.
            ValueError: the batch has other dimensions than this learner.
        """
        check_batch(batch, self.obs_dim, self.act_dim)
        q = self.q_function(batch.obs, batch.action)
        loss = 0.5 * (q - self._backup(batch)).square().mean()
        gradient = self._trained.gradient(loss)
        figures = torch.stack((loss, q.mean(), gradient.norm())).detach()
        names = ('q_loss', 'q_mean', 'gradient norm')
        metrics = dict(zip(names, figures.tolist(), strict=True))
        check_finite(metrics, self.updates + 1)
        del metrics['gradient norm']
        self._step()
        return {**metrics, 'temperature': self.temperature}

    def policy_tensors(self) -> dict[str, Tensor]:
        """Copy what acting needs: `policy.*`."""
        return prefixed_state('policy', self.policy)

    def skill_tensors(self) -> dict[str, Tensor]:
        """Copy what a skill holds: `policy.*`, and value and precision as `q1.*`."""
        return {**self.policy_tensors(), **prefixed_state('q1', self.network)}

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Copy everything that exact resume needs: tensors by name, and JSON-ready scalars."""
        tensors = self._trained.state('adam')
        for prefix, module in self._modules.items():
            tensors.update(prefixed_state(prefix, module))
        return tensors, {'algorithm': 'naf', 'updates': self.updates}

    def load_state(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]) -> None:
        """Continue exactly where `state` was taken from a learner of the same shape.

        Raises:
            ValueError: another algorithm, or tensors missing, unknown or of another shape.
        """
        updates = scalars.get('updates')
        if scalars.get('algorithm') != 'naf' or not isinstance(updates, int):
            raise ValueError(f'not the state of a NAF learner: {dict(scalars)}')
        given = dict(tensors)
        for prefix, module in self._modules.items():
            load_prefixed_state(prefix, module, given)
        self._trained.load_state('adam', given, started=updates > 0)
        self.updates = updates

    def _backup(self, batch: Batch) -> Tensor:
        """Bellman backup (b,) with the value of the target network."""
        with torch.no_grad():
            value: Tensor = self._target(batch.next_obs)[0]
            return batch.reward + self.config.discount * (1.0 - batch.terminated) * value

    def _step(self) -> None:
        self._trained.optimiser.step()
        with torch.no_grad():
            online = self._trained.flat[: self._flat_target.numel()]
            self._flat_target.lerp_(online, self.config.target_smoothing)
        self.updates += 1
