# SPDX-License-Identifier: Apache-2.0
"""Candidate actions for a composition, drawn around what its skills do, with their density.

Every component of the mixture has its fixed number of draws, and all draws are weighed by the
density of the whole (Veach and Guibas 1995, balance heuristic).
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from maxent_rl.composition import Composition
from maxent_rl.deterministic_policy import NOISE_SCALE, DeterministicPolicy
from maxent_rl.distributions import log_det_tanh
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.policy import Policy
from maxent_rl.sampling_network import SamplingPolicy

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_LOG_TWO = math.log(2.0)
_INSIDE = 1.0 - 1e-6  # where atanh is still finite


class Proposal:
    """Mixture of the skills' policies and the uniform distribution on [-1, 1]^m.

    - A tanh-Gaussian policy has its exact density. When all skills have one, an AND also gets
      their normalised weighted product: that is the composed policy itself as far as the skills'
      policies are the Boltzmann policies of their Q.
    - A sampling network has none: Gaussians of standard deviation `width` around its samples do.
    - A deterministic policy is a Gaussian around its action, as wide as its exploration.
    """

    def __init__(self, composition: Composition, candidates: int, width: float) -> None:
        """Share `candidates` out evenly; the uniform distribution gets what is left over.

        Raises:
            ValueError: fewer candidates than components, or a width that is not positive.
        """
        policies = [constituent.policy for constituent in composition.constituents]
        self._gaussians = [p for p in policies if isinstance(p, TanhGaussianPolicy)]
        self._others = [p for p in policies if not isinstance(p, TanhGaussianPolicy)]
        self._product = composition.mode == 'and' and not self._others
        self._shares = composition.shares.view(-1, 1)
        skilled = len(policies) + self._product
        if candidates <= skilled or not width > 0.0:
            raise ValueError(
                f'need more than {skilled} candidates and a positive width, got {candidates} '
                f'and {width}'
            )
        self._width = width
        self._each = candidates // (skilled + 1)
        self._act_dim = composition.act_dim
        uniform = candidates - skilled * self._each
        counts = torch.tensor([*[self._each] * skilled, uniform], dtype=torch.float32)
        self._log_shares = (counts / candidates).log().view(-1, 1)
        samplers = sum(isinstance(policy, SamplingPolicy) for policy in self._others)
        self.groups = skilled + samplers  # of normal numbers: each centre needs some of its own
        self.normals = self.groups * self._each * self._act_dim
        self.uniforms = uniform * self._act_dim

    def draw_noise(self, states: int, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Random numbers for `draw`: normal (states, normals), uniform (states, uniforms)."""
        normal = torch.randn((states, self.normals), generator=generator)
        return normal, torch.rand((states, self.uniforms), generator=generator)

    def draw(self, obs: Tensor, normal: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Candidates (b, k, m) in [-1, 1] and their log-densities (b, k) for obs (b, n).

        The density is infinite for draws that fell outside of the box and were clamped: they
        weigh nothing, as they must.
        """
        b, m = len(obs), self._act_dim
        noise = normal.view(b, -1, self._each, m)
        flat = uniform.view(b, -1, m) * 2.0 - 1.0
        count = len(self._gaussians) + self._product
        mean, log_std = self._heads(obs) if count else (noise[:, :0, 0], noise[:, :0, 0])
        inner = mean.unsqueeze(2) + log_std.exp().unsqueeze(2) * noise[:, :count]
        inner = inner.reshape(b, -1, m)
        kernels = self._kernels(obs, noise[:, count:])
        drawn = torch.cat([*[near for near, _, _ in kernels], flat], dim=1)
        actions = torch.cat((torch.tanh(inner), drawn.clamp(-1.0, 1.0)), dim=1)
        logs = []
        if count:
            u = torch.cat((inner, torch.atanh(drawn.clamp(-_INSIDE, _INSIDE))), dim=1)
            logs.append(_gaussian_logs(u, mean, log_std))
        for _, centres, width in kernels:
            logs.append(_kernel_log(actions, centres, width))
        logs.append(actions.new_full((1, 1, 1), -m * _LOG_TWO).expand(b, 1, actions.shape[1]))
        log_density = torch.logsumexp(torch.cat(logs, dim=1) + self._log_shares, dim=1)
        if kernels:
            outside = (drawn.abs() > 1.0).any(dim=-1)
            log_density[:, inner.shape[1] :].masked_fill_(outside, math.inf)
        return actions, log_density

    def _heads(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log standard deviations (b, G, m) of the Gaussians before squashing."""
        heads = [policy(obs) for policy in self._gaussians]
        mean = torch.stack([head[0] for head in heads], dim=1)
        log_std = torch.stack([head[1] for head in heads], dim=1)
        if not self._product:
            return mean, log_std
        precision = self._shares * torch.exp(-2.0 * log_std)
        total = precision.sum(dim=1, keepdim=True)
        centre = (precision * mean).sum(dim=1, keepdim=True) / total
        return torch.cat((mean, centre), dim=1), torch.cat((log_std, -0.5 * total.log()), dim=1)

    def _kernels(self, obs: Tensor, noise: Tensor) -> list[tuple[Tensor, Tensor, float]]:
        """Draws (b, each, m), centres (b, c, m) and width of each policy without a density."""
        found = []
        start = 0
        for policy in self._others:
            if isinstance(policy, SamplingPolicy):
                centres, width = torch.tanh(policy.samples(obs, noise[:, start])), self._width
                start += 1
            else:
                centres, width = _mode(policy, obs).unsqueeze(1), NOISE_SCALE
            found.append((centres + width * noise[:, start], centres, width))
            start += 1
        return found


def _mode(policy: Policy, obs: Tensor) -> Tensor:
    assert isinstance(policy, DeterministicPolicy)
    return policy.mode(obs)


def _gaussian_logs(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-densities (b, G, k) of actions tanh(u), u (b, k, m), for G Gaussians (b, G, m)."""
    standard = (u.unsqueeze(1) - mean.unsqueeze(2)) * torch.exp(-log_std).unsqueeze(2)
    constant = log_std.sum(dim=-1, keepdim=True) + u.shape[-1] * _HALF_LOG_TWO_PI
    return -0.5 * standard.square().sum(dim=-1) - constant - log_det_tanh(u).unsqueeze(1)


def _kernel_log(actions: Tensor, centres: Tensor, width: float) -> Tensor:
    """Log-density (b, 1, k) of Gaussians around centres (b, c, m) at actions (b, k, m)."""
    squared = torch.cdist(actions, centres).square() / (-2.0 * width * width)
    constant = math.log(centres.shape[1]) + actions.shape[-1] * (
        math.log(width) + _HALF_LOG_TWO_PI
    )
    return (torch.logsumexp(squared, dim=-1) - constant).unsqueeze(1)
