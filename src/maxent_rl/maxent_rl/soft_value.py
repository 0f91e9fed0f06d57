# SPDX-License-Identifier: Apache-2.0
"""The soft value of a state by importance sampling (Haarnoja 2018, thesis, eq. 3.8)."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

_LOG_TWO = math.log(2.0)
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_SMALLEST_EXPONENT = -80.0  # exp of less is as good as 0, but slow: no normal float32 number


def soft_value(q: Tensor, log_density: Tensor, temperature: float | Tensor) -> Tensor:
    """Estimate `t log of the integral of exp(Q / t) over the actions`, eq. 3.8.

    Args:
        q: (..., k) values of k actions drawn from a proposal.
        log_density: (..., k) of the proposal at these actions.
        temperature: weight t of the entropy, above 0.

    Returns:
        (...) soft values; exp(V / t) is unbiased.
    """
    k = q.shape[-1]
    return temperature * (torch.logsumexp(q / temperature - log_density, dim=-1) - math.log(k))


def uniform_proposal(
    states: int, k: int, act_dim: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw actions (states, k, m), uniform on [-1, 1]^m, with log-densities (states, k)."""
    actions = torch.rand((states, k, act_dim), generator=generator) * 2.0 - 1.0
    return actions, torch.full((states, k), -act_dim * _LOG_TWO)


def mixed_proposal(
    centres: Tensor, k: int, width: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw k actions per state: half of them uniform, half near samples of the policy.

    A sampling network has no density, but a mixture of Gaussians around its samples has one.
    Uniform samples alone miss the actions that matter once there are many dimensions or the
    temperature is low (the thesis says so below eq. 3.9); the uniform half keeps the density
    away from zero. Each half has its fixed number of draws and all are weighed by the density of
    the whole (Veach and Guibas 1995, balance heuristic).

    Args:
        centres: (b, c, m) actions of the policy.
        k: draws per state, even.
        width: standard deviation of each Gaussian.
        generator: of the draws.

    Returns:
        Actions (b, k, m) clamped to the box, and log-densities (b, k): infinite for draws that
        fell outside, which then weigh nothing, as they must.
    """
    b, c, m = centres.shape
    half = k // 2
    chosen = torch.randint(c, (b, half), generator=generator)
    near = centres.gather(1, chosen.unsqueeze(-1).expand(b, half, m))
    near = near + width * torch.randn((b, half, m), generator=generator)
    uniform = torch.rand((b, k - half, m), generator=generator) * 2.0 - 1.0
    actions = torch.cat((near, uniform), dim=1)
    # How much denser the Gaussians lie than the uniform draws, in logarithms.
    peak = m * (_LOG_TWO - math.log(width) - _HALF_LOG_TWO_PI) - math.log(c)
    each = torch.cdist(centres, actions).square() / (-2.0 * width * width) + peak
    ratio = torch.logsumexp(each.clamp_min(_SMALLEST_EXPONENT), dim=1)
    log_density = functional.softplus(ratio) - (m + 1) * _LOG_TWO
    outside = (actions.abs() > 1.0).any(dim=-1)
    return actions.clamp(-1.0, 1.0), log_density.masked_fill(outside, math.inf)
