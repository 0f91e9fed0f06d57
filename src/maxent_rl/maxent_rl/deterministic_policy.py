# SPDX-License-Identifier: Apache-2.0
"""Deterministic policy of DDPG and NAF, with the correlated noise that it explores with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from maxent_rl.networks import linear_layers
from maxent_rl.policy import Policy

# Haarnoja 2018 (thesis), app. C.1; per step, whatever its duration.
NOISE_DECAY = 0.15
NOISE_SCALE = 0.3


class DeterministicPolicy(Policy):
    """Multi-layer perceptron squashed to [-1, 1] (Lillicrap et al. 2016, section 7).

    It explores by adding an Ornstein-Uhlenbeck process to its actions, whose steps are correlated:
    a mass is pushed for some time in one direction instead of being shaken.
    """

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        hidden: Sequence[int] = (256, 256),
        generator: Generator | None = None,
    ) -> None:
        """Draw first parameters from `generator` (torch's global one when None).

        Raises:
            ValueError: a dimension below 1 or no hidden layer.
        """
        super().__init__()
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.hidden = tuple(hidden)
        self.layers = linear_layers(obs_dim, self.hidden, act_dim, generator)

    def forward(self, obs: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n)."""
        x = obs
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        return torch.tanh(self.layers[-1](x))

    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Next value (m,) of the process, which starts from zero before an episode's first action.

        Lillicrap et al. 2016, section 3: x' = x - theta x + sigma N(0, 1).
        """
        innovation = NOISE_SCALE * torch.randn(self.act_dim, generator=generator)
        if previous is None:
            return innovation
        return (1.0 - NOISE_DECAY) * previous + innovation

    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n), with noise (..., m) added."""
        action: Tensor = self(obs) + noise
        return action.clamp(-1.0, 1.0)

    def mode(self, obs: Tensor) -> Tensor:
        """Return the action (..., m) for obs (..., n) without noise."""
        action: Tensor = self(obs)
        return action
