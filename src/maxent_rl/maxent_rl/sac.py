# SPDX-License-Identifier: Apache-2.0
"""Soft actor-critic with twin Q-functions and automatic temperature.

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import copy
import math

import torch
from torch import Tensor, nn

from maxent_rl import losses
from maxent_rl.diverged import check_finite
from maxent_rl.networks import (
    QFunction,
    TanhGaussianPolicy,
    aligned_pieces,
    load_prefixed_state,
    perceive,
    prefixed_state,
    share_one_storage,
)
from maxent_rl.replay_buffer import Batch, check_batch
from maxent_rl.reward_unit import reward_unit
from maxent_rl.sac_config import SACConfig

__all__ = ['SAC', 'SACConfig']

# What an update tells of, with the power of the unit of reward that is in it.
_UNITS = {
    'q_loss': 2,
    'policy_loss': 1,
    'temperature': 1,
    'entropy': 0,
    'q_mean': 1,
    'gradient norm': 0,
}


class SAC:
    """Networks, optimiser and noise of one learner; knows no environment and no files.

    With an automatic temperature, rewards are counted in a unit (see reward_unit) that the first
    batch decides. All that goes out is in the task's own unit: metrics, temperature and the
    Q-functions of a skill. A fixed temperature is in that unit too, and so are the rewards then.

    All gradients of an update are taken at the same parameters and applied together, as in the
    authors' code; nothing is changed unless every one of them is finite.
    """

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        config: SACConfig,
        seed: int,
        image: Sequence[int] = (),
    ) -> None:
        """Draw all first parameters and all later noise from a generator seeded with `seed`.

        `image` is the shape (h, w, c) of the image that ends an observation, () without one.
        """
        self.config = config
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.updates = 0
        self._reward_unit: float | None = None  # not known before the first update
        self._generator = torch.Generator().manual_seed(seed)
        hidden, norm = config.hidden, config.layer_norm
        self.policy = TanhGaussianPolicy(obs_dim, act_dim, hidden, self._generator, image)
        self.q1 = QFunction(obs_dim, act_dim, hidden, norm, self._generator, image)
        self.q2 = QFunction(obs_dim, act_dim, hidden, norm, self._generator, image)
        self._q1_target = copy.deepcopy(self.q1).requires_grad_(False)
        self._q2_target = copy.deepcopy(self.q2).requires_grad_(False)
        self._log_temperature = nn.Parameter(torch.tensor(math.log(config.initial_temperature)))
        self._q_parameters = [*self.q1.parameters(), *self.q2.parameters()]
        self._network_parameters = [*self._q_parameters, *self.policy.parameters()]
        trained = [*self._network_parameters, self._log_temperature]
        self._flat = nn.Parameter(share_one_storage(trained))
        self._flat.grad = torch.zeros_like(self._flat)
        self._gradients = aligned_pieces(self._flat.grad, trained)
        self._flat_target = share_one_storage(
            [*self._q1_target.parameters(), *self._q2_target.parameters()]
        )
        self._optimiser = torch.optim.Adam([self._flat], lr=config.learning_rate, fused=True)

    @property
    def temperature(self) -> float:
        """Current weight of the entropy, in the unit of the task's rewards."""
        return math.exp(self._log_temperature.item()) * (self._reward_unit or 1.0)

    def update(self, batch: Batch) -> dict[str, float]:
        """Make one gradient step on everything and move the target Q-functions.

        Returns:
            q_loss (sum of both, eq. 5), policy_loss (eq. 9, and imitation where that is asked
            for), temperature (used in this update), entropy (nats, of the batch's sampled
            actions), q_mean (of the first Q-function).

        Raises:
            DivergedError: a loss or gradient is not finite; no parameter was changed.
            ValueError: the batch has other dimensions than this learner.
        """
        check_batch(batch, self.obs_dim, self.act_dim)
        unit = self._unit_for(batch)
        temperature = self._log_temperature.detach().exp()
        target = self._soft_q_target(batch, temperature, unit)
        # What each network sees of the states serves all losses: images are encoded once.
        seen = perceive((self.policy, self.q1, self.q2), batch.obs)
        q1, q2 = self.q1.value(seen[1], batch.action), self.q2.value(seen[2], batch.action)
        q_loss = losses.q_loss(q1, q2, target)
        policy_loss, mean_log_prob = self._policy_loss(seen, temperature, batch.action)
        gradient = self._gradient(q_loss + policy_loss, mean_log_prob.detach())
        figures = torch.stack(
            (q_loss, policy_loss, temperature, -mean_log_prob, q1.mean(), gradient.norm())
        ).detach()
        metrics = dict(zip(_UNITS, figures.tolist(), strict=True))
        check_finite(metrics, self.updates + 1)
        self._reward_unit = unit
        self._step()
        del metrics['gradient norm']
        return {name: value * unit ** _UNITS[name] for name, value in metrics.items()}

    def policy_tensors(self) -> dict[str, Tensor]:
        """Copy what acting needs: `policy.*`."""
        return prefixed_state('policy', self.policy)

    def skill_tensors(self) -> dict[str, Tensor]:
        """Copy what a skill holds: `policy.*`, `q1.*`, `q2.*`, in the task's unit of reward."""
        tensors = self._online_tensors()
        last = len(self.config.hidden)
        for name in ('q1', 'q2'):
            for part in ('weight', 'bias'):
                tensors[f'{name}.layers.{last}.{part}'] *= self._reward_unit or 1.0
        return tensors

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Copy everything that exact resume needs: tensors by name, and JSON-ready scalars."""
        tensors = {
            **self._online_tensors(),
            **prefixed_state('q1_target', self._q1_target),
            **prefixed_state('q2_target', self._q2_target),
            'log_temperature': self._log_temperature.detach().clone(),
            'generator': self._generator.get_state(),
        }
        for name, tensor in self._optimiser.state[self._flat].items():
            tensors[f'adam.{name}'] = tensor.clone()
        scalars = {'updates': self.updates, 'reward_unit': self._reward_unit}
        return tensors, {'algorithm': 'sac', **scalars}

    def load_state(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]) -> None:
        """Continue exactly where `state` was taken from a learner of the same shape.

        Raises:
            ValueError: another algorithm, or tensors missing, unknown or of another shape.
        """
        updates, unit = scalars.get('updates'), scalars.get('reward_unit')
        is_sac = scalars.get('algorithm') == 'sac'
        if not is_sac or not isinstance(updates, int) or not isinstance(unit, float | None):
            raise ValueError(f'not the state of a SAC learner: {dict(scalars)}')
        given = dict(tensors)
        for prefix, module in (
            ('policy', self.policy),
            ('q1', self.q1),
            ('q2', self.q2),
            ('q1_target', self._q1_target),
            ('q2_target', self._q2_target),
        ):
            load_prefixed_state(prefix, module, given)
        for name in ('log_temperature', 'generator'):
            if name not in given:
                raise ValueError(f'state of SAC lacks tensor {name}')
        with torch.no_grad():
            self._log_temperature.copy_(given['log_temperature'])
        self._generator.set_state(given['generator'])
        self._load_optimiser(given, updates)
        self.updates, self._reward_unit = updates, unit

    def _online_tensors(self) -> dict[str, Tensor]:
        """Copy the networks that are trained, as they are."""
        return {
            **self.policy_tensors(),
            **prefixed_state('q1', self.q1),
            **prefixed_state('q2', self.q2),
        }

    def _unit_for(self, batch: Batch) -> float:
        if not self.config.automatic_temperature:
            return 1.0
        return self._reward_unit or reward_unit(batch.reward)

    def _soft_q_target(self, batch: Batch, temperature: Tensor, unit: float) -> Tensor:
        with torch.no_grad():
            networks = self.policy, self._q1_target, self._q2_target
            of_policy, of_q1, of_q2 = perceive(networks, batch.next_obs)
            action, log_prob = self.policy.sample_at(of_policy, self._generator)
            q = torch.minimum(
                self._q1_target.value(of_q1, action), self._q2_target.value(of_q2, action)
            )
            # The policy's entropy is low where it imitates. Backed up, that would lower Q, hence
            # strengthen imitation and raise the temperature, which would lower Q again.
            weight = torch.zeros(()) if self.config.imitation_weight > 0.0 else temperature
            return losses.soft_q_target(
                batch.reward / unit, batch.terminated, q, log_prob, weight, self.config.discount
            )

    def _policy_loss(
        self, seen: Sequence[Tensor], temperature: Tensor, executed: Tensor
    ) -> tuple[Tensor, Tensor]:
        of_policy, of_q1, of_q2 = seen
        action, log_prob = self.policy.sample_at(of_policy, self._generator)
        # The policy's gradient passes through the Q-functions but must not reach their weights.
        self._freeze_q(True)
        try:
            q = torch.minimum(
                self.q1.value(of_q1.detach(), action), self.q2.value(of_q2.detach(), action)
            )
        finally:
            self._freeze_q(False)
        loss = losses.policy_loss(log_prob, q, temperature)
        if self.config.imitation_weight > 0.0:
            loss = loss + self.config.imitation_weight * losses.imitation_loss(action, executed, q)
        return loss, log_prob.mean()

    def _freeze_q(self, frozen: bool) -> None:
        for parameter in self._q_parameters:
            parameter.requires_grad_(not frozen)

    def _gradient(self, loss: Tensor, mean_log_prob: Tensor) -> Tensor:
        """Write the gradient of everything where the optimiser reads it, and return it."""
        gradients = torch.autograd.grad(loss, self._network_parameters)
        torch._foreach_copy_(self._gradients[:-1], gradients)
        if self.config.automatic_temperature:  # else zero: Adam then never moves it
            target_entropy = self.config.target_entropy_per_dim * self.act_dim
            self._gradients[-1].copy_(
                losses.log_temperature_gradient(mean_log_prob, target_entropy)
            )
        assert self._flat.grad is not None
        return self._flat.grad

    def _step(self) -> None:
        self._optimiser.step()
        with torch.no_grad():
            online = self._flat[: self._flat_target.numel()]
            self._flat_target.lerp_(online, self.config.target_smoothing)
        self.updates += 1

    def _load_optimiser(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        shapes = {'exp_avg': self._flat.shape, 'exp_avg_sq': self._flat.shape, 'step': ()}
        state: dict[str, Tensor] = {}
        for name, shape in shapes.items():
            tensor = tensors.get(f'adam.{name}')
            if updates == 0 and tensor is None:
                continue
            if tensor is None or tensor.shape != shape or tensor.dtype != torch.float32:
                raise ValueError(f'state of SAC: adam.{name} must be float32 of shape {shape}')
            state[name] = tensor.clone()
        self._optimiser.state[self._flat] = state
