# SPDX-License-Identifier: Apache-2.0
"""Stein variational gradient descent for many small sets of particles at once.

Liu and Wang 2016, "Stein Variational Gradient Descent"; Haarnoja 2018 (thesis), eq. 3.11 and
appendix C.1, where actions are the particles.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_SMALLEST_BANDWIDTH = 1e-6  # equal particles: their kernel stays 1 and its gradient 0
_SMALLEST_EXPONENT = -80.0  # exp of less is as good as 0, but slow: no normal float32 number


def squared_distances(x: Tensor) -> Tensor:
    """Squared distances (..., k, k) between k particles each; x is (..., k, m)."""
    x = x - x.mean(dim=-2, keepdim=True)  # far from zero, the differences below would be rounding
    square = x.square().sum(dim=-1)
    inner = x @ x.transpose(-1, -2)
    return (square.unsqueeze(-1) + square.unsqueeze(-2) - 2.0 * inner).clamp_min(0.0)


def median_kernel(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Kernel `exp(-d^2 / h)` (..., k, k) of squared distances d^2, and bandwidth h (..., 1, 1).

    `h = d^2 / (2 log(k + 1))` with the median squared distance (thesis, app. C.1, which says
    distance where the units ask for its square). The zeros of the diagonal count, as in the
    authors' code.
    """
    k = squared.shape[-1]
    middle = (k * k - 1) // 2
    # numpy's is several times as fast as torch's median
    ordered = np.partition(squared.detach().flatten(start_dim=-2).numpy(), middle, axis=-1)
    median = torch.from_numpy(ordered[..., middle, None, None])
    h = (median / (2.0 * math.log(k + 1.0))).clamp_min(_SMALLEST_BANDWIDTH)
    return torch.exp((squared / -h).clamp_min(_SMALLEST_EXPONENT)), h


def svgd_direction(
    particles: Tensor, score: Tensor, temperature: float | Tensor = 1.0, own: bool = True
) -> Tensor:
    """Steepest descent of the KL divergence in the kernel's space (thesis, eq. 3.11).

    Where the particles are fresh samples of a network, the others are samples of the mean that
    eq. 3.11 asks for, but a particle itself is not: with its own pull towards higher density, a
    network with 16 particles becomes half as wide as the density in three dimensions and a third
    in seven. The thesis has a second set of samples for this mean (app. C.1); leaving out the own
    pull does the same with one set.

    Args:
        particles: (..., k, m).
        score: (..., k, m) gradient of the unnormalised log-density times `temperature`.
        temperature: weight of the repulsive term.
        own: whether a particle's own pull counts. Particles that stay the same from step to
            step need it (Liu and Wang 2016), samples of a network do better without.

    Returns:
        (..., k, m) directions in which to move the particles, without a gradient of their own.
    """
    with torch.no_grad():
        kernel, h = median_kernel(squared_distances(particles))
        # sum_i grad_i k(x_i, x_j) = sum_i 2/h (x_j - x_i) k_ij: away from the other particles.
        mass = kernel.sum(dim=-1, keepdim=True)
        repulsion = (2.0 / h) * (mass * particles - kernel @ particles)
        k = particles.shape[-2]
        if own:
            return (kernel @ score + temperature * repulsion) / k
        return (kernel @ score - score + temperature * repulsion) / (k - 1)
