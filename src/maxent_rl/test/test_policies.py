# SPDX-License-Identifier: Apache-2.0
"""Which networks belong to which algorithm."""

import pytest
import torch

from maxent_rl.algorithms import ALGORITHMS, make_algorithm
from maxent_rl.policies import POLICIES, make_policy, make_q_networks, q_function


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_algorithm_has_a_policy():
    assert POLICIES.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize('name', POLICIES)
def test_a_policy_has_the_class_and_tensors_of_its_learner(name):
    policy = make_policy(name, 3, 2, (8, 4), seeded())
    learner = make_algorithm(name, 3, 2, {'hidden': [8, 4]}, seed=0)
    assert type(policy) is type(learner.policy)
    assert (policy.obs_dim, policy.act_dim, policy.hidden) == (3, 2, (8, 4))
    assert {f'policy.{k}' for k in policy.state_dict()} == learner.policy_tensors().keys()


@pytest.mark.parametrize('name', POLICIES)
def test_actions_stay_in_the_box_for_one_and_for_many_observations(name):
    policy = make_policy(name, 3, 2, (8,), seeded())
    noise = policy.draw_noise(None, seeded())
    obs = 10.0 * torch.randn(20, 3, generator=seeded(1))
    one, many = policy.act(obs[0], noise), policy.act(obs, noise.expand(20, -1))
    assert (one.shape, many.shape) == ((2,), (20, 2))
    assert torch.allclose(one, many[0], atol=1e-6)
    for actions in (many, policy.mode(obs)):
        assert actions.abs().max() <= 1.0


@pytest.mark.parametrize('name', POLICIES)
def test_the_noise_and_nothing_else_makes_actions_differ(name):
    policy = make_policy(name, 3, 2, (8,), seeded())
    obs = torch.ones(3)
    first = policy.draw_noise(None, seeded())
    second = policy.draw_noise(first, seeded(1))
    assert torch.equal(policy.act(obs, first), policy.act(obs, first))
    assert not torch.equal(policy.act(obs, first), policy.act(obs, second))
    assert torch.equal(policy.draw_noise(None, seeded()), first)


@pytest.mark.parametrize('name', POLICIES)
def test_the_q_networks_have_the_tensors_of_the_learners_skill(name):
    networks = make_q_networks(name, 3, 2, (8, 4), False, seeded())
    named = {f'{prefix}.{k}' for prefix, q in networks.items() for k in q.state_dict()}
    learner = make_algorithm(name, 3, 2, {'hidden': [8, 4], 'layer_norm': False}, seed=0)
    assert named == learner.skill_tensors().keys() - learner.policy_tensors().keys()


def test_of_two_q_functions_the_smaller_counts():
    networks = make_q_networks('sac', 3, 2, (8,), True, seeded())
    q = q_function(make_policy('sac', 3, 2, (8,), seeded()), networks)
    obs, action = torch.randn(50, 3, generator=seeded()), torch.zeros(50, 2)
    q1, q2 = networks['q1'](obs, action), networks['q2'](obs, action)
    assert (q1 < q2).any()
    assert (q2 < q1).any()
    assert torch.equal(q(obs, action), torch.minimum(q1, q2))


def test_q_of_naf_is_highest_at_the_action_of_its_policy():
    policy = make_policy('naf', 3, 2, (8,), seeded())
    q = q_function(policy, make_q_networks('naf', 3, 2, (8,), True, seeded()))
    obs = torch.randn(50, 3, generator=seeded())
    best = policy.mode(obs)
    for offset in ((0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.1, -0.1)):
        assert (q(obs, best) > q(obs, best + torch.tensor(offset))).all()


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'ppo'.*naf.*sac"):
        make_policy('ppo', 3, 2, (8,))


def test_only_sac_sees_images():
    policy = make_policy('sac', 15, 2, (8,), seeded(), (2, 3, 2))
    networks = make_q_networks('sac', 15, 2, (8,), True, seeded(), (2, 3, 2))
    assert policy.image == (2, 3, 2)
    assert all(network.encoder.image == (2, 3, 2) for network in networks.values())
    for name in POLICIES.keys() - {'sac'}:
        assert make_policy(name, 15, 2, (8,), seeded()).image == ()
        with pytest.raises(ValueError, match=f'{name} cannot learn from images'):
            make_policy(name, 15, 2, (8,), seeded(), (2, 3, 2))
        with pytest.raises(ValueError, match=f'{name} cannot learn from images'):
            make_q_networks(name, 15, 2, (8,), True, seeded(), (2, 3, 2))
