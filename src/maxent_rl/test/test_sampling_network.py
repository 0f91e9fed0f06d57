# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from maxent_rl.sampling_network import SamplingPolicy


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_first_actions_are_nearly_uniform():
    policy = SamplingPolicy(3, 2, (32, 32), seeded())
    noise = torch.randn((20_000, 2), generator=seeded(1))
    with torch.no_grad():
        actions = policy.act(torch.zeros(20_000, 3), noise)
    assert actions.mean(0).abs().max() < 0.05
    assert (actions.std(0) - 3.0**-0.5).abs().max() < 0.08  # of the uniform distribution: 0.577


def test_many_samples_per_state_are_those_of_one_after_the_other():
    policy = SamplingPolicy(3, 2, (16, 16), seeded())
    obs, noise = (
        torch.randn((4, 3), generator=seeded(1)),
        torch.randn((4, 5, 2), generator=seeded(2)),
    )
    together = torch.tanh(policy.samples(obs, noise))
    single = torch.stack([policy.act(obs, noise[:, i]) for i in range(5)], dim=1)
    torch.testing.assert_close(together, single)


def test_noise_is_independent_of_what_was_drawn_before():
    policy = SamplingPolicy(3, 2, (8,), seeded())
    fresh = policy.draw_noise(None, seeded(5))
    later = policy.draw_noise(torch.full((2,), 9.0), seeded(5))
    assert torch.equal(fresh, later)
    assert fresh.shape == (2,)


def test_the_mode_is_an_action_that_the_policy_takes():
    policy = SamplingPolicy(2, 1, (8,), seeded())
    with torch.no_grad():  # all noise ends at one of two actions, far apart
        for parameter in policy.parameters():
            parameter.zero_()
        policy.direct.fill_(1000.0)
    assert abs(policy.mode(torch.zeros(2))).item() == 1.0  # and not 0, the mean


def test_the_mode_is_the_same_in_every_process_and_for_every_shape():
    first, second = (SamplingPolicy(3, 2, (8, 8), seeded()) for _ in range(2))
    obs = torch.randn((4, 6, 3), generator=seeded(1))
    with torch.no_grad():
        assert torch.equal(first.mode(obs), second.mode(obs))
        torch.testing.assert_close(first.mode(obs)[2, 3], first.mode(obs[2, 3]))
    assert first.mode(obs).shape == (4, 6, 2)


def test_saturated_actions_are_inside_the_box():
    policy = SamplingPolicy(2, 2, (8,), seeded())
    with torch.no_grad():
        policy.layers[-1].bias.fill_(1e4)
    assert torch.equal(policy.mode(torch.zeros(2)), torch.ones(2))


def test_no_hidden_layer_is_refused():
    with pytest.raises(ValueError, match='hidden'):
        SamplingPolicy(2, 2, ())
