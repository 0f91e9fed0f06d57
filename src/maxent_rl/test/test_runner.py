# SPDX-License-Identifier: Apache-2.0
"""Acting with a policy from numpy."""

import numpy as np
import pytest
import torch

from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.policy import Policy
from maxent_rl.runner import PolicyRunner, configure_torch


def policy():
    return TanhGaussianPolicy(4, 2, (16, 16), torch.Generator().manual_seed(0))


class Walk(Policy):
    """Counts its actions since the beginning of the episode."""

    obs_dim, act_dim, hidden = 4, 1, (1,)

    def draw_noise(self, previous, generator):
        return torch.full((1,), 0.1) if previous is None else previous + 0.1

    def act(self, obs, noise):
        return noise.clamp(-1.0, 1.0)

    def mode(self, obs):
        return torch.zeros(1)


def test_actions_are_float32_vectors_within_the_box():
    act = PolicyRunner(policy(), seed=0, deterministic=False)
    rng = np.random.default_rng(0)
    for _ in range(100):
        action = act(rng.normal(size=4).astype(np.float32))
        assert action.shape == (2,)
        assert action.dtype == np.float32
        assert np.abs(action).max() <= 1.0


def test_the_same_seed_gives_the_same_actions_and_another_does_not():
    obs = np.ones(4, np.float32)

    def actions(seed):
        act = PolicyRunner(policy(), seed, deterministic=False)
        return np.stack([act(obs) for _ in range(5)])

    np.testing.assert_array_equal(actions(3), actions(3))
    assert not np.array_equal(actions(3), actions(4))
    assert len(np.unique(actions(3))) == 10


def test_a_deterministic_runner_returns_the_mode():
    one = policy()
    obs = np.ones(4, np.float32)
    act = PolicyRunner(one, seed=0, deterministic=True)
    with torch.no_grad():
        np.testing.assert_array_equal(act(obs), one.mode(torch.ones(4)).numpy())
    np.testing.assert_array_equal(act(obs), act(obs))


def test_noise_with_a_memory_goes_on_until_the_next_episode():
    act = PolicyRunner(Walk(), seed=0, deterministic=False)
    obs = np.zeros(4, np.float32)
    first = [float(act(obs)[0]) for _ in range(3)]
    act.policy = Walk()  # as when new weights come: the exploration is not disturbed
    first.append(float(act(obs)[0]))
    act.begin_episode()
    second = [float(act(obs)[0]) for _ in range(2)]
    np.testing.assert_allclose(first, [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    np.testing.assert_allclose(second, [0.1, 0.2], rtol=1e-6)


def test_a_gaussian_policy_acts_bit_by_bit_as_it_samples_from_one_stream_of_noise():
    one, generator = policy(), torch.Generator().manual_seed(3)
    act = PolicyRunner(one, seed=3, deterministic=False)
    rng = np.random.default_rng(0)
    for step in range(20):
        if step % 7 == 0:
            act.begin_episode()  # the stream goes on
        obs = rng.normal(size=4).astype(np.float32)
        with torch.no_grad():
            expected, _ = one.sample(torch.from_numpy(obs), generator)
        np.testing.assert_array_equal(act(obs), expected.numpy())


def test_changes_of_the_policy_are_seen():
    one = policy()
    act = PolicyRunner(one, seed=0, deterministic=True)
    with torch.no_grad():
        one.layers[-1].weight.zero_()
        one.layers[-1].bias.fill_(20.0)
    np.testing.assert_array_equal(act(np.ones(4, np.float32)), [1.0, 1.0])


@pytest.mark.parametrize('obs', [np.ones(3), np.ones((1, 4)), np.array([0.0, np.nan, 0.0, 0.0])])
def test_a_bad_observation_is_refused(obs):
    act = PolicyRunner(policy(), seed=0, deterministic=True)
    with pytest.raises(ValueError, match='observation must'):
        act(obs.astype(np.float32))


def test_torch_is_left_with_one_thread():
    configure_torch()
    assert torch.get_num_threads() == 1
