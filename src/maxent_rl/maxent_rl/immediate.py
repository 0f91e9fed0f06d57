# SPDX-License-Identifier: Apache-2.0
"""Acting from a composition at once: no training, the composed Q decides at every step."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from maxent_rl.composition import Composition
from maxent_rl.naf_composition import best_action, compose_quadratics
from maxent_rl.naf_network import NAFQuadratic
from maxent_rl.policy import Policy
from maxent_rl.proposal import Proposal

_CANDIDATE_SEED = 0  # of the candidates of `mode`, the same in every process: reproducible


class ImmediatePolicy(Policy):
    """Chooses among candidates that the skills' policies and the uniform distribution propose.

    `act` draws one candidate with probability proportional to exp(Q) over the density it was
    drawn from (sampling importance resampling, Rubin 1988), so its actions follow the composed
    policy the closer, the more candidates there are. `mode` takes the largest Q, as does `act`
    where the skills have no temperature.
    """

    def __init__(self, composition: Composition, candidates: int = 64, width: float = 0.1) -> None:
        """Share `candidates` between the skills; `width` as in `Proposal`.

        Raises:
            ValueError: too few candidates or a width that is not positive.
        """
        super().__init__()
        self.obs_dim = composition.obs_dim
        self.act_dim = composition.act_dim
        self.hidden = composition.constituents[0].policy.hidden
        self.image = composition.image
        self.composition = composition
        self._proposal = Proposal(composition, candidates, width)
        generator = torch.Generator().manual_seed(_CANDIDATE_SEED)
        normal, uniform = self._proposal.draw_noise(1, generator)
        groups = normal.view(self._proposal.groups, -1)
        groups[:, : self.act_dim] = 0.0  # so the centre of each policy is among the candidates
        self._fixed = torch.cat((normal, uniform), dim=1)

    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Random numbers (k,) of one action's candidates and of the choice between them."""
        normal = torch.randn(self._proposal.normals, generator=generator)
        uniform = torch.rand(self._proposal.uniforms + 1, generator=generator)
        return torch.cat((normal, uniform))

    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n) and noise (..., k)."""
        flat = noise.reshape(-1, noise.shape[-1])
        actions, q, log_density = self._candidates(obs, flat[:, :-1])
        if self.composition.temperature == 0.0:
            chosen = q.argmax(dim=1)
        else:
            mass = torch.softmax(q - log_density, dim=1).cumsum(dim=1)
            chosen = torch.searchsorted(mass, flat[:, -1:] * mass[:, -1:], right=True)
            chosen = chosen.clamp_max(mass.shape[1] - 1)[:, 0]  # rounding
        return _pick(actions, chosen, obs)

    def mode(self, obs: Tensor) -> Tensor:
        """Candidate (..., m) of the largest composed Q, for obs (..., n)."""
        states = obs.numel() // self.obs_dim
        actions, q, _ = self._candidates(obs, self._fixed.expand(states, -1))
        return _pick(actions, q.argmax(dim=1), obs)

    def _candidates(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Actions (b, k, m), their composed Q and log-densities (b, k)."""
        states = obs.reshape(-1, self.obs_dim)
        normal, uniform = noise.tensor_split([self._proposal.normals], dim=1)
        actions, log_density = self._proposal.draw(states, normal, uniform)
        return actions, self.composition.q(states, actions), log_density


class ClosedFormPolicy(Policy):
    """Action of the largest composed Q of NAF skills, exact; it draws nothing.

    The weighted sum of quadratics is a quadratic (AND); of several quadratics with their maxima
    inside of the box the one that promises most has the largest (OR).
    """

    def __init__(self, composition: Composition) -> None:
        """Keep a reference to `composition`.

        Raises:
            ValueError: not a composition of NAF skills.
        """
        super().__init__()
        functions = [constituent.q for constituent in composition.constituents]
        self._functions = [q for q in functions if isinstance(q, NAFQuadratic)]
        if len(self._functions) != len(functions):
            raise ValueError(f'{list(composition.names)} are not all NAF: no closed form')
        self.obs_dim = composition.obs_dim
        self.act_dim = composition.act_dim
        self.hidden = composition.constituents[0].policy.hidden
        self.composition = composition

    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Nothing (0,)."""
        return torch.empty(0)

    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n), the same as `mode`."""
        return self.mode(obs)

    def mode(self, obs: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n)."""
        quadratics = [q.quadratic(obs) for q in self._functions]
        if self.composition.mode == 'and':
            shares: list[float] = self.composition.shares.tolist()
            return best_action(compose_quadratics(quadratics, shares))
        best = torch.stack([q.value for q in quadratics]).argmax(dim=0)
        means = torch.stack([q.mean for q in quadratics], dim=-2)
        return torch.take_along_dim(means, best[..., None, None], dim=-2).squeeze(-2)


def immediate_policy(composition: Composition, candidates: int = 64, width: float = 0.1) -> Policy:
    """Return `ClosedFormPolicy` for NAF skills, `ImmediatePolicy` for others.

    Raises:
        ValueError: too few candidates or a width that is not positive.
    """
    if all(isinstance(constituent.q, NAFQuadratic) for constituent in composition.constituents):
        return ClosedFormPolicy(composition)
    return ImmediatePolicy(composition, candidates, width)


def _pick(actions: Tensor, chosen: Tensor, obs: Tensor) -> Tensor:
    """Actions (..., m) at the chosen places (b,) of candidates (b, k, m), for obs (..., n)."""
    picked = torch.take_along_dim(actions, chosen[:, None, None], dim=1)
    return picked.view(*obs.shape[:-1], actions.shape[-1])
