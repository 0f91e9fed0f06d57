# SPDX-License-Identifier: Apache-2.0
"""Immediate composition: actions follow the composed Q without any training."""

import numpy as np
import pytest
import torch

from maxent_rl.composition import Composition, Constituent, compose
from maxent_rl.immediate import ClosedFormPolicy, ImmediatePolicy, immediate_policy
from maxent_rl.runner import PolicyRunner
from maxent_rl.sampling_network import SamplingPolicy


def many_actions(policy, count, seed=0):
    """Actions (count, m), each with noise of its own, in one state."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.stack([policy.draw_noise(None, generator) for _ in range(count)])
    with torch.no_grad():
        return policy.act(torch.zeros(count, policy.obs_dim), noise)


def test_the_actions_of_and_have_mean_and_spread_of_the_product(gaussian_constituent):
    skills = [
        gaussian_constituent('a', [0.4, 0.0], [0.1, 0.3], 0.5),
        gaussian_constituent('b', [0.0, -0.3], [0.3, 0.1], 2.0),
    ]
    actions = many_actions(ImmediatePolicy(Composition(tuple(skills))), 4000)
    precision = 0.5 * (0.1**-2 + 0.3**-2)
    mean = 0.5 * 0.4 / 0.1**2 / precision, -0.5 * 0.3 / 0.1**2 / precision
    np.testing.assert_allclose(actions.mean(dim=0), mean, atol=0.01)
    np.testing.assert_allclose(actions.std(dim=0), [precision**-0.5] * 2, rtol=0.08)


def test_the_actions_of_or_have_the_shares_of_the_mixture(gaussian_constituent):
    skills = [gaussian_constituent(n, [m], [0.1]) for n, m in (('a', -0.5), ('b', 0.5))]
    actions = many_actions(ImmediatePolicy(Composition(tuple(skills), (1.0, 3.0), 'or')), 4000)
    assert (actions > 0.0).float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert actions[actions > 0.0].std().item() == pytest.approx(0.1, rel=0.1)


def test_an_energy_in_two_dimensions_that_no_policy_knows_is_sampled_right():
    """The skills' policies are fresh networks: only the importance weights can do it."""

    def energy(sign):
        return lambda obs, a: (
            sign * 1.5 * torch.sin(4.0 * a[..., 0]) * a[..., 1] - 2.0 * a[..., 1].square()
        )

    generator = torch.Generator().manual_seed(0)
    parts = [
        Constituent(str(i), SamplingPolicy(1, 2, (8,), generator).requires_grad_(False), q, 0.5)
        for i, q in enumerate((energy(1.0), lambda obs, a: 1.5 * a[..., 0]))
    ]
    composition = Composition(tuple(parts), (3.0, 1.0))
    axis = (torch.arange(200) + 0.5) / 100.0 - 1.0
    grid = torch.stack(torch.meshgrid(axis, axis, indexing='ij'), dim=-1).view(1, -1, 2)
    mass = composition.q(torch.zeros(1, 1), grid)[0].softmax(dim=0)
    actions = many_actions(ImmediatePolicy(composition, candidates=128), 4000)
    for function in (
        lambda a: a[..., 0],
        lambda a: a[..., 1],
        lambda a: a[..., 1].square(),
        lambda a: a[..., 0] * a[..., 1],
        lambda a: (a[..., 0] > 0.5).float(),
    ):
        wanted = (mass * function(grid[0])).sum().item()
        assert function(actions).mean().item() == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize('algorithm', ['sac', 'soft_q', 'ddpg'])
def test_the_mode_is_nearly_the_best_action_there_is(untrained_skill, algorithm):
    composition = compose([untrained_skill(str(i), algorithm, i) for i in range(2)])
    policy = ImmediatePolicy(composition)
    obs = torch.randn((30, 5), generator=torch.Generator().manual_seed(0))
    axis = torch.linspace(-1.0, 1.0, 41)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing='ij'), dim=-1).view(1, -1, 2)
    all_q = composition.q(obs, grid.expand(30, -1, 2))
    q = composition.q(obs, policy.mode(obs).unsqueeze(1))[:, 0]
    regret = (all_q.amax(dim=1) - q) / (all_q.amax(dim=1) - all_q.mean(dim=1))
    assert regret.mean() < 0.15
    if algorithm == 'ddpg':  # without temperature, drawing chooses the best candidate too
        noise = policy.draw_noise(None, torch.Generator().manual_seed(0)).expand(30, -1)
        drawn = composition.q(obs, policy.act(obs, noise).unsqueeze(1))[:, 0]
        assert (all_q.amax(dim=1) - drawn).mean() < 0.2 * (all_q.amax(1) - all_q.mean(1)).mean()


@pytest.mark.parametrize('algorithm', ['sac', 'soft_q', 'ddpg', 'naf'])
@pytest.mark.parametrize('mode', ['and', 'or'])
def test_a_runner_acts_with_it_reproducibly(untrained_skill, algorithm, mode):
    check_a_runner([untrained_skill(str(i), algorithm, i) for i in range(2)], mode)


def test_a_runner_acts_with_skills_that_see_images(untrained_skill):
    check_a_runner([untrained_skill(str(i), seed=i, image=(5, 4, 3)) for i in range(2)], 'and')


def check_a_runner(skills, mode):
    policy, size = immediate_policy(compose(skills, mode=mode)), skills[0].metadata.obs_dim
    assert policy.image == skills[0].metadata.image
    observations = np.random.default_rng(0).standard_normal((5, size)).astype(np.float32)
    for deterministic in (False, True):
        runs = []
        for _ in range(2):
            runner = PolicyRunner(policy, 7, deterministic)
            runs.append(np.array([runner(obs) for obs in observations]))
        assert np.array_equal(runs[0], runs[1])
        assert runs[0].shape == (5, 2)
        assert np.abs(runs[0]).max() <= 1.0
    with torch.no_grad():  # one state or many: the same
        together = policy.mode(torch.from_numpy(observations))
    np.testing.assert_allclose(together, runs[0], atol=1e-5)


def test_naf_skills_are_composed_in_closed_form(untrained_skill):
    skills = [untrained_skill(str(i), 'naf', i) for i in range(2)]
    obs = torch.randn((20, 5), generator=torch.Generator().manual_seed(0))
    axis = torch.linspace(-1.0, 1.0, 41)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing='ij'), dim=-1).view(1, -1, 2)
    for mode in ('and', 'or'):
        composition = compose(skills, (1.0, 3.0), mode)
        policy = immediate_policy(composition)
        assert isinstance(policy, ClosedFormPolicy)
        best = composition.q(obs, grid.expand(20, -1, 2)).amax(dim=1)
        q = composition.q(obs, policy.mode(obs).unsqueeze(1))[:, 0]
        assert (q - best).min() > -1e-5
        assert (q - best).max() < 0.1  # and it is no other function's maximum


def test_the_closed_form_is_refused_where_there_is_none(untrained_skill):
    composition = compose([untrained_skill(str(i), 'ddpg', i) for i in range(2)])
    with pytest.raises(ValueError, match='not all NAF'):
        ClosedFormPolicy(composition)
