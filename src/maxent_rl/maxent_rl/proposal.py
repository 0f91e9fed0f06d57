# SPDX-License-Identifier: Apache-2.0
"""Candidate actions for a composition, drawn around what its skills do, with their density.

Every component of the mixture has its fixed number of draws, and all draws are weighed by the
density of the whole (Veach and Guibas 1995, balance heuristic).
"""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import Generator, Tensor

from maxent_rl.composition import Composition
from maxent_rl.deterministic_policy import NOISE_SCALE
from maxent_rl.distributions import log_det_tanh
from maxent_rl.networks import LOG_STD_MAX, LOG_STD_MIN, TanhGaussianPolicy, perceive
from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.stacked_q import StackedPerceptrons, same_shapes

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_LOG_TWO = math.log(2.0)
_INSIDE = 1.0 - 1e-6  # where atanh is still finite


class Proposal:
    """Mixture of the skills' policies and the uniform distribution on [-1, 1]^m.

    - A tanh-Gaussian policy has its exact density. When all skills have one, an AND also gets
      their normalised weighted product: that is the composed policy itself as far as the skills'
      policies are the Boltzmann policies of their Q.
    - A sampling network has none: Gaussians of standard deviation `width` around its samples do.
    - Any other policy is a Gaussian around its `mode`, as wide as DDPG's exploration.
    """

    def __init__(self, composition: Composition, candidates: int, width: float) -> None:
        """Share `candidates` out evenly; the uniform distribution gets what is left over.

        Raises:
            ValueError: fewer candidates than components, or a width that is not positive.
        """
        policies = [constituent.policy for constituent in composition.constituents]
        self._gaussians = [p for p in policies if isinstance(p, TanhGaussianPolicy)]
        self._samplers = [p for p in policies if isinstance(p, SamplingPolicy)]
        self._steady = [
            p for p in policies if not isinstance(p, TanhGaussianPolicy | SamplingPolicy)
        ]
        self._gaussian_stack = _stacked(self._gaussians)
        self._sampler_stack = _stacked(self._samplers)
        if self._samplers:
            self._direct = torch.stack([p.direct.detach() for p in self._samplers])
        self._product = composition.mode == 'and' and len(self._gaussians) == len(policies)
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
        # Groups of normal numbers: a sampler needs some for its samples, some for what is around.
        self.groups = skilled + len(self._samplers)
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
            logs.append(_kernel_logs(actions, centres, width))
        logs.append(actions.new_full((1, 1, 1), -m * _LOG_TWO).expand(b, 1, actions.shape[1]))
        log_density = torch.logsumexp(torch.cat(logs, dim=1) + self._log_shares, dim=1)
        if kernels:
            outside = (drawn.abs() > 1.0).any(dim=-1)
            log_density[:, inner.shape[1] :].masked_fill_(outside, math.inf)
        return actions, log_density

    def _heads(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log standard deviations (b, G, m) of the Gaussians before squashing."""
        if self._gaussian_stack is not None:
            stacked = self._gaussian_stack(obs.expand(len(self._gaussians), *obs.shape))
            mean, log_std = stacked.transpose(0, 1).chunk(2, dim=-1)
            log_std = log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)
        else:
            seen = perceive(self._gaussians, obs)
            heads = [p.heads(own) for p, own in zip(self._gaussians, seen, strict=True)]
            mean = torch.stack([head[0] for head in heads], dim=1)
            log_std = torch.stack([head[1] for head in heads], dim=1)
        if not self._product:
            return mean, log_std
        precision = self._shares * torch.exp(-2.0 * log_std)
        total = precision.sum(dim=1, keepdim=True)
        centre = (precision * mean).sum(dim=1, keepdim=True) / total
        return torch.cat((mean, centre), dim=1), torch.cat((log_std, -0.5 * total.log()), dim=1)

    def _kernels(self, obs: Tensor, noise: Tensor) -> list[tuple[Tensor, Tensor, float]]:
        """Draws (b, P each, m), centres (b, P, c, m) and width, for policies of one kind."""
        found = []
        count = len(self._samplers)
        if count:
            centres = self._sampled_centres(obs, noise[:, :count])
            found.append((centres, noise[:, count : 2 * count], self._width))
        if self._steady:
            centres = torch.stack([policy.mode(obs) for policy in self._steady], dim=1).unsqueeze(
                2
            )
            found.append((centres, noise[:, 2 * count :], NOISE_SCALE))
        return [((c + width * z).flatten(1, 2), c, width) for c, z, width in found]

    def _sampled_centres(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (b, P, c, m) of the P sampling networks, for noise of that shape."""
        if self._sampler_stack is None:
            rows = zip(self._samplers, noise.unbind(dim=1), strict=True)
            return torch.tanh(torch.stack([p.samples(obs, own) for p, own in rows], dim=1))
        b, p, c, m = noise.shape
        by_policy = noise.transpose(0, 1)
        states = obs[None, :, None].expand(p, b, c, obs.shape[1])
        inputs = torch.cat((states, by_policy), dim=-1).view(p, b * c, -1)
        passed_on = by_policy.reshape(p, b * c, m) @ self._direct
        u = (self._sampler_stack(inputs) + passed_on).view(p, b, c, m)
        return torch.tanh(u).transpose(0, 1)


def _stacked(policies: Sequence[TanhGaussianPolicy | SamplingPolicy]) -> StackedPerceptrons | None:
    """Join the policies' networks, or none where there are none or of different shapes.

    Policies that see images have encoders of their own before the layers: they go one by one.
    """
    if any(policy.image for policy in policies):
        return None
    layers = [{k: v for k, v in p.state_dict().items() if k != 'direct'} for p in policies]
    return StackedPerceptrons(layers) if layers and same_shapes(layers) else None


def _gaussian_logs(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-densities (b, G, k) of actions tanh(u), u (b, k, m), for G Gaussians (b, G, m)."""
    standard = (u.unsqueeze(1) - mean.unsqueeze(2)) * torch.exp(-log_std).unsqueeze(2)
    constant = log_std.sum(dim=-1, keepdim=True) + u.shape[-1] * _HALF_LOG_TWO_PI
    return -0.5 * standard.square().sum(dim=-1) - constant - log_det_tanh(u).unsqueeze(1)


def _kernel_logs(actions: Tensor, centres: Tensor, width: float) -> Tensor:
    """Log-densities (b, P, k) of Gaussians around centres (b, P, c, m) at actions (b, k, m)."""
    b, p, c, m = centres.shape
    distance = torch.cdist(actions, centres.flatten(1, 2)).view(b, -1, p, c)
    logs = torch.logsumexp(distance.square() / (-2.0 * width * width), dim=-1)
    constant = math.log(c) + m * (math.log(width) + _HALF_LOG_TWO_PI)
    return (logs - constant).transpose(1, 2)
