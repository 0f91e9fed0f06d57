# SPDX-License-Identifier: Apache-2.0
"""The unit in which rewards are counted."""

import math

import pytest
import torch

from maxent_rl.reward_unit import LARGEST, ORDINARY, reward_unit


@pytest.mark.parametrize('size', [1e-6, 0.01, ORDINARY, 3.0, 100.0])
def test_rewards_have_the_ordinary_size_when_counted_in_their_unit(size):
    rewards = size * torch.tensor([1.0, -1.0, 1.0])
    counted = rewards / reward_unit(rewards)
    assert counted.square().mean().sqrt().item() == pytest.approx(ORDINARY)


def test_a_few_large_rewards_count_by_their_square():
    rewards = torch.zeros(100)
    rewards[7] = 10.0 * ORDINARY  # root mean square ORDINARY
    assert reward_unit(rewards) == pytest.approx(1.0)


def test_the_unit_has_a_bound_for_the_q_functions_of_a_skill_have_one():
    assert reward_unit(torch.tensor([1e6, -1e6])) == LARGEST


@pytest.mark.parametrize('rewards', [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_rewards_that_say_nothing_have_the_unit_1(rewards):
    assert reward_unit(torch.tensor(rewards)) == 1.0
