# SPDX-License-Identifier: Apache-2.0
"""Policies fitted to composed Q-functions whose Boltzmann policy is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxent_rl.composition import Composition, CompositionError, Constituent, compose
from maxent_rl.diverged import DivergedError
from maxent_rl.extraction import (
    EXTRACTORS,
    DeterministicExtractor,
    GaussianExtractor,
    SamplerExtractor,
)
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.immediate import immediate_policy

OBSERVATIONS = np.linspace(-1.0, 1.0, 200, dtype=np.float32)[:, None]
FAST = ExtractionConfig(steps=500, batch_size=32, hidden=(32, 32), learning_rate=5e-3, decay=0.1)


def extract(kind, composition, observations, config, seed):
    return EXTRACTORS[kind](composition, config, seed).run(observations)


def tracking(policy, gains=(0.8, 0.2), widths=(0.2, 0.1), temperatures=(0.5, 4.0)):
    """Skills that want the action gain * observation; together the gain that `wanted` says."""

    def q(gain, width, temperature):
        return lambda obs, a: -0.5 * temperature * ((a - gain * obs) / width).square().sum(-1)

    rows = zip(('a', 'b'), gains, widths, temperatures, strict=True)
    parts = [Constituent(n, policy, q(g, w, t), t) for n, g, w, t in rows]
    return Composition(tuple(parts))


# Of the tracking skills: mean precision (25 + 100) / 2, gain (25 * 0.8 + 100 * 0.2) / 125.
GAIN, STD = 0.32, 62.5**-0.5


@pytest.fixture
def composition(gaussian_policy):
    return tracking(gaussian_policy([0.0], [1.0]))


@pytest.mark.parametrize('kind', ['sampler', 'gaussian'])
def test_the_extracted_policy_has_mean_and_spread_of_the_composed_one(composition, kind):
    policy = extract(kind, composition, OBSERVATIONS, FAST, seed=0)
    generator = torch.Generator().manual_seed(1)
    for state in (-1.0, 0.0, 1.0):
        noise = torch.randn((2000, 1), generator=generator)
        with torch.no_grad():
            actions = policy.act(torch.full((2000, 1), state), noise)
        assert actions.mean().item() == pytest.approx(GAIN * state, abs=0.05)
        assert actions.std().item() == pytest.approx(STD, rel=0.25)


def test_the_extracted_sampler_covers_both_modes_of_skills_joined_by_or(gaussian_constituent):
    skills = [gaussian_constituent('a', [-0.5], [0.1]), gaussian_constituent('b', [0.5], [0.1])]
    policy = extract('sampler', Composition(tuple(skills), mode='or'), OBSERVATIONS, FAST, seed=0)
    noise = torch.randn((2000, 1), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        actions = policy.act(torch.zeros(2000, 1), noise)
    assert 0.3 < (actions < -0.2).float().mean() < 0.7
    assert 0.3 < (actions > 0.2).float().mean() < 0.7


def test_skills_without_any_preference_give_a_uniform_sampler(gaussian_policy):
    def indifferent(obs, action):
        return 0.0 * action.sum(dim=-1)

    policy = gaussian_policy([0.0], [1.0])
    skills = tuple(Constituent(name, policy, indifferent, 1.0) for name in 'ab')
    sampler = extract('sampler', Composition(skills), OBSERVATIONS, FAST, seed=0)
    noise = torch.randn((2000, 1), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        actions = sampler.act(torch.zeros(2000, 1), noise)
    shares = torch.histc(actions, bins=4, min=-1.0, max=1.0) / 2000
    assert shares.min() > 0.17
    assert shares.max() < 0.33


def test_the_extracted_deterministic_policy_takes_the_best_composed_action(composition):
    policy = extract('deterministic', composition, OBSERVATIONS, FAST, seed=0)
    obs = torch.from_numpy(OBSERVATIONS)
    with torch.no_grad():
        assert (policy.mode(obs) - GAIN * obs).abs().max() < 0.03


def test_of_naf_skills_gradient_and_closed_form_agree(untrained_skill):
    composition = compose([untrained_skill(str(i), 'naf', seed=i) for i in range(2)])
    obs = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    policy = extract('deterministic', composition, obs, FAST, seed=0)
    states = torch.from_numpy(obs)
    with torch.no_grad():
        exact = immediate_policy(composition).mode(states)
        regret = composition.q(states, exact[:, None]) - composition.q(
            states, policy.mode(states)[:, None]
        )
        random = composition.q(states, exact[:, None]) - composition.q(
            states, torch.zeros(50, 1, 2)
        )
    assert regret.min() > -1e-4  # nothing is better than the closed form
    assert regret.mean() < 0.1 * random.mean()


@pytest.mark.parametrize('kind', EXTRACTORS)
def test_the_same_seed_gives_the_same_policy_whoever_makes_the_steps(composition, kind):
    config = ExtractionConfig(steps=5, batch_size=8, hidden=(8,))
    first = EXTRACTORS[kind](composition, config, seed=3).run(OBSERVATIONS)
    stepwise = EXTRACTORS[kind](composition, config, seed=3)
    for _ in range(5):
        stepwise.run(OBSERVATIONS, steps=1)
    assert stepwise.steps == 5
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, stepwise.policy.state_dict()[name])
    other = EXTRACTORS[kind](composition, config, seed=4).run(OBSERVATIONS)
    assert any(not torch.equal(v, other.state_dict()[k]) for k, v in first.state_dict().items())


def test_a_warm_start_begins_at_a_copy_of_the_given_policy(composition, gaussian_policy):
    start = gaussian_policy([GAIN], [STD])
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    extractor = GaussianExtractor(composition, FAST, seed=0, start=start)
    metrics = extractor.step(torch.ones(256, 1))
    fresh = GaussianExtractor(composition, FAST, seed=0).step(torch.ones(256, 1))
    assert metrics['loss'] < fresh['loss'] - 1.0
    assert all(torch.equal(before[name], tensor) for name, tensor in start.state_dict().items())
    assert any(not torch.equal(before[k], v) for k, v in extractor.policy.state_dict().items())


@pytest.mark.parametrize('extractor', [SamplerExtractor, DeterministicExtractor])
def test_a_start_of_another_kind_is_refused(composition, gaussian_policy, extractor):
    with pytest.raises(ValueError, match='got TanhGaussianPolicy'):
        extractor(composition, FAST, 0, start=gaussian_policy([0.0], [1.0]))


def test_a_start_of_other_dimensions_is_refused(composition, gaussian_policy):
    with pytest.raises(ValueError, match=r'1 observations and 1 actions, got .* 1 and 2'):
        GaussianExtractor(composition, FAST, 0, start=gaussian_policy([0.0, 0.0], [1.0, 1.0]))


def test_extraction_from_images_starts_from_the_policy_of_a_skill(untrained_skill):
    skills = [untrained_skill(str(i), seed=i, image=(5, 4, 2)) for i in range(2)]
    composition = compose(skills)
    with pytest.raises(ValueError, match='must start from the policy of a skill'):
        GaussianExtractor(composition, FAST, 0)
    extractor = GaussianExtractor(composition, FAST, 0, start=skills[0].policy())
    obs = torch.rand((64, 45), generator=torch.Generator().manual_seed(0))
    losses = [extractor.step(obs)['loss'] for _ in range(40)]
    assert losses[-1] < losses[0]


def test_the_step_size_falls_to_the_chosen_share_and_stays_there(composition):
    config = ExtractionConfig(steps=2, hidden=(4,), learning_rate=1e-2, decay=0.01)
    extractor = DeterministicExtractor(composition, config, seed=0)
    rates = []
    for _ in range(4):
        extractor.step(torch.zeros(4, 1))
        rates.append(extractor._trained.optimiser.param_groups[0]['lr'])
    assert rates == pytest.approx([1e-2, 1e-3, 1e-4, 1e-4])


def test_skills_without_temperature_have_no_distribution_to_draw_from(untrained_skill):
    composition = compose([untrained_skill(str(i), 'ddpg', seed=i) for i in range(2)])
    for extractor in (SamplerExtractor, GaussianExtractor):
        with pytest.raises(CompositionError, match='extract a deterministic policy'):
            extractor(composition, FAST, 0)


def test_a_q_that_is_not_finite_stops_the_extraction_and_changes_nothing(gaussian_policy):
    broken = tracking(gaussian_policy([0.0], [1.0]), widths=(0.2, 0.0))
    for kind in EXTRACTORS.values():
        extractor = kind(broken, ExtractionConfig(hidden=(4,)), seed=0)
        before = {name: tensor.clone() for name, tensor in extractor.policy.state_dict().items()}
        with pytest.raises(DivergedError, match='1'):
            extractor.step(torch.zeros(4, 1))
        after = extractor.policy.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert extractor.steps == 0


@pytest.mark.parametrize(
    'observations',
    [np.zeros((0, 1)), np.zeros((4, 2)), np.zeros(4), np.full((4, 1), np.nan)],
    ids=['none', 'too wide', 'flat', 'nan'],
)
def test_observations_that_are_none_are_refused(composition, observations):
    with pytest.raises(ValueError, match='observations must be'):
        extract('sampler', composition, observations.astype(np.float32), FAST, seed=0)


@pytest.mark.parametrize('kind', ['sampler', 'gaussian'])
def test_a_lower_temperature_makes_the_extracted_policy_more_decided(composition, kind):
    cold = replace(FAST, temperature=0.25)
    policy = extract(kind, composition, OBSERVATIONS, cold, seed=0)
    noise = torch.randn((2000, 1), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        actions = policy.act(torch.zeros(2000, 1), noise)
    assert actions.mean().item() == pytest.approx(0.0, abs=0.05)
    assert actions.std().item() == pytest.approx(0.5 * STD, rel=0.25)  # a Gaussian's, by the root
