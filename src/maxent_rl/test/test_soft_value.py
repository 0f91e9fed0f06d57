# SPDX-License-Identifier: Apache-2.0
"""The importance-sampled soft value against integrals that are known."""

import math

import pytest
import torch

from maxent_rl.soft_value import mixed_proposal, soft_value, uniform_proposal


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def bump(actions, std):
    """A quadratic Q whose Boltzmann density at temperature 1 is a Gaussian at 0.3."""
    return -((actions - 0.3) ** 2).sum(-1) / (2.0 * std * std)


def exact(std, dim):
    edge = math.sqrt(2.0) * std
    one = 0.5 * (math.erf(0.7 / edge) + math.erf(1.3 / edge)) * std * math.sqrt(2.0 * math.pi)
    return dim * math.log(one)


def test_a_constant_q_has_the_value_of_the_uniform_policy():
    actions, log_density = uniform_proposal(3, 8, 2, seeded())
    value = soft_value(torch.full((3, 8), 5.0), log_density, 0.5)
    torch.testing.assert_close(value, torch.full((3,), 5.0 + 0.5 * 2.0 * math.log(2.0)))
    assert actions.shape == (3, 8, 2)


@pytest.mark.parametrize('temperature', [0.5, 2.0])
def test_temperature_scales_value_and_q_together(temperature):
    actions, log_density = uniform_proposal(1, 100_000, 1, seeded())
    value = soft_value(temperature * bump(actions, 0.4), log_density, temperature)
    assert value.item() == pytest.approx(temperature * exact(0.4, 1), abs=0.01)


@pytest.mark.parametrize('draw', ['uniform', 'mixed'])
def test_both_proposals_are_unbiased(draw):
    generator = seeded()
    if draw == 'uniform':
        actions, log_density = uniform_proposal(20_000, 16, 2, generator)
    else:
        centres = torch.tensor([[0.25, 0.35], [-0.8, 0.9]]).expand(20_000, 2, 2)
        actions, log_density = mixed_proposal(centres, 16, 0.2, generator)
    values = soft_value(bump(actions, 0.2), log_density, 1.0)
    assert values.exp().mean().item() == pytest.approx(math.exp(exact(0.2, 2)), rel=0.03)


def test_draws_near_the_policy_find_what_uniform_ones_miss_in_seven_dimensions():
    states, k = 500, 32
    centres = torch.full((states, 8, 7), 0.3) + 0.1 * torch.randn(
        (states, 8, 7), generator=seeded(1)
    )
    near = mixed_proposal(centres, k, 0.1, seeded(2))
    uniform = uniform_proposal(states, k, 7, seeded(3))
    truth = exact(0.1, 7)
    errors = [(soft_value(bump(a, 0.1), d, 1.0) - truth).abs().mean() for a, d in (near, uniform)]
    assert errors[0] < 0.2 * errors[1]


@pytest.mark.parametrize(('dim', 'width'), [(1, 0.3), (2, 0.1), (3, 0.01)])
def test_the_mixed_density_is_that_of_its_draws(dim, width):
    """Integrals of 1 and of the distance to a centre over the box, by draws from the mixture.

    In the last case nearly all Gaussians lie where exp would leave float32's range.
    """
    states, k = 4_000, 32
    centres = torch.rand((1, 4, dim), generator=seeded(1)) - 0.5
    actions, log_density = mixed_proposal(centres.expand(states, 4, dim), k, width, seeded(2))
    weight = torch.exp(-log_density)
    assert weight.mean().item() == pytest.approx(2.0**dim, rel=0.02)
    even = torch.rand((200_000, dim), generator=seeded(3)) * 2.0 - 1.0
    wanted = 2.0**dim * (even - centres[0, 0]).norm(dim=-1).mean()
    found = (weight * (actions - centres[0, 0]).norm(dim=-1)).mean()
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.0)
    near = torch.distributions.Normal(centres[0], width).log_prob(actions[:50].unsqueeze(-2))
    by_hand = 0.5 * near.double().sum(-1).exp().mean(-1) + 0.5 * 0.5**dim
    inside = torch.isfinite(log_density[:50])
    torch.testing.assert_close(
        log_density[:50][inside].double(), by_hand.log()[inside], rtol=0.0, atol=1e-2
    )


def test_draws_outside_of_the_box_weigh_nothing():
    centres = torch.ones(50, 1, 1)
    actions, log_density = mixed_proposal(centres, 40, 0.5, seeded())
    assert actions.abs().max() <= 1.0
    outside = torch.isinf(log_density)
    assert 0.15 < outside.float().mean() < 0.35  # half of the draws near 1 fall beyond it
    assert torch.isfinite(soft_value(torch.zeros(50, 40), log_density, 1.0)).all()
