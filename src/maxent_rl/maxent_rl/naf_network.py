# SPDX-License-Identifier: Apache-2.0
"""Q-functions that are quadratic in the action: normalised advantage functions.

Gu et al. 2016, "Continuous Deep Q-Learning with Model-based Acceleration", section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.networks import linear_layers

# Of the logarithm of the diagonal of L, so that neither P nor its inverse overflows.
LOG_DIAGONAL_MIN = -10.0
LOG_DIAGONAL_MAX = 10.0


class Quadratic(NamedTuple):
    """Concave function of the action: value - 1/2 (a - mean)' precision (a - mean)."""

    value: Tensor  # (...), the maximum over all actions
    mean: Tensor  # (..., m), where it is taken; not bound to [-1, 1]
    precision: Tensor  # (..., m, m), symmetric and positive definite

    def at(self, action: Tensor) -> Tensor:
        """Evaluate at actions (..., m): values (...)."""
        offset = (action - self.mean).unsqueeze(-2)
        product = offset @ self.precision @ offset.transpose(-2, -1)
        return self.value - 0.5 * product[..., 0, 0]


class NAFNetwork(nn.Module):
    """Value V and precision P = L L' of a state, L lower triangular with exponentiated diagonal.

    With `layer_norm` each hidden layer is Linear, LayerNorm, ReLU, as in `QFunction`.
    """

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        hidden: Sequence[int] = (256, 256),
        layer_norm: bool = True,
        generator: Generator | None = None,
    ) -> None:
        """Draw first parameters from `generator` (torch's global one when None).

        Raises:
            ValueError: a dimension below 1 or no hidden layer.
        """
        super().__init__()
        self.act_dim = act_dim
        entries = act_dim * (act_dim + 1) // 2
        self.layers = linear_layers(obs_dim, hidden, 1 + entries, generator)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in hidden) if layer_norm else None
        self._rows, self._columns = torch.tril_indices(act_dim, act_dim, offset=-1)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Values (...) and precisions (..., m, m) for obs (..., n)."""
        x = obs
        for i, layer in enumerate(self.layers[:-1]):
            x = layer(x)
            if self.norms is not None:
                x = self.norms[i](x)
            x = functional.relu(x, inplace=True)
        outputs: Tensor = self.layers[-1](x)
        log_diagonal = outputs[..., 1 : 1 + self.act_dim]
        lower = torch.diag_embed(log_diagonal.clamp(LOG_DIAGONAL_MIN, LOG_DIAGONAL_MAX).exp())
        lower[..., self._rows, self._columns] = outputs[..., 1 + self.act_dim :]
        return outputs[..., 0], lower @ lower.transpose(-2, -1)


class NAFQuadratic:
    """The Q-function of NAF: V and P of the network, maximum at the policy's action."""

    def __init__(self, policy: DeterministicPolicy, network: NAFNetwork) -> None:
        """Keep references to both; later changes to them are seen."""
        self.policy = policy
        self.network = network

    def quadratic(self, obs: Tensor) -> Quadratic:
        """Return Q as a function of the action, for obs (..., n)."""
        value, precision = self.network(obs)
        return Quadratic(value, self.policy.mode(obs), precision)

    def __call__(self, obs: Tensor, action: Tensor) -> Tensor:
        """Values (...) of obs (..., n) and action (..., m)."""
        return self.quadratic(obs).at(action)
