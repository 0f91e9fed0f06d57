# SPDX-License-Identifier: Apache-2.0
"""Soft Q-learning's sampler against a density of two separate modes whose masses are known.

Between modes that are far apart hardly a sample tells which is the larger one, so a network can
lose the smaller one early: with 64 units per layer, two of four seeds did. Cooling down from a
higher temperature keeps both; the cases show it with and without.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.svgd import svgd_direction
from maxent_rl.trained_parameters import TrainedParameters

CENTRE, WIDTH = 0.5, 0.15  # modes at (-0.5, 0) and (0.5, 0), this wide (standard deviation)
HOT, COOLING = 3.0, 0.3  # first temperature; share of the updates until it is 1, log-linearly
UPDATES, STATES, PARTICLES, SAMPLES = 3000, 16, 32, 20_000
LEARNING_RATE = 1e-3  # falls to zero in the second half
SEEDS = 3
CASES = ((0.5, True), (0.7, True), (0.3, True), (0.5, False), (0.7, False))  # mass, annealed


def energy(action: Tensor, mass: float) -> Tensor:
    """Logarithm (...) of the density, not normalised, at actions (..., 2); `mass` lies left."""
    centres = torch.tensor([[-CENTRE, 0.0], [CENTRE, 0.0]])
    squared = (action.unsqueeze(-2) - centres).square().sum(dim=-1)
    weights = torch.tensor([mass, 1.0 - mass]).log()
    return torch.logsumexp(weights - squared / (2.0 * WIDTH**2), dim=-1)


def train_sampler(mass: float, annealed: bool, seed: int) -> SamplingPolicy:
    """Train a sampling network on the energy as soft Q-learning does on a Q-function."""
    generator = torch.Generator().manual_seed(seed)
    policy = SamplingPolicy(1, 2, (128, 128), generator)
    trained = TrainedParameters([*policy.parameters()], LEARNING_RATE)
    obs = torch.zeros(STATES, 1)
    for update in range(UPDATES):
        left = 1.0 - update / UPDATES
        trained.optimiser.param_groups[0]['lr'] = LEARNING_RATE * min(1.0, 2.0 * left)
        heat = max(0.0, 1.0 - update / (COOLING * UPDATES)) if annealed else 0.0
        temperature = HOT**heat
        u = policy.samples(obs, torch.randn((STATES, PARTICLES, 2), generator=generator))
        action = torch.tanh(u.detach()).requires_grad_(True)
        (slope,) = torch.autograd.grad(energy(action, mass).sum(), action)
        action = action.detach()
        score = slope * (1.0 - action.square()) - 2.0 * temperature * action
        direction = svgd_direction(u.detach(), score, temperature, own=False)
        trained.gradient(-(direction * u).sum(dim=-1).mean())
        trained.optimiser.step()
    return policy


def two_mode_shares(mass: float, annealed: bool) -> dict[str, Any]:
    """Return the share of samples in the left mode for each seed, and how wide they lie there."""
    shares, widths = [], []
    for seed in range(SEEDS):
        policy = train_sampler(mass, annealed, seed)
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
        'particles': PARTICLES,
        'annealed': annealed,
    }


def shortfalls(figures: list[dict[str, Any]]) -> list[str]:
    """Name the cases in which a share is more than 0.05 from its mass."""
    return [
        f'two modes of mass {case["mass"]} and {1.0 - case["mass"]:.1f}, '
        f'{"annealed" if case["annealed"] else "not annealed"}: shares {case["share"]}'
        for case in figures
        if max(abs(share - case['mass']) for share in case['share']) > 0.05
    ]
