# SPDX-License-Identifier: Apache-2.0
"""The objectives against numbers worked out by hand."""

import torch
from torch import tensor

from maxent_rl import losses


def test_a_terminated_transition_does_not_bootstrap_and_any_other_does():
    target = losses.soft_q_target(
        reward=tensor([1.0, 1.0]),
        terminated=tensor([1.0, 0.0]),
        next_q=tensor([10.0, 10.0]),
        next_log_prob=tensor([-2.0, -2.0]),
        temperature=tensor(0.5),
        discount=0.9,
    )
    torch.testing.assert_close(target, tensor([1.0, 1.0 + 0.9 * (10.0 + 0.5 * 2.0)]))


def test_the_q_loss_is_half_the_mean_square_of_each_function():
    loss = losses.q_loss(tensor([1.0, 3.0]), tensor([0.0, 0.0]), tensor([0.0, 1.0]))
    assert loss.item() == 0.5 * ((1.0 + 4.0) / 2.0 + (0.0 + 1.0) / 2.0)


def test_the_policy_loss_weighs_entropy_by_temperature():
    loss = losses.policy_loss(tensor([-1.0, 1.0]), tensor([2.0, 4.0]), tensor(0.1))
    torch.testing.assert_close(loss, tensor(-3.0))


def test_the_temperature_falls_when_entropy_is_above_its_target_and_rises_below():
    def descended(entropy):
        return -losses.log_temperature_gradient(tensor(-entropy), target_entropy=-2.0).item()

    assert descended(-1.0) < 0.0
    assert descended(-3.0) > 0.0
    assert descended(-2.0) == 0.0
