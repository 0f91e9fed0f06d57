# SPDX-License-Identifier: Apache-2.0
"""Networks: shapes, first outputs, limits, reproducibility, named tensors."""

import pytest
import torch

from maxent_rl.networks import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    QFunction,
    TanhGaussianPolicy,
    load_prefixed_state,
    perceive,
    prefixed_state,
    share_one_storage,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_acting_with_drawn_noise_is_sampling():
    policy = TanhGaussianPolicy(5, 3, (16,), seeded())
    obs = torch.randn(5, generator=seeded())
    noise = policy.draw_noise(None, seeded(3))
    action, _ = policy.sample(obs, seeded(3))
    assert torch.equal(policy.act(obs, noise), action)
    assert torch.equal(policy.draw_noise(noise, seeded(3)), noise)  # it has no memory


def test_a_fresh_policy_explores_nearly_uniformly():
    policy = TanhGaussianPolicy(5, 3, (64, 64), seeded())
    obs = torch.randn(20_000, 5, generator=seeded(1))
    with torch.no_grad():
        actions, log_density = policy.sample(obs, seeded(2))
    assert actions.abs().max() <= 1.0
    assert actions.mean().abs() < 0.02
    assert actions.std() == pytest.approx(0.63, abs=0.03)  # tanh of a standard Gaussian
    assert -log_density.mean() == pytest.approx(3 * 0.64, abs=0.1)  # uniform: 3 log 2 = 2.08


def test_the_mode_is_the_squashed_mean_for_one_observation_and_for_many():
    policy = TanhGaussianPolicy(5, 3, (16,), seeded())
    obs = torch.randn(40, 5, generator=seeded(1))
    mean, _ = policy(obs)
    torch.testing.assert_close(policy.mode(obs), torch.tanh(mean))
    torch.testing.assert_close(policy.mode(obs[0]), torch.tanh(mean[0]), rtol=1e-4, atol=1e-6)


def test_the_standard_deviation_is_bounded_whatever_the_weights():
    policy = TanhGaussianPolicy(2, 1, (8,), seeded())
    for bias, bound in ((1e3, LOG_STD_MAX), (-1e3, LOG_STD_MIN)):
        with torch.no_grad():
            policy.layers[-1].bias[1] = bias
        _, log_std = policy(torch.zeros(1, 2))
        assert log_std.item() == bound


def test_the_same_generator_gives_the_same_network_and_leaves_torchs_own_alone():
    before = torch.get_rng_state()
    first, second = (QFunction(4, 2, (8,), True, seeded(7)) for _ in range(2))
    TanhGaussianPolicy(4, 2, (8,), seeded(7)).sample(torch.zeros(1, 4), seeded())
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_layer_normalisation_bounds_values_far_from_the_data():
    near, far = torch.ones(1, 4), torch.full((1, 4), 1e6)
    action = torch.zeros(1, 2)
    values = {}
    for norm in (True, False):
        q = QFunction(4, 2, (32, 32), norm, seeded())
        values[norm] = (q(far, action) - q(near, action)).abs().item()
    assert values[True] < 0.1
    assert values[False] > 10.0 * values[True]


def test_a_network_without_hidden_layers_or_inputs_is_refused():
    with pytest.raises(ValueError, match='hidden layer'):
        TanhGaussianPolicy(3, 1, ())
    with pytest.raises(ValueError, match='at least 1'):
        QFunction(0, 0, (8,))


def test_named_tensors_make_an_equal_network():
    source, copy = (TanhGaussianPolicy(3, 2, (8, 8), seeded(s)) for s in (0, 1))
    tensors = prefixed_state('policy', source)
    assert set(tensors) == {f'policy.layers.{i}.{n}' for i in range(3) for n in ('weight', 'bias')}
    load_prefixed_state('policy', copy, {**tensors, 'other.x': torch.zeros(1)})
    obs = torch.randn(5, 3, generator=seeded(2))
    assert torch.equal(source.mode(obs), copy.mode(obs))


def test_named_tensors_that_do_not_fit_are_refused_by_name():
    policy = TanhGaussianPolicy(3, 2, (8,), seeded())
    tensors = prefixed_state('policy', policy)
    with pytest.raises(ValueError, match=r'layers\.0\.bias'):
        load_prefixed_state('policy', policy, {k: v for k, v in tensors.items() if '0.b' not in k})
    wrong = {**tensors, 'policy.layers.0.bias': torch.zeros(9)}
    with pytest.raises(ValueError, match=r'expected \(8,\)'):
        load_prefixed_state('policy', policy, wrong)


IMAGE, SEEING_DIM = (4, 5, 2), 3 + 40


def test_what_an_image_shows_changes_actions_and_values():
    policy = TanhGaussianPolicy(SEEING_DIM, 2, (8,), seeded(), IMAGE)
    q = QFunction(SEEING_DIM, 2, (8,), True, seeded(), IMAGE)
    dark, action = torch.zeros(1, SEEING_DIM), torch.zeros(1, 2)
    lit = dark.clone()
    lit[:, 3:] = 1.0
    assert policy.image == IMAGE
    assert not torch.equal(policy.mode(dark), policy.mode(lit))
    assert not torch.equal(q(dark, action), q(lit, action))


def test_without_an_image_a_network_is_what_it_was_before_there_were_images():
    """Neither the names of the tensors nor the order of the draws has changed."""
    policy, q = TanhGaussianPolicy(3, 2, (8,), seeded()), QFunction(3, 2, (8,), True, seeded())
    assert (policy.image, policy.encoder, q.encoder) == ((), None, None)
    wanted = torch.Generator().manual_seed(0)
    first = torch.empty(8, 3).uniform_(-(3**-0.5), 3**-0.5, generator=wanted)
    assert torch.equal(policy.layers[0].weight, first)
    assert list(q.state_dict()) == [
        *(f'layers.{i}.{part}' for i in range(2) for part in ('weight', 'bias')),
        *(f'norms.0.{part}' for part in ('weight', 'bias')),
    ]


def test_what_several_networks_see_is_what_each_sees():
    policy = TanhGaussianPolicy(SEEING_DIM, 2, (8,), seeded(), IMAGE)
    q = QFunction(SEEING_DIM, 2, (8,), True, seeded(1), IMAGE)
    obs, action = torch.rand(20, SEEING_DIM, generator=seeded(2)), torch.zeros(20, 2)
    of_policy, of_q = perceive([policy, q], obs)
    torch.testing.assert_close(policy.heads(of_policy), policy(obs))
    torch.testing.assert_close(q.value(of_q, action), q(obs, action))
    drawn = policy.sample_at(of_policy, seeded(3))
    torch.testing.assert_close(drawn, policy.sample(obs, seeded(3)))
    blind = TanhGaussianPolicy(SEEING_DIM, 2, (8,), seeded())
    assert perceive([blind], obs)[0] is obs


def test_the_encoder_is_named_among_the_tensors():
    policy = TanhGaussianPolicy(SEEING_DIM, 2, (8,), seeded(), IMAGE)
    named = {k: tuple(v.shape) for k, v in prefixed_state('policy', policy).items()}
    assert named['policy.encoder.conv1.weight'] == (4, 2, 3, 3)
    assert named['policy.encoder.conv2.bias'] == (4,)
    assert named['policy.layers.0.weight'] == (8, 3 + 4)


def test_parameters_in_one_storage_keep_their_values_and_follow_it():
    q = QFunction(3, 2, (8,), True, seeded())
    obs, action = torch.ones(1, 3), torch.ones(1, 2)
    before = q(obs, action)
    flat = share_one_storage([*q.parameters()])
    assert torch.equal(q(obs, action), before)
    flat.zero_()
    assert q(obs, action).item() == 0.0
    assert all(torch.count_nonzero(p) == 0 for p in q.parameters())
    assert all(p.data_ptr() % 64 == flat.data_ptr() % 64 for p in q.parameters())
