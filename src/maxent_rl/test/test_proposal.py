# SPDX-License-Identifier: Apache-2.0
"""Candidates and their densities: integrals that are known come out right."""

import pytest
import torch

from maxent_rl.composition import Composition, Constituent, compose
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.proposal import Proposal
from maxent_rl.sampling_network import SamplingPolicy


def drawn(composition, candidates, width=0.1, states=1, seed=0):
    proposal = Proposal(composition, candidates, width)
    noise = proposal.draw_noise(states, torch.Generator().manual_seed(seed))
    obs = torch.randn((states, composition.obs_dim), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return proposal.draw(obs, *noise)


@pytest.mark.parametrize('algorithm', ['sac', 'soft_q', 'ddpg'])
@pytest.mark.parametrize('mode', ['and', 'or'])
def test_the_weights_integrate_functions_over_the_box(untrained_skill, algorithm, mode):
    composition = compose([untrained_skill(str(i), algorithm, i) for i in range(2)], mode=mode)
    actions, log_density = drawn(composition, 400, states=100)
    assert actions.abs().max() <= 1.0
    weights = torch.exp(-log_density)
    for function, integral in (
        (torch.ones_like(actions[..., 0]), 4.0),
        (actions[..., 0].square(), 4.0 / 3.0),
        (actions[..., 0] * actions[..., 1], 0.0),
    ):
        assert (weights * function).mean().item() == pytest.approx(integral, abs=0.05)


def test_networks_of_one_shape_and_of_several_give_the_same_candidates():
    """The same two policies, evaluated together and one by one."""
    for kind in (TanhGaussianPolicy, SamplingPolicy):
        generator = torch.Generator().manual_seed(0)
        policies = [kind(3, 2, (8, 8), generator).requires_grad_(False) for _ in range(2)]
        names = zip('ab', policies, strict=True)
        parts = tuple(Constituent(n, p, lambda o, a: a[..., 0], 1.0) for n, p in names)
        proposal = Proposal(Composition(parts), 64, 0.1)
        noise = proposal.draw_noise(4, generator)
        obs = torch.randn((4, 3), generator=generator)
        together = proposal.draw(obs, *noise)
        proposal._gaussian_stack = proposal._sampler_stack = None
        torch.testing.assert_close(proposal.draw(obs, *noise), together, rtol=1e-4, atol=1e-4)


def test_it_holds_for_skills_of_different_kinds_and_shapes(gaussian_policy):
    generator = torch.Generator().manual_seed(0)
    policies = [
        gaussian_policy([0.9, -0.3], [0.1, 0.5], obs_dim=3),
        TanhGaussianPolicy(3, 2, (8, 8), generator),
        SamplingPolicy(3, 2, (8,), generator),
    ]
    parts = [
        Constituent(str(i), policy.requires_grad_(False), lambda obs, a: a[..., 0], 1.0)
        for i, policy in enumerate(policies)
    ]
    actions, log_density = drawn(Composition(tuple(parts)), 400, states=100)
    weights = torch.exp(-log_density)
    assert weights.mean().item() == pytest.approx(4.0, abs=0.05)
    assert (weights * actions[..., 1].square()).mean().item() == pytest.approx(4 / 3, abs=0.05)


def test_and_proposes_the_product_of_gaussian_skills(gaussian_constituent):
    # Narrow in one action each: only the product is narrow in both.
    skills = [
        gaussian_constituent('a', [0.5, 0.0], [0.01, 1.0]),
        gaussian_constituent('b', [0.0, -0.5], [1.0, 0.01]),
    ]
    near = {}
    for mode in ('and', 'or'):
        actions, _ = drawn(Composition(tuple(skills), mode=mode), 400)
        wanted = torch.tanh(torch.tensor([0.5, -0.5]))
        near[mode] = ((actions - wanted).abs() < 0.05).all(dim=-1).float().mean()
    assert near['and'] > 0.2 > 0.1 > near['or']


def test_draws_outside_of_the_box_weigh_nothing(untrained_skill):
    composition = compose([untrained_skill(str(i), 'soft_q', i) for i in range(2)])
    actions, log_density = drawn(composition, 300, width=3.0)
    outside = torch.isinf(log_density)
    assert 0.2 < outside.float().mean() < 0.7
    assert (actions[outside].abs().amax(dim=-1) == 1.0).all()
    assert torch.isfinite(log_density[~outside]).all()


def test_a_policy_at_its_bounds_gives_finite_densities(gaussian_constituent):
    skills = [gaussian_constituent(n, [50.0], [1e-3]) for n in 'ab']
    actions, log_density = drawn(Composition(tuple(skills)), 64)
    assert torch.isfinite(actions).all()
    assert not torch.isnan(log_density).any()


@pytest.mark.parametrize(('candidates', 'width'), [(3, 0.1), (64, 0.0), (64, float('nan'))])
def test_too_few_candidates_or_no_width_are_refused(untrained_skill, candidates, width):
    composition = compose([untrained_skill(str(i), seed=i) for i in range(2)])
    with pytest.raises(ValueError, match='need more than 3 candidates and a positive width'):
        Proposal(composition, candidates, width)


def test_candidates_of_policies_that_see_images_are_those_of_each_policy(untrained_skill):
    """With candidates enough, the first are drawn from the policies themselves."""
    skills = [untrained_skill(str(i), seed=i, image=(5, 4, 2)) for i in range(2)]
    proposal = Proposal(compose(skills), 40, 0.1)
    generator = torch.Generator().manual_seed(0)
    obs = torch.rand((3, 45), generator=generator)
    normal, uniform = proposal.draw_noise(3, generator)
    with torch.no_grad():
        actions, log_density = proposal.draw(obs, normal, uniform)
        own = normal.view(3, -1, 10, 2)
        for i, skill in enumerate(skills):
            wanted = skill.policy().act(obs.unsqueeze(1).expand(3, 10, 45), own[:, i])
            found = actions[:, 10 * i : 10 * (i + 1)]
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert log_density.isfinite().all()
