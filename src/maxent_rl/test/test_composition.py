# SPDX-License-Identifier: Apache-2.0
"""Composed Q-functions: the formulas, networks of any shape, and refusals that name everything."""

import pytest
import torch

from maxent_rl.composition import Composition, CompositionError, Constituent, compose
from maxent_rl.naf_composition import compose_quadratics
from maxent_rl.networks import TanhGaussianPolicy

PAIR = (('reach', 0, 0.5), ('push', 1, 2.0))


def inputs(states=3, candidates=6, obs_dim=5):
    generator = torch.Generator().manual_seed(3)
    obs = torch.randn((states, obs_dim), generator=generator)
    return obs, torch.rand((states, candidates, 2), generator=generator) * 2.0 - 1.0


def skill_values(skills, obs, actions):
    """Q (S, b, k) of each skill on its own."""
    repeated = obs.unsqueeze(1).expand(*actions.shape[:2], obs.shape[1])
    return torch.stack([skill.q_function()(repeated, actions) for skill in skills])


@pytest.mark.parametrize(
    'shapes',
    [
        ({}, {}),
        ({'hidden': (16, 16)}, {'hidden': (12, 24)}),
        ({'layer_norm': False}, {}),
        ({'algorithm': 'soft_q'}, {'algorithm': 'sac'}),
        ({'image': (5, 4, 2)}, {'image': (5, 4, 2)}),
        ({'image': (5, 4, 2)}, {'image': (5, 4, 2), 'layer_norm': False}),
    ],
    ids=[
        'same',
        'other hidden sizes',
        'one without norm',
        'other algorithms',
        'images',
        'images and one without norm',
    ],
)
def test_and_is_the_weighted_mean_and_or_the_soft_maximum(untrained_skill, shapes):
    skills = [
        untrained_skill(name, seed=seed, temperature=temperature, **shape)
        for (name, seed, temperature), shape in zip(PAIR, shapes, strict=True)
    ]
    obs, actions = inputs(obs_dim=skills[0].metadata.obs_dim)
    q = skill_values(skills, obs, actions) / torch.tensor([0.5, 2.0]).view(2, 1, 1)
    both = compose(skills, weights=(3.0, 1.0))
    torch.testing.assert_close(both.q(obs, actions), 0.75 * q[0] + 0.25 * q[1])
    either = compose(skills, weights=(3.0, 1.0), mode='or')
    wanted = (0.75 * q[0].exp() + 0.25 * q[1].exp()).log()
    torch.testing.assert_close(either.q(obs, actions), wanted)
    assert both.temperature == either.temperature == 1.0
    assert both.weights == (0.75, 0.25)


def test_for_equal_temperatures_and_is_equation_6_in_nats(untrained_skill):
    skills = [untrained_skill(str(i), seed=i, temperature=0.2) for i in range(3)]
    obs, actions = inputs()
    wanted = skill_values(skills, obs, actions).mean(dim=0) / 0.2
    torch.testing.assert_close(compose(skills).q(obs, actions), wanted)


def test_composing_a_skill_with_itself_changes_nothing(untrained_skill):
    skills = [untrained_skill(name, temperature=0.3) for name in ('a', 'b', 'c')]
    obs, actions = inputs()
    alone = skill_values(skills[:1], obs, actions)[0] / 0.3
    for mode in ('and', 'or'):
        torch.testing.assert_close(compose(skills, (1, 5, 2), mode).q(obs, actions), alone)


def test_skills_without_temperature_are_averaged_as_they_are_and_or_takes_the_larger(
    untrained_skill,
):
    skills = [untrained_skill(name, 'ddpg', seed) for name, seed, _ in PAIR]
    obs, actions = inputs()
    q = skill_values(skills, obs, actions)
    both, either = compose(skills, (1.0, 3.0)), compose(skills, (1.0, 3.0), 'or')
    torch.testing.assert_close(both.q(obs, actions), 0.25 * q[0] + 0.75 * q[1])
    torch.testing.assert_close(either.q(obs, actions), q.amax(dim=0))
    assert both.temperature == either.temperature == 0.0


def test_naf_skills_compose_to_the_quadratic_of_the_closed_form(untrained_skill):
    skills = [untrained_skill(name, 'naf', seed) for name, seed, _ in PAIR]
    obs, actions = inputs()
    composed = compose(skills, (1.0, 3.0)).q(obs, actions)
    quadratics = [skill.q_function().quadratic(obs) for skill in skills]
    together = compose_quadratics(quadratics, (0.25, 0.75))
    wanted = torch.stack([together.at(actions[:, i]) for i in range(actions.shape[1])], dim=1)
    torch.testing.assert_close(composed, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('mode', ['and', 'or'])
def test_the_gradient_passes_to_the_actions_and_not_into_the_skills(untrained_skill, mode):
    skills = [untrained_skill(name, seed=seed, temperature=t) for name, seed, t in PAIR]
    composition = compose(skills, mode=mode)
    obs, actions = inputs()
    assert not composition.q(obs, actions).requires_grad
    actions.requires_grad_(True)
    (slope,) = torch.autograd.grad(composition.q(obs, actions).sum(), actions)
    alone = composition.combine(
        skill_values(skills, obs, actions) / torch.tensor([0.5, 2.0]).view(2, 1, 1)
    )
    (wanted,) = torch.autograd.grad(alone.sum(), actions)
    torch.testing.assert_close(slope, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('weights', 'mode', 'message'),
    [
        ((1.0,), 'and', 'one for each of 2 skills needed, got 1'),
        ((1.0, 0.0), 'and', 'must be positive'),
        ((1.0, -2.0), 'or', 'must be positive'),
        ((1.0, float('nan')), 'and', 'must be positive'),
        (None, 'xor', "mode: must be one of .*'xor'"),
    ],
)
def test_weights_and_modes_that_mean_nothing_are_refused(untrained_skill, weights, mode, message):
    skills = [untrained_skill(name, seed=seed) for name, seed, _ in PAIR]
    with pytest.raises(CompositionError, match=message):
        compose(skills, weights, mode)


def test_too_few_or_repeated_skills_are_refused(untrained_skill):
    reach = untrained_skill('reach')
    for skills, message in (
        ([], 'at least two are needed, got 0'),
        ([reach], 'at least two are needed, got 1'),
        ([reach, reach], r"\['reach'\] given more than once"),
    ):
        with pytest.raises(CompositionError, match=message):
            compose(skills)


@pytest.mark.parametrize(
    ('first', 'second', 'message'),
    [
        ('sac', 'ddpg', r'temperature: one 0\.\d+, two 0\.0 '),
        ('naf', 'soft_q', r'temperature: .*algorithm: one naf, two not naf'),
        ('ddpg', 'naf', 'algorithm: one not naf, two naf'),
    ],
)
def test_algorithms_that_do_not_mix_are_refused(untrained_skill, first, second, message):
    with pytest.raises(CompositionError, match=message):
        compose([untrained_skill('one', first), untrained_skill('two', second)])


def test_everything_that_is_in_the_way_is_named_at_once(untrained_skill):
    other = untrained_skill('push', 'ddpg', robot='minitaur', discount=0.9, action_mode='position')
    with pytest.raises(CompositionError) as refused:
        compose([untrained_skill('reach'), other], weights=(1.0, -1.0), mode='nor')
    message = str(refused.value)
    assert message.startswith('cannot compose [reach, push]: ')
    for part in (
        'robot: reach sawyer, push minitaur',
        'discount: reach 0.98, push 0.9',
        'action_mode: reach torque, push position',
        'weights: must be positive',
        'temperature: reach',
        "got 'nor'",
    ):
        assert part in message


def test_constituents_of_other_dimensions_are_refused(gaussian_constituent, gaussian_policy):
    one = gaussian_constituent('one', [0.0], [1.0])
    other = Constituent('two', gaussian_policy([0.0, 0.0], [1.0, 1.0]), one.q, 1.0)
    with pytest.raises(CompositionError, match=r'one \(1, 1\), two \(1, 2\)'):
        Composition((one, other))


def test_constituents_that_see_images_of_other_shapes_are_refused(gaussian_constituent):
    q = gaussian_constituent('one', [0.0], [1.0]).q
    policies = [TanhGaussianPolicy(13, 1, (4,), image=image) for image in ((3, 4, 1), (4, 3, 1))]
    parts = (Constituent(n, p, q, 1.0) for n, p in zip(('one', 'two'), policies, strict=True))
    with pytest.raises(CompositionError, match=r'image: one \(3, 4, 1\), two \(4, 3, 1\)'):
        Composition(tuple(parts))
