# SPDX-License-Identifier: Apache-2.0
"""Stacked Q-functions: the same numbers and gradients as one network after another."""

import pytest
import torch

from maxent_rl.networks import QFunction, TanhGaussianPolicy
from maxent_rl.stacked_q import StackedPerceptrons, StackedQ


def networks(hidden=(32, 24), norm=True, count=4):
    generator = torch.Generator().manual_seed(0)
    made = [QFunction(3, 2, hidden, norm, generator) for _ in range(count)]
    for parameter in [p for network in made for p in network.parameters()]:
        parameter.data.normal_(0.0, 0.5, generator=generator)
    return made


@pytest.mark.parametrize('norm', [True, False])
@pytest.mark.parametrize(
    ('hidden', 'states', 'candidates'),
    [((32, 24), 1, 7), ((8,), 2, 3), ((16, 16, 16), 5, 4), ((128, 128), 4, 60)],
    ids=['batched', 'one hidden layer', 'three', 'one by one'],
)
def test_values_and_slopes_are_those_of_each_network(norm, hidden, states, candidates):
    singles = networks(hidden, norm)
    stacked = StackedQ([network.state_dict() for network in singles], obs_dim=3)
    generator = torch.Generator().manual_seed(1)
    obs = torch.randn((states, 3), generator=generator)
    actions = torch.rand((states, candidates, 2), generator=generator).requires_grad_(True)
    values = stacked(obs, actions)
    repeated = obs.unsqueeze(1).expand(states, candidates, 3)
    wanted = torch.stack([network(repeated, actions) for network in singles])
    torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-4)
    (slope,) = torch.autograd.grad(values.sin().sum(), actions)
    (wanted_slope,) = torch.autograd.grad(wanted.sin().sum(), actions)
    torch.testing.assert_close(slope, wanted_slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('hidden', [(16, 8), (160, 160)], ids=['batched', 'one by one'])
def test_values_and_slopes_with_images_are_those_of_each_network(hidden):
    generator, image = torch.Generator().manual_seed(0), (5, 4, 3)
    singles = [QFunction(63, 2, hidden, True, generator, image) for _ in range(4)]
    for parameter in [p for network in singles for p in network.parameters()]:
        parameter.data.normal_(0.0, 0.5, generator=generator)
    stacked = StackedQ([network.state_dict() for network in singles], 63, image)
    obs = torch.rand((4, 63), generator=generator)
    actions = torch.rand((4, 60, 2), generator=generator).requires_grad_(True)
    values = stacked(obs, actions)
    repeated = obs.unsqueeze(1).expand(4, 60, 63)
    wanted = torch.stack([network(repeated, actions) for network in singles])
    torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-3)
    (slope,) = torch.autograd.grad(values.sin().sum(), actions)
    (wanted_slope,) = torch.autograd.grad(wanted.sin().sum(), actions)
    torch.testing.assert_close(slope, wanted_slope, rtol=1e-2, atol=1e-2)


def test_later_changes_of_the_networks_are_not_seen():
    singles = networks()
    stacked = StackedQ([network.state_dict() for network in singles], obs_dim=3)
    obs, actions = torch.zeros(1, 3), torch.zeros(1, 2, 2)
    before = stacked(obs, actions)
    singles[0].layers[0].bias.data += 1.0
    assert torch.equal(stacked(obs, actions), before)
    assert not before.requires_grad


def test_networks_of_other_shapes_are_refused():
    different = [networks()[0], networks((32, 25))[0]]
    with pytest.raises(ValueError, match='different shapes'):
        StackedQ([network.state_dict() for network in different], obs_dim=3)


@pytest.mark.parametrize('hidden', [(8,), (16, 12, 8)])
def test_outputs_are_those_of_each_policy(hidden):
    generator = torch.Generator().manual_seed(0)
    policies = [TanhGaussianPolicy(3, 2, hidden, generator) for _ in range(3)]
    for parameter in [p for policy in policies for p in policy.parameters()]:
        parameter.data.normal_(0.0, 0.3, generator=generator)
    obs = torch.randn((3, 5, 3), generator=generator)
    found = StackedPerceptrons([policy.state_dict() for policy in policies])(obs)
    wanted = torch.stack([torch.cat(p(own), dim=-1) for p, own in zip(policies, obs, strict=True)])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert not found.requires_grad


def test_policies_of_other_shapes_are_refused():
    policies = [TanhGaussianPolicy(3, 2, (size,)) for size in (8, 9)]
    with pytest.raises(ValueError, match='different shapes'):
        StackedPerceptrons([policy.state_dict() for policy in policies])
