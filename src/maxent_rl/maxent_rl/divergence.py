# SPDX-License-Identifier: Apache-2.0
"""How far skills are from agreeing, and what that can cost: estimates for continuous actions.

Definitions as in docs/composition_theory.md, whose exact versions for finite MDPs
(maxent_rl/tabular_composition.py) are the oracle: skill i acts by exp((Q_i - V_i) / t_i); the
disagreement of a state is rho = -log of the integral of prod_i pi_i^w_i = sum_i w_i V_i / t_i - V,
with V the soft value of the AND of the skills. All are in nats, of a composition of temperature 1.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from maxent_rl.composition import Composition, CompositionError
from maxent_rl.networks import Linear, QFunction
from maxent_rl.proposal import Proposal
from maxent_rl.replay_buffer import Batch, check_batch
from maxent_rl.soft_value import soft_value
from maxent_rl.trained_parameters import TrainedParameters

_CHUNK = 64  # states that are evaluated together
_GAP_HIDDEN = (64, 64)
_GAP_BATCH = 128
_GAP_ACTIONS = 16  # among which the worst next action is sought
_GAP_LEARNING_RATE = 1e-3
_GAP_SMOOTHING = 0.05


@dataclass(frozen=True, eq=False)
class Divergence:
    """Estimates in N states for S skills, in nats.

    Args:
        overlap: (N,) rho, the disagreement of all skills under the composition's weights.
        renyi_half: (N, S, S) Rényi divergence of order 1/2 of each pair.
        effective: (N,) smallest effective sample size (Kish) among the skills and their AND.
    """

    overlap: Tensor
    renyi_half: Tensor
    effective: Tensor


def divergences(
    composition: Composition,
    obs: Tensor,
    generator: Generator,
    samples: int = 256,
    width: float = 0.1,
) -> Divergence:
    """Estimate how far the skills are from agreeing, by importance sampling.

    All soft values of a state use the same draws. The estimates are then exact for the sample, by
    Hölder's inequality never negative, and zero for equal skills however few the draws.

    Args:
        composition: the skills and their weights; the mode plays no part.
        obs: (N, n) states.
        generator: of the draws.
        samples: actions per state.
        width: of `Proposal`.

    Raises:
        CompositionError: skills of temperature 0: where their actions differ at all, the
            divergence is infinite.
    """
    if composition.temperature == 0.0:
        raise CompositionError(
            f'skills {list(composition.names)} have temperature 0: their divergence is infinite '
            'wherever their actions differ'
        )
    proposal = Proposal(composition, samples, width)
    with torch.no_grad():
        found = [_in_chunk(composition, proposal, part, generator) for part in _chunks(obs)]
    return Divergence(*(torch.cat(column) for column in zip(*found, strict=True)))


def renyi_half(
    composition: Composition, obs: Tensor, generator: Generator, samples: int = 256
) -> Tensor:
    """Rényi divergences of order 1/2 (N, S, S) between the skills; see `divergences`."""
    return divergences(composition, obs, generator, samples).renyi_half


class Gap:
    """An estimate of C* of Lemma 1, in nats: what AND may promise too much."""

    def __init__(self, network: QFunction, unit: float) -> None:
        """Scale `network` by `unit`."""
        self._network = network
        self._unit = unit

    def __call__(self, obs: Tensor, action: Tensor) -> Tensor:
        """Estimate C* (...), never negative, for obs (..., n) and action (..., m)."""
        with torch.no_grad():
            estimate: Tensor = self._unit * self._network(obs, action).clamp(0.0, 1.0)
            return estimate


def estimate_gap(
    divergence: Tensor, transitions: Batch, discount: float, seed: int, steps: int = 3000
) -> Gap:
    """Fit C*(s, a) = discount E[rho(s') + max_a' C*(s', a')] to recorded transitions.

    Fitted iteration with a small network; the largest C of the next state is sought among
    recorded actions, so that nothing is asked where nothing was recorded. It is an estimate, no
    bound: C* is that of an adversary who knows all states, the records hold some.

    Args:
        divergence: (N,) rho of the transitions' next states (`Divergence.overlap`).
        transitions: N of them; their rewards play no part.
        discount: of the skills.
        seed: of the first parameters and the batches.
        steps: gradient steps.

    Raises:
        ValueError: divergences that are not one finite number >= 0 for each transition.
    """
    obs_dim, act_dim = transitions.obs.shape[1], transitions.action.shape[1]
    check_batch(transitions, obs_dim, act_dim)
    if divergence.shape != transitions.reward.shape or not bool(
        (torch.isfinite(divergence) & (divergence >= 0.0)).all()
    ):
        raise ValueError('gap: need one finite divergence >= 0 for each transition')
    generator = torch.Generator().manual_seed(seed)
    network = QFunction(obs_dim, act_dim, _GAP_HIDDEN, generator=generator)
    highest = float(divergence.max())
    if highest == 0.0 or discount == 0.0:
        return Gap(network, 0.0)
    # In units of the largest C* that is possible, all values lie in [0, 1].
    unit = highest * discount / (1.0 - discount)
    payoff = (1.0 - discount) * divergence / highest
    _fit(network, payoff, transitions, discount, generator, steps)
    return Gap(network, unit)


def _fit(
    network: QFunction,
    payoff: Tensor,
    data: Batch,
    discount: float,
    generator: Generator,
    steps: int,
) -> None:
    """Fit c(s, a) = payoff(s') + discount max c(s', a'), zero where the episode terminated."""
    last = network.layers[-1]
    assert isinstance(last, Linear)
    with torch.no_grad():  # what c would be if actions and states made no difference
        last.bias.fill_(float(payoff.mean()) / (1.0 - discount))
    target = copy.deepcopy(network).requires_grad_(False)
    trained = TrainedParameters([*network.parameters()], _GAP_LEARNING_RATE)
    count, size = len(data.reward), (_GAP_BATCH,)
    pairs = list(zip(target.parameters(), network.parameters(), strict=True))
    for _ in range(steps):
        rows = torch.randint(count, size, generator=generator)
        others = torch.randint(count, (_GAP_BATCH, _GAP_ACTIONS), generator=generator)
        with torch.no_grad():
            next_obs = data.next_obs[rows].unsqueeze(1).expand(-1, _GAP_ACTIONS, -1)
            worst = target(next_obs.flatten(0, 1), data.action[others].flatten(0, 1))
            worst = worst.view(others.shape).amax(dim=1).clamp(0.0, 1.0)
            wanted = (1.0 - data.terminated[rows]) * (payoff[rows] + discount * worst)
        error = network(data.obs[rows], data.action[rows]) - wanted
        trained.gradient(error.square().mean())
        trained.optimiser.step()
        with torch.no_grad():
            for old, new in pairs:
                old.lerp_(new, _GAP_SMOOTHING)


def _chunks(obs: Tensor) -> list[Tensor]:
    return [obs[i : i + _CHUNK] for i in range(0, len(obs), _CHUNK)]


def _in_chunk(
    composition: Composition, proposal: Proposal, obs: Tensor, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    actions, log_density = proposal.draw(obs, *proposal.draw_noise(len(obs), generator))
    q = composition.skill_q(obs, actions)
    together = torch.tensordot(composition.shares, q, dims=1)
    values = soft_value(q, log_density, 1.0)
    overlap = composition.shares @ values - soft_value(together, log_density, 1.0)
    pairs = soft_value(0.5 * (q.unsqueeze(0) + q.unsqueeze(1)), log_density, 1.0)
    renyi = values.unsqueeze(0) + values.unsqueeze(1) - 2.0 * pairs
    weights = torch.cat((q, together.unsqueeze(0))) - log_density
    effective = 2.0 * weights.logsumexp(dim=-1) - (2.0 * weights).logsumexp(dim=-1)
    return (
        overlap.clamp_min(0.0),
        renyi.clamp_min(0.0).permute(2, 0, 1),
        effective.exp().amin(dim=0),
    )
