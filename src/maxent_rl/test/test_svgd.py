# SPDX-License-Identifier: Apache-2.0
"""Stein variational gradient descent: by hand, on a Gaussian, and as a sampler of two modes."""

import math

import pytest
import torch

from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.svgd import median_kernel, squared_distances, svgd_direction
from maxent_rl.trained_parameters import TrainedParameters


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_distances_are_those_of_each_pair():
    x = torch.randn((3, 5, 2), generator=seeded())
    by_hand = ((x[:, :, None] - x[:, None]) ** 2).sum(-1)
    torch.testing.assert_close(squared_distances(x), by_hand, atol=1e-5, rtol=1e-5)


def test_distances_keep_their_digits_far_from_zero():
    x = 1000.0 + torch.tensor([[[0.0], [0.5]]])
    assert squared_distances(x)[0, 0, 1].item() == pytest.approx(0.25, abs=1e-6)


def test_the_bandwidth_is_the_median_by_the_logarithm():
    squared = squared_distances(torch.tensor([[[0.0], [1.0], [3.0]]]))  # 0 0 0 1 1 4 4 9 9
    kernel, h = median_kernel(squared)
    assert h.item() == pytest.approx(1.0 / (2.0 * math.log(4.0)))
    torch.testing.assert_close(kernel, torch.exp(-squared / h))


def test_two_particles_move_as_the_equation_says():
    x, score = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [-3.0]])
    kernel, h = median_kernel(squared_distances(x))
    k, h = kernel[0, 1].item(), h.item()
    first = (2.0 + k * -3.0 + 0.5 * (2.0 / h) * k * (0.0 - 1.0)) / 2.0
    second = (-3.0 + k * 2.0 + 0.5 * (2.0 / h) * k * (1.0 - 0.0)) / 2.0
    direction = svgd_direction(x, score, temperature=0.5)
    torch.testing.assert_close(direction.flatten(), torch.tensor([first, second]))


def test_without_its_own_pull_a_particle_follows_the_others_only():
    x, score = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [-3.0]])
    kernel, _ = median_kernel(squared_distances(x))
    direction = svgd_direction(x, score, temperature=0.0, own=False)
    k = kernel[0, 1].item()
    torch.testing.assert_close(direction.flatten(), torch.tensor([-3.0 * k, 2.0 * k]))


def test_equal_particles_give_a_finite_direction():
    direction = svgd_direction(torch.zeros(4, 8, 2), torch.ones(4, 8, 2))
    torch.testing.assert_close(direction, torch.ones(4, 8, 2))


def test_particles_settle_as_a_gaussian():
    mean, std = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])
    x = torch.randn((100, 2), generator=seeded())
    for _ in range(800):
        x = x + 0.5 * svgd_direction(x, (mean - x) / std**2)
    torch.testing.assert_close(x.mean(0), mean, atol=0.05, rtol=0.0)
    torch.testing.assert_close(x.std(0), std, atol=0.0, rtol=0.15)


def two_modes(actions, share):
    """Log-density of two bumps of width 0.15 at x = -0.5 (`share`) and 0.5."""
    centres = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
    logs = torch.log(torch.tensor([share, 1.0 - share]))
    return torch.logsumexp(logs - squared_to(actions, centres) / (2.0 * 0.15**2), dim=-1)


def squared_to(actions, centres):
    return ((actions.unsqueeze(-2) - centres) ** 2).sum(-1)


def sampler_of(log_density, particles, updates, seed, dim=2, own=False):
    """Train a sampling network on a density of actions that does not depend on the state."""
    generator = seeded(seed)
    policy = SamplingPolicy(1, dim, (64, 64), generator)
    trained = TrainedParameters([*policy.parameters()], 1e-3)
    obs = torch.zeros(16, 1)
    for _ in range(updates):
        u = policy.samples(obs, torch.randn((16, particles, dim), generator=generator))
        action = torch.tanh(u.detach()).requires_grad_(True)
        (slope,) = torch.autograd.grad(log_density(action).sum(), action)
        action = action.detach()
        score = slope * (1.0 - action.square()) - 2.0 * action
        direction = svgd_direction(u.detach(), score, own=own)
        trained.gradient(-(direction * u).sum(dim=-1).mean())
        trained.optimiser.step()
    with torch.no_grad():
        return policy.act(torch.zeros(20_000, 1), torch.randn((20_000, dim), generator=generator))


@pytest.mark.parametrize(('own', 'low', 'high'), [(False, 0.18, 0.22), (True, 0.06, 0.12)])
def test_a_sampling_network_is_as_wide_as_a_density_in_three_dimensions(own, low, high):
    """Of standard deviation 0.2; the particles' own pull is why they leave it out."""

    def bump(a):
        return -((a - 0.2) ** 2).sum(-1) / (2.0 * 0.2**2)

    actions = sampler_of(bump, particles=16, updates=600, seed=0, dim=3, own=own)
    assert (actions.mean(0) - 0.2).abs().max() < 0.04
    assert low < actions.std(0).min() <= actions.std(0).max() < high


def test_a_sampling_network_serves_two_modes_within_five_percent_of_their_mass():
    actions = sampler_of(lambda a: two_modes(a, 0.5), particles=32, updates=800, seed=0)
    left = actions[actions[:, 0] < 0.0]
    assert len(left) / len(actions) == pytest.approx(0.5, abs=0.05)
    for mode in (left, actions[actions[:, 0] > 0.0]):
        assert abs(mode[:, 0].abs().mean() - 0.5) < 0.05
        assert 0.1 < mode[:, 1].std() < 0.2  # the density's is 0.15
