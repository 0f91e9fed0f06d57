# SPDX-License-Identifier: Apache-2.0
"""Actions in [-1, 1] to commands in SI units and back."""

import numpy as np
import pytest

from maxent_robot.action_mapping import ActionMapping
from maxent_robot.types import CommandMode

MAPPING = ActionMapping(CommandMode.TORQUE, ('a', 'b', 'c'), np.array([4.0, 2.0, 0.5]))


def test_an_action_of_one_asks_for_the_scale():
    np.testing.assert_allclose(MAPPING.to_values(np.array([1.0, -1.0, 0.5])), [4.0, -2.0, 0.25])


def test_actions_and_commands_outside_the_range_are_clipped():
    np.testing.assert_allclose(MAPPING.to_values(np.array([7.0, -7.0, 0.0])), [4.0, -2.0, 0.0])
    normalised = MAPPING.to_normalised(np.array([8.0, -3.0, 0.5]))
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised, [1.0, -1.0, 1.0])


def test_back_and_forth_gives_the_same_action():
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (100, 3)).astype(np.float32)
    for action in actions:
        np.testing.assert_array_equal(MAPPING.to_normalised(MAPPING.to_values(action)), action)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_both_ways(bad):
    numbers = np.array([0.0, bad, 0.0])
    with pytest.raises(ValueError, match='action is not finite'):
        MAPPING.to_values(numbers)
    with pytest.raises(ValueError, match='command is not finite'):
        MAPPING.to_normalised(numbers)


def test_wrong_sizes_are_refused_both_ways():
    with pytest.raises(ValueError, match='action must hold 3 numbers'):
        MAPPING.to_values(np.zeros(2))
    with pytest.raises(ValueError, match='command must hold 3 numbers'):
        MAPPING.to_normalised(np.zeros((3, 1)))


@pytest.mark.parametrize('scale', [[1.0], [1.0, 0.0, 1.0], [1.0, np.nan, 1.0]])
def test_scales_that_cannot_be_are_refused(scale):
    with pytest.raises(ValueError, match='action scale'):
        ActionMapping(CommandMode.TORQUE, ('a', 'b', 'c'), np.array(scale))
