# SPDX-License-Identifier: Apache-2.0
"""Log-density and sampling of the tanh-squashed Gaussian (Haarnoja et al. 2018, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_LOG_TWO = math.log(2.0)


def log_det_tanh(u: Tensor) -> Tensor:
    """Logarithm of the Jacobian determinant of `tanh`, summed over the last axis.

    `log(1 - tanh(u)^2)` is written as `2 (log 2 - u - softplus(-2 u))`, which is the same number
    but neither overflows nor loses its digits where tanh saturates.

    Args:
        u: (..., m) values before squashing.

    Returns:
        (...) log-determinants.
    """
    return (2.0 * (_LOG_TWO - u - functional.softplus(-2.0 * u))).sum(dim=-1)


def gaussian_log_density(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-density of a diagonal Gaussian at `u`, summed over the last axis; all (..., m)."""
    standardised = (u - mean) * torch.exp(-log_std)
    return (-0.5 * standardised.square() - log_std - _HALF_LOG_TWO_PI).sum(dim=-1)


def tanh_gaussian_log_density(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-density of the action `tanh(u)` (Haarnoja et al. 2018, eq. 26).

    Args:
        u: (..., m) action before squashing (kept, because `atanh` of a rounded action is inexact).
        mean: (..., m) mean of the Gaussian over `u`.
        log_std: (..., m) logarithm of its standard deviation.

    Returns:
        (...) log-density with respect to the squashed action.
    """
    return gaussian_log_density(u, mean, log_std) - log_det_tanh(u)


def sample_tanh_gaussian(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Reparameterised sample and its log-density (Haarnoja et al. 2018, eqs. 8 and 26).

    Args:
        mean: (..., m) mean before squashing.
        log_std: (..., m) logarithm of the standard deviation before squashing.
        noise: (..., m) draws of a standard Gaussian.

    Returns:
        Actions (..., m) in [-1, 1] and their log-densities (...), both differentiable with
        respect to `mean` and `log_std`.
    """
    u = mean + torch.exp(log_std) * noise
    log_gaussian = (-0.5 * noise.square() - log_std - _HALF_LOG_TWO_PI).sum(dim=-1)
    return torch.tanh(u), log_gaussian - log_det_tanh(u)
