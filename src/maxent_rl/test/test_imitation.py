# SPDX-License-Identifier: Apache-2.0
"""Imitation of recorded actions: what the loss measures, and what learning with it does."""

import numpy as np
import pytest
import torch

from maxent_rl import losses
from maxent_rl.algorithms import make_algorithm
from maxent_rl.replay_buffer import Batch

SMALL = {'hidden': (32, 32), 'batch_size': 256}


def test_the_loss_is_the_mean_square_difference_times_the_mean_size_of_q():
    action = torch.tensor([[0.5, 0.0], [0.0, -0.5]])
    q = torch.tensor([-4.0, 2.0])
    assert losses.imitation_loss(action, torch.zeros(2, 2), q).item() == pytest.approx(0.125 * 3.0)


def test_the_loss_moves_actions_towards_the_executed_ones_and_leaves_q_alone():
    action = torch.full((4, 1), 0.5, requires_grad=True)
    q = torch.ones(4, requires_grad=True)
    losses.imitation_loss(action, torch.zeros(4, 1), q).backward()
    assert torch.all(action.grad > 0.0)
    assert q.grad is None


def narrow_batch(rng, size=256):
    """Actions near -0.5 only, and the higher the better: what lies beyond them is a guess."""
    obs = torch.from_numpy(rng.uniform(-1.0, 1.0, (size, 2)).astype(np.float32))
    action = rng.normal(-0.5, 0.02, (size, 1)).astype(np.float32)
    reward = torch.from_numpy(action[:, 0])
    return Batch(obs, torch.from_numpy(action), reward, obs, torch.ones(size))


def learned_from_narrow(weight):
    rng = np.random.default_rng(0)
    options = {**SMALL, 'imitation_weight': weight, 'automatic_temperature': False}
    learner = make_algorithm('sac', 2, 1, {**options, 'initial_temperature': 1e-3}, 0)
    for _ in range(500):
        learner.update(narrow_batch(rng))
    return learner.policy.mode(torch.zeros(1, 2)).item()


def test_a_policy_that_imitates_stays_where_the_data_are():
    assert learned_from_narrow(100.0) == pytest.approx(-0.5, abs=0.05)
    assert learned_from_narrow(0.0) > 0.0


@pytest.mark.parametrize('weight', [0.0, 1.0])
def test_entropy_is_backed_up_unless_recorded_actions_are_imitated(weight):
    rng = np.random.default_rng(0)
    fixed = {'automatic_temperature': False, 'initial_temperature': 1.0, 'discount': 0.5}
    options = {**SMALL, **fixed, 'imitation_weight': weight, 'target_smoothing': 0.05}
    learner = make_algorithm('sac', 2, 1, options, 0)
    for _ in range(300):
        batch = narrow_batch(rng)
        nothing = torch.zeros_like(batch.reward)
        metrics = learner.update(
            Batch(batch.obs, batch.action, nothing, batch.next_obs, terminated=nothing)
        )
    # all rewards are 0: Q = discount / (1 - discount) times what one step's entropy is worth
    expected = 0.0 if weight else metrics['entropy']
    assert metrics['q_mean'] == pytest.approx(expected, abs=0.05)


def test_a_weight_of_zero_changes_nothing():
    batch = narrow_batch(np.random.default_rng(0))
    plain = make_algorithm('sac', 2, 1, SMALL, 0)
    weightless = make_algorithm('sac', 2, 1, {**SMALL, 'imitation_weight': 0.0}, 0)
    assert plain.update(batch) == weightless.update(batch)
