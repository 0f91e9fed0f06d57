# SPDX-License-Identifier: Apache-2.0
"""The report on a composition: figures, states by name, text and JSON."""

import json

import pytest
import torch

from maxent_rl.composition import Composition, Constituent, compose
from maxent_rl.composition_report import report
from maxent_rl.divergence import Divergence, divergences, estimate_gap
from maxent_rl.replay_buffer import Batch


def skills_that_fight_where_x_is_large(policy, count=2):
    parts = [
        Constituent(
            f'skill{i}', policy, lambda obs, a, i=i: -5.0 * (a - i * obs).square().sum(-1), 1.0
        )
        for i in range(count)
    ]
    return Composition(tuple(parts))


def states():
    return torch.linspace(0.0, 0.8, 50).view(-1, 1)[torch.randperm(50, generator=seeded())]


def seeded():
    return torch.Generator().manual_seed(0)


def test_it_finds_the_states_in_which_skills_agree_and_fight(gaussian_policy):
    composition = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0]))
    obs = states()
    made = report(composition, obs, divergences(composition, obs, seeded()))
    for state in (*made.agree, *made.fight):
        assert state.observation == {'observation': (obs[state.index, 0].item(),)}
    assert max(state.observation['observation'][0] for state in made.agree) < 0.2
    assert min(state.observation['observation'][0] for state in made.fight) > 0.65
    assert made.agree[0].divergence <= made.agree[1].divergence < made.median < made.p95
    assert made.fight[0].divergence >= made.fight[1].divergence >= made.p95
    assert made.pairs[0][1] == pytest.approx(2.0 * made.mean, rel=1e-4)
    assert made.unreliable == 0.0


def test_the_text_names_skills_fields_and_figures(untrained_skill):
    skills = [untrained_skill(name, seed=i, temperature=0.05) for i, name in enumerate(NAMES)]
    composition = compose(skills, (2.0, 1.0, 1.0))
    obs = torch.randn((20, 5), generator=seeded())
    made = report(composition, obs, divergences(composition, obs, seeded()))
    text = made.text()
    assert 'reach (0.50) AND push (0.25) AND lift (0.25), on 20 recorded states' in text
    assert f'mean {made.mean:.3g}, median {made.median:.3g}' in text
    assert f'reach-lift {made.pairs[0][2]:.3g}' in text
    worst = made.fight[0]
    assert f'state {worst.index} ({worst.divergence:.3g} nats): position ' in text
    assert '; tip ' in text
    assert list(worst.observation) == ['position', 'tip']
    assert len(worst.observation['tip']) == 3
    assert 'C*' not in text


NAMES = 'reach', 'push', 'lift'


def test_images_are_left_out(untrained_skill):
    skills = [untrained_skill(name, seed=i, image=(4, 3, 2)) for i, name in enumerate(NAMES)]
    composition, obs = compose(skills), torch.rand((20, 29), generator=seeded())
    made = report(composition, obs, divergences(composition, obs, seeded()))
    assert list(made.fight[0].observation) == ['position', 'tip']
    assert len(made.text()) < 2000


def test_it_is_json(gaussian_policy):
    composition = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0]), 3)
    obs = states()
    made = report(composition, obs, divergences(composition, obs, seeded()))
    again = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert again['names'] == ['skill0', 'skill1', 'skill2']
    assert again['fight'][0]['index'] == made.fight[0].index
    assert again['gap_mean'] is None
    assert again['p95'] == made.p95


def test_a_gap_is_told_in_nats_at_the_recorded_actions(gaussian_policy):
    composition = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0]))
    obs, zeros = states(), torch.zeros(50)
    actions = torch.rand((50, 1), generator=seeded()) * 2.0 - 1.0
    ones = torch.full((50,), 1.0)
    gap = estimate_gap(ones, Batch(obs, actions, zeros, obs, zeros), 0.5, seed=0, steps=100)
    made = report(composition, obs, divergences(composition, obs, seeded()), gap, actions)
    assert made.gap_mean == pytest.approx(1.0, abs=0.05)  # 0.5 * 1 / (1 - 0.5) everywhere
    assert f'too much by about {made.gap_mean:.3g} nats' in made.text()
    with pytest.raises(ValueError, match='one action for each state'):
        report(composition, obs, divergences(composition, obs, seeded()), gap)


def test_states_whose_estimate_hangs_on_few_draws_are_counted(gaussian_policy):
    composition = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0]))
    found = Divergence(
        torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.zeros(4, 2, 2), torch.tensor([3.0, 50, 9, 200])
    )
    made = report(composition, torch.zeros(4, 1), found)
    assert made.unreliable == 0.5
    assert 'too few effective samples in 50% of the states' in made.text()


def test_of_or_it_says_that_disagreement_does_not_matter(gaussian_policy):
    parts = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0])).constituents
    composition = Composition(parts, mode='or')
    text = report(composition, states(), divergences(composition, states(), seeded())).text()
    assert 'skill0 (0.50) OR skill1 (0.50)' in text
    assert 'OR keeps what its Q promises' in text


@pytest.mark.parametrize('count', [0, 3])
def test_states_and_divergences_must_match(gaussian_policy, count):
    composition = skills_that_fight_where_x_is_large(gaussian_policy([0.0], [1.0]))
    found = divergences(composition, states()[:4], seeded(), 16)
    with pytest.raises(ValueError, match=f'4 divergences for {count} states'):
        report(composition, torch.zeros(count, 1), found)
