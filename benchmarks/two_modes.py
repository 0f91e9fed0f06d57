# SPDX-License-Identifier: Apache-2.0
"""Soft Q-learning's sampler against a density of two separate modes whose masses are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.svgd import svgd_direction
from maxent_rl.trained_parameters import TrainedParameters

CENTRE, WIDTH = 0.5, 0.15  # modes at (-0.5, 0) and (0.5, 0), this wide (standard deviation)
HOT = 4.0  # temperature at the beginning, falls to 1 log-linearly in this share of the updates
COOLING = 0.6
UPDATES, STATES, SAMPLES = 1500, 16, 20_000


def energy(action: Tensor, mass: float) -> Tensor:
    """Logarithm (...) of the density, not normalised, at actions (..., 2); `mass` lies left."""
    centres = torch.tensor([[-CENTRE, 0.0], [CENTRE, 0.0]])
    gap = (action.unsqueeze(-2) - centres).square().sum(dim=-1)
    weights = torch.tensor([mass, 1.0 - mass]).log()
    return torch.logsumexp(weights - gap / (2.0 * WIDTH**2), dim=-1)


def train_sampler(
    mass: float, particles: int, annealed: bool, own: bool, seed: int
) -> SamplingPolicy:
    """Train a sampling network on the energy as soft Q-learning does on a Q-function."""
    generator = torch.Generator().manual_seed(seed)
    policy = SamplingPolicy(1, 2, (64, 64), generator)
    trained = TrainedParameters([*policy.parameters()], 1e-3)
    obs = torch.zeros(STATES, 1)
    for update in range(UPDATES):
        done = update / UPDATES
        trained.optimiser.param_groups[0]['lr'] = 1e-3 * min(1.0, 2.0 * (1.0 - done))
        temperature = HOT ** max(0.0, 1.0 - done / COOLING) if annealed else 1.0
        u = policy.samples(obs, torch.randn((STATES, particles, 2), generator=generator))
        action = torch.tanh(u.detach()).requires_grad_(True)
        (slope,) = torch.autograd.grad(energy(action, mass).sum(), action)
        action = action.detach()
        score = slope * (1.0 - action.square()) - 2.0 * temperature * action
        direction = svgd_direction(u.detach(), score, temperature, own)
        trained.gradient(-(direction * u).sum(dim=-1).mean())
        trained.optimiser.step()
    return policy


def two_mode_shares(
    mass: float, particles: int, annealed: bool, own: bool, seeds: int
) -> dict[str, Any]:
    """Return which share of samples falls into the left mode, for each seed, and how wide."""
    shares, widths = [], []
    for seed in range(seeds):
        policy = train_sampler(mass, particles, annealed, own, seed)
        noise = torch.randn((SAMPLES, 2), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            action = policy.act(torch.zeros(SAMPLES, 1), noise)
        left = action[:, 0] < 0.0
        shares.append(round(left.float().mean().item(), 3))
        widths.append(round(action[left].std(dim=0).mean().item(), 3))
    return {
        'mass': mass,
        'share': shares,
        'width': widths,
        'true_width': WIDTH,
        'particles': particles,
        'annealed': annealed,
        'own_pull': own,
    }
