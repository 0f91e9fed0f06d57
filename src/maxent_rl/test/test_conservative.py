# SPDX-License-Identifier: Apache-2.0
"""The conservative penalty: what it measures, and what learning with it makes of Q."""

import math

import numpy as np
import pytest
import torch

from maxent_rl.algorithms import make_algorithm
from maxent_rl.conservative import conservative_penalty
from maxent_rl.replay_buffer import Batch
from maxent_rl.soft_value import uniform_proposal

TEMPERATURE = 0.05


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_without_preferences_the_penalty_is_the_log_volume_of_the_actions():
    actions, density = uniform_proposal(5, 7, 3, generator())
    penalty = conservative_penalty(torch.ones(5, 7), density, torch.ones(5), TEMPERATURE)
    assert actions.shape == (5, 7, 3)
    assert penalty.item() == pytest.approx(TEMPERATURE * 3 * math.log(2.0), rel=1e-5)


def test_the_penalty_is_the_negative_log_likelihood_of_the_data_under_the_boltzmann_policy():
    # Q = -a^2 / 2 on [-1, 1]: the integral of exp(Q / t) is known.
    actions, density = uniform_proposal(2000, 256, 1, generator())
    q = -0.5 * actions.squeeze(-1).square()
    data = torch.full((2000,), 0.3)
    penalty = conservative_penalty(q, density, -0.5 * data.square(), TEMPERATURE)
    width = math.sqrt(TEMPERATURE)
    mass = width * math.sqrt(2.0 * math.pi) * math.erf(1.0 / (width * math.sqrt(2.0)))
    log_likelihood = -0.5 * 0.3**2 / TEMPERATURE - math.log(mass)
    assert penalty.item() == pytest.approx(-TEMPERATURE * log_likelihood, abs=5e-4)


def narrow_batch(rng, size=256):
    """Actions near -0.5 only, each rewarded with 0: nothing is known of the others."""
    obs = rng.uniform(-1.0, 1.0, (size, 2)).astype(np.float32)
    action = np.clip(rng.normal(-0.5, 0.05, (size, 1)), -1.0, 1.0).astype(np.float32)
    tensors = [torch.from_numpy(array) for array in (obs, action)]
    return Batch(*tensors, torch.zeros(size), tensors[0], torch.ones(size))


def test_q_promises_less_of_actions_that_the_data_lack():
    rng = np.random.default_rng(0)
    options = {'hidden': (32, 32), 'batch_size': 256, 'conservative_weight': 0.2}
    learner = make_algorithm('soft_q', 2, 1, options, 0)
    for _ in range(300):
        learner.update(narrow_batch(rng))
    obs = torch.zeros(1, 2)

    def value(action):
        return torch.minimum(
            learner.q1(obs, torch.tensor([[action]])), learner.q2(obs, torch.tensor([[action]]))
        ).item()

    assert value(-0.5) > value(0.8) + 0.01
    assert abs(value(-0.5)) < 0.1


def test_a_weight_of_zero_changes_nothing():
    options = {'hidden': (16, 16), 'batch_size': 32}
    rng = np.random.default_rng(0)
    batch = narrow_batch(rng, 32)
    plain = make_algorithm('soft_q', 2, 1, options, 0)
    weightless = make_algorithm('soft_q', 2, 1, {**options, 'conservative_weight': 0.0}, 0)
    assert plain.update(batch) == weightless.update(batch)
