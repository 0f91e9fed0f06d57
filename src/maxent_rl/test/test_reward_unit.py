# SPDX-License-Identifier: Apache-2.0
"""The unit in which rewards are counted."""

import math

import pytest
import torch

from maxent_rl.reward_unit import LARGEST, ORDINARY, reward_unit


@pytest.mark.parametrize('unit', [4.0**-5, 0.25, 1.0, 4.0, LARGEST])
@pytest.mark.parametrize('size', [0.51, 1.0, 1.9])
def test_the_unit_is_the_power_of_four_that_makes_rewards_ordinary_within_a_factor_of_two(
    unit, size
):
    rewards = torch.tensor([1.0, -1.0, 1.0]) * ORDINARY * size * unit
    assert reward_unit(rewards) == unit


def test_a_few_large_rewards_count_by_their_square():
    rewards = torch.zeros(100)
    rewards[7] = 10.0  # root mean square 1
    assert reward_unit(0.9 * rewards) == 1.0
    assert reward_unit(1.1 * rewards) == 4.0


def test_the_unit_has_a_bound_for_the_q_functions_of_a_skill_have_one():
    assert reward_unit(torch.tensor([1e6, -1e6])) == LARGEST


@pytest.mark.parametrize('rewards', [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_rewards_that_say_nothing_have_the_unit_1(rewards):
    assert reward_unit(torch.tensor(rewards)) == 1.0
