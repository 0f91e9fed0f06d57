# SPDX-License-Identifier: Apache-2.0
"""Divergence of skills against closed forms and quadrature, C* against finite MDPs."""

import math

import numpy as np
import pytest
import torch

from maxent_rl.composition import Composition, CompositionError, Constituent, compose
from maxent_rl.divergence import divergences, estimate_gap, renyi_half
from maxent_rl.replay_buffer import Batch
from maxent_rl.tabular import FiniteMDP
from maxent_rl.tabular_composition import composition_gap


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian_renyi_half(means, widths):
    """Closed form for two diagonal Gaussians: -2 log of the Bhattacharyya coefficient."""
    total = 0.0
    for (m1, m2), (s1, s2) in zip(
        zip(*means, strict=True), zip(*widths, strict=True), strict=True
    ):
        spread = s1 * s1 + s2 * s2
        total += 0.5 * (m1 - m2) ** 2 / spread - math.log(2.0 * s1 * s2 / spread)
    return total


@pytest.mark.parametrize('temperatures', [(1.0, 1.0), (0.1, 3.0)])
@pytest.mark.parametrize(
    ('means', 'widths'),
    [
        (([0.2, -0.1], [0.2, -0.1]), ([0.1, 0.15], [0.1, 0.15])),
        (([0.2, -0.1], [0.0, 0.1]), ([0.1, 0.15], [0.1, 0.15])),
        (([0.2, -0.1], [-0.2, 0.2]), ([0.15, 0.1], [0.1, 0.15])),
    ],
    ids=['same', 'near', 'apart'],
)
def test_of_gaussian_skills_the_divergence_is_the_closed_form(
    gaussian_constituent, means, widths, temperatures
):
    rows = zip('ab', means, widths, temperatures, strict=True)
    composition = Composition(tuple(gaussian_constituent(*row) for row in rows))
    found = divergences(composition, torch.zeros(20, 1), seeded(), samples=1024)
    wanted = gaussian_renyi_half(means, widths)
    assert found.overlap.mean().item() == pytest.approx(0.5 * wanted, rel=0.05, abs=1e-5)
    torch.testing.assert_close(
        found.renyi_half.mean(dim=0),
        torch.tensor([[0.0, wanted], [wanted, 0.0]]),
        rtol=0.05,
        atol=1e-5,
    )
    assert found.effective.min() > 100.0


def test_of_three_skills_with_weights_it_is_that_of_quadrature(gaussian_policy):
    functions = (
        lambda obs, a: 2.0 * torch.cos(3.0 * a[..., 0] - obs[..., 0]),
        lambda obs, a: -(a[..., 0].square()) * obs[..., 0].abs() * 3.0,
        lambda obs, a: torch.sin(5.0 * a[..., 0]) + a[..., 0],
    )
    temperatures, weights = (0.5, 1.0, 0.25), (1.0, 2.0, 5.0)
    parts = [
        Constituent(str(i), gaussian_policy([0.0], [1.0]), functions[i], temperatures[i])
        for i in range(3)
    ]
    obs = torch.tensor([[-1.0], [0.0], [2.0]])
    found = divergences(Composition(tuple(parts), weights), obs, seeded(), samples=20_000)
    grid = ((torch.arange(4000) + 0.5) / 2000.0 - 1.0).double().view(1, -1, 1).expand(3, -1, 1)
    repeated = obs.double().unsqueeze(1).expand(3, 4000, 1)
    logs = torch.stack(
        [q(repeated, grid) / t for q, t in zip(functions, temperatures, strict=True)]
    )
    logs = logs - logs.logsumexp(dim=-1, keepdim=True)
    shares = torch.tensor(weights).double() / 8.0
    overlap = -torch.tensordot(shares, logs, dims=1).logsumexp(dim=-1)
    torch.testing.assert_close(found.overlap.double(), overlap, rtol=0.05, atol=5e-3)
    renyi = -2.0 * (0.5 * (logs[0] + logs[2])).logsumexp(dim=-1)
    torch.testing.assert_close(found.renyi_half[:, 0, 2].double(), renyi, rtol=0.05, atol=5e-3)
    assert overlap.std() > 0.01  # states differ


def test_for_equal_skills_it_is_zero_however_few_the_draws(untrained_skill):
    skills = [untrained_skill(name, temperature=0.01) for name in ('a', 'b')]
    found = divergences(compose(skills), torch.randn((5, 5), generator=seeded()), seeded(), 8)
    assert found.overlap.max() < 1e-4
    assert found.renyi_half.max() < 1e-4


def test_it_is_never_negative_and_pairs_are_symmetric(untrained_skill):
    skills = [untrained_skill(str(i), 'soft_q', i, temperature=0.02) for i in range(3)]
    obs = torch.randn((100, 5), generator=seeded())
    renyi = renyi_half(compose(skills, (1, 2, 3)), obs, seeded(), samples=64)
    assert renyi.shape == (100, 3, 3)
    assert renyi.min() >= 0.0
    torch.testing.assert_close(renyi, renyi.transpose(1, 2))
    assert renyi[:, 0, 1].mean() > 0.1


def test_skills_that_no_draw_can_tell_show_in_the_effective_sample_size(gaussian_constituent):
    narrow = [gaussian_constituent(n, [m, m], [1e-4, 1e-4]) for n, m in (('a', -0.5), ('b', 0.5))]
    wide = [gaussian_constituent(n, [m, m], [0.2, 0.2]) for n, m in (('a', -0.2), ('b', 0.2))]
    for parts in (narrow, wide):  # the policies are wide in both: no draws where it matters
        parts[:] = [Constituent(p.name, wide[0].policy, p.q, 1.0) for p in parts]
    obs = torch.zeros(4, 1)
    assert divergences(Composition(tuple(narrow)), obs, seeded(), 512).effective.max() < 5.0
    assert divergences(Composition(tuple(wide)), obs, seeded(), 512).effective.min() > 20.0


def test_skills_without_temperature_are_refused(untrained_skill):
    skills = [untrained_skill(str(i), 'ddpg', seed=i) for i in range(2)]
    with pytest.raises(CompositionError, match='infinite'):
        divergences(compose(skills), torch.zeros(1, 5), seeded())


def chain(terminal=False):
    """Three states on a line, action sign a moves left or right; and their transitions."""
    places = np.array([[0, 1], [0, 2], [1, 2]])  # next state by state and direction
    rng = np.random.default_rng(0)
    state, action = rng.integers(3, size=2000), rng.uniform(-1.0, 1.0, 2000)
    after = places[state, (action > 0.0).astype(int)]
    ended = (after == 2).astype(np.float32) if terminal else np.zeros(2000, np.float32)
    columns = (
        (state - 1.0)[:, None],
        action[:, None],
        np.zeros(2000),
        (after - 1.0)[:, None],
        ended,
    )
    data = Batch(*(torch.tensor(np.asarray(column), dtype=torch.float32) for column in columns))
    transition = np.eye(3)[places]
    return data, transition, after


def fitted(gap):
    obs = torch.tensor([[-1.0], [0.0], [1.0]]).repeat_interleave(2, dim=0)
    return gap(obs, torch.tensor([[-0.5], [0.5]] * 3)).view(3, 2).double().numpy()


def test_the_gap_of_a_finite_mdp_is_that_of_the_exact_fixed_point():
    data, transition, after = chain()
    rho = np.array([0.5, 0.0, 0.2])
    exact = composition_gap(FiniteMDP(transition, np.zeros((3, 2)), 0.8), rho, 1.0)
    divergence = torch.tensor(rho, dtype=torch.float32)[after]
    found = fitted(estimate_gap(divergence, data, 0.8, seed=0, steps=500))
    np.testing.assert_allclose(found, exact, rtol=0.0, atol=0.06 * exact.max())
    assert np.ptp(exact) > 0.25 * exact.max()  # a constant would not pass


def test_what_comes_after_the_end_of_an_episode_costs_nothing():
    data, _, after = chain(terminal=True)
    divergence = torch.tensor([0.2, 0.1, 0.4])[after]
    found = fitted(estimate_gap(divergence, data, 0.8, seed=0, steps=500))
    # Left for ever is the worst: 0.8 * 0.2 / (1 - 0.8) = 0.8; entering the last state is free.
    assert found[0, 0] == pytest.approx(0.8, abs=0.1)
    assert found[1, 0] == pytest.approx(0.8, abs=0.1)
    assert found[1, 1] == pytest.approx(0.0, abs=0.1)


def test_skills_that_agree_everywhere_have_no_gap():
    data, _, _ = chain()
    gap = estimate_gap(torch.zeros(2000), data, 0.9, seed=0, steps=1)
    assert not gap(data.obs, data.action).any()


@pytest.mark.parametrize(
    'wrong',
    [torch.zeros(3), torch.full((2000,), torch.inf), torch.full((2000,), -1.0)],
    ids=['too few', 'infinite', 'negative'],
)
def test_divergences_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match='one finite divergence'):
        estimate_gap(wrong, chain()[0], 0.9, seed=0)
