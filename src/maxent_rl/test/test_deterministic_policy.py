# SPDX-License-Identifier: Apache-2.0
"""A policy without randomness of its own, and the noise with memory that is added to it."""

import pytest
import torch

from maxent_rl.deterministic_policy import NOISE_DECAY, NOISE_SCALE, DeterministicPolicy
from maxent_rl.runner import PolicyRunner


def make_policy(obs_dim=3, act_dim=2, seed=0):
    return DeterministicPolicy(obs_dim, act_dim, (8,), torch.Generator().manual_seed(seed))


def noise_of_episodes(steps, episodes=20_000):
    """Each action dimension is an independent process: (steps, episodes)."""
    policy, generator = make_policy(act_dim=episodes), torch.Generator().manual_seed(1)
    noise = [policy.draw_noise(None, generator)]
    while len(noise) < steps:
        noise.append(policy.draw_noise(noise[-1], generator))
    return torch.stack(noise)


def test_the_noise_has_the_spread_and_memory_of_its_stationary_process():
    """AR(1) with coefficient 0.85: variance 0.09 / (1 - 0.85^2), correlation 0.85^lag."""
    noise = noise_of_episodes(steps=40)[25:]
    variance = noise.square().mean().item()
    assert variance == pytest.approx(0.09 / (1.0 - 0.85**2), rel=0.02)
    assert noise.mean().item() == pytest.approx(0.0, abs=0.02)
    for lag in (1, 4, 10):
        covariance = (noise[lag:] * noise[:-lag]).mean().item()
        assert covariance / variance == pytest.approx(0.85**lag, abs=0.02)


def test_the_noise_starts_from_rest_and_its_parameters_are_those_of_the_thesis():
    assert (NOISE_DECAY, NOISE_SCALE) == (0.15, 0.3)
    noise = noise_of_episodes(steps=2)
    assert noise[0].std().item() == pytest.approx(0.3, rel=0.02)
    assert noise[1].var().item() == pytest.approx(0.09 * (1.0 + 0.85**2), rel=0.03)


def test_noise_of_different_joints_is_independent():
    noise = noise_of_episodes(steps=10)[-1]
    product = (noise[::2] * noise[1::2]).mean() / noise.square().mean()
    assert product.item() == pytest.approx(0.0, abs=0.03)


def test_noise_is_added_to_the_action_and_the_sum_is_clipped():
    policy, obs = make_policy(), torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    noise = torch.tensor([0.25, -5.0])
    action = policy.act(obs, noise)
    torch.testing.assert_close(action[:, 0], policy.mode(obs)[:, 0] + 0.25)
    assert (action[:, 1] == -1.0).all()
    assert torch.equal(policy.act(obs, torch.zeros(2)), policy.mode(obs))


def test_actions_without_noise_lie_in_the_box_however_large_the_weights():
    policy = make_policy()
    with torch.no_grad():
        policy.layers[-1].weight.mul_(1e6)
    action = policy.mode(torch.randn(100, 3, generator=torch.Generator().manual_seed(3)))
    assert action.abs().max().item() == 1.0


def test_the_runner_explores_with_memory_and_forgets_it_between_episodes():
    runner = PolicyRunner(make_policy(act_dim=2000), seed=0, deterministic=False)
    obs = torch.zeros(3).numpy()
    rest = PolicyRunner(runner.policy, seed=0, deterministic=True)(obs)
    steps = [runner(obs) - rest for _ in range(2)]
    runner.begin_episode()
    other = runner(obs) - rest
    product = (steps[0] * steps[1]).mean() / (steps[0] ** 2).mean()
    assert product == pytest.approx(0.85, abs=0.1)
    assert (steps[1] * other).mean() / (other**2).mean() == pytest.approx(0.0, abs=0.1)


def test_parameters_and_noise_come_from_the_generators_given():
    torch.manual_seed(1)
    first = make_policy(seed=4)
    noise = first.draw_noise(None, torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    second = make_policy(seed=4)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
    assert torch.equal(noise, second.draw_noise(None, torch.Generator().manual_seed(5)))


def test_a_policy_without_dimensions_is_refused():
    with pytest.raises(ValueError, match='at least 1'):
        DeterministicPolicy(0, 1, (8,))
    with pytest.raises(ValueError, match='hidden'):
        DeterministicPolicy(1, 1, ())
