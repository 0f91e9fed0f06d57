# SPDX-License-Identifier: Apache-2.0
"""The sampling network of soft Q-learning: noise and observation in, an action out.

Haarnoja 2018 (thesis), section 3.3: `a = f(xi; s)` draws from the energy-based policy without
having a density that could be computed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from maxent_rl.networks import linear_layers, repeat_each
from maxent_rl.policy import Policy
from maxent_rl.svgd import squared_distances

_CANDIDATES = 16  # among which `mode` chooses
_CANDIDATE_SEED = 0  # of their noise, the same in every process: evaluation is reproducible


class SamplingPolicy(Policy):
    """Multi-layer perceptron of (observation, noise), squashed to [-1, 1].

    The noise also reaches the output directly, at first unchanged: the first actions are then
    nearly uniform, and samples of a fresh network do not lie on one spot.
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
        self.layers = linear_layers(obs_dim + act_dim, self.hidden, act_dim, generator)
        self.direct = nn.Parameter(torch.eye(act_dim))
        chosen = torch.Generator().manual_seed(_CANDIDATE_SEED)
        self._candidates = torch.randn((_CANDIDATES, act_dim), generator=chosen)

    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Standard Gaussian (m,)."""
        return torch.randn(self.act_dim, generator=generator)

    def unsquashed(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) before `tanh`, for obs (..., n) and noise (..., m)."""
        x = torch.cat((obs, noise), dim=-1)
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        result: Tensor = self.layers[-1](x) + noise @ self.direct
        return result

    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n) and noise (..., m)."""
        return torch.tanh(self.unsquashed(obs, noise))

    def samples(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Return k unsquashed actions per state (b, k, m) for obs (b, n), noise (b, k, m)."""
        b, k, m = noise.shape
        return self.unsquashed(repeat_each(obs, k), noise.reshape(b * k, m)).view(b, k, m)

    def mode(self, obs: Tensor) -> Tensor:
        """Return the sample (..., m) with the least distance from all its fellows.

        The mean of a policy with two modes lies between them, where it never acts; this medoid
        is an action of the policy. Where a policy is undecided, as between several goals that
        are equally good, it stays so: sample from such a policy instead.
        """
        flat = obs.reshape(-1, self.obs_dim)
        noise = self._candidates.expand(len(flat), *self._candidates.shape)
        actions = torch.tanh(self.samples(flat, noise))
        best = squared_distances(actions).sqrt().sum(dim=-1).argmin(dim=-1)
        return actions[torch.arange(len(flat)), best].view(*obs.shape[:-1], self.act_dim)
