# SPDX-License-Identifier: Apache-2.0
"""Actions in [-1, 1] to commands in SI units and back."""

from dataclasses import replace

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


# Positions: an origin, and actions that move several joints at once

MIX = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
ORIGIN = np.array([0.5, -0.5, 1.0])
TARGETS = replace(MAPPING, mode=CommandMode.POSITION, offset=ORIGIN, mixing=MIX)
REACHING = replace(TARGETS, reach=0.25)


def test_an_action_of_zero_asks_for_the_offset():
    np.testing.assert_array_equal(TARGETS.to_values(np.zeros(3)), ORIGIN)
    np.testing.assert_array_equal(replace(TARGETS, offset=0.3).to_values(np.zeros(3)), 0.3)


def test_a_mixing_makes_one_number_move_several_joints_by_its_scale():
    for action, moved in [
        ([0.5, 0.0, 0.0], [2.0, -2.0, 0.0]),
        ([0.0, -9.0, 0.0], [-2.0, -2.0, 0.0]),
        ([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
    ]:
        np.testing.assert_allclose(TARGETS.to_values(np.array(action)), ORIGIN + np.array(moved))


def test_back_and_forth_gives_the_same_action_with_mixing_and_offset():
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (100, 3)).astype(np.float32):
        back = TARGETS.to_normalised(TARGETS.to_values(action))
        np.testing.assert_allclose(back, action, atol=1e-6)


def test_a_command_outside_the_range_is_clipped_after_it_is_unmixed():
    normalised = TARGETS.to_normalised(ORIGIN + np.array([8.0, 0.0, 0.5]))
    np.testing.assert_allclose(normalised, [1.0, 1.0, 0.5])


def test_a_command_leads_the_joints_by_its_reach_at_most():
    position = ORIGIN + np.array([0.1, -5.0, 5.0])
    values = REACHING.to_values(np.zeros(3), position)
    np.testing.assert_allclose(values, [ORIGIN[0], position[1] + 0.25, position[2] - 0.25])


def test_what_nobody_changed_was_executed_as_it_was_chosen_however_short_the_reach():
    action = np.array([1.0, -0.7, 0.3])
    asked = REACHING.to_values(action, np.full(3, 9.0))
    np.testing.assert_array_equal(
        REACHING.executed(action, asked, asked), action.astype(np.float32)
    )


def test_what_the_guard_changed_changes_the_executed_action_by_as_much():
    action = np.array([0.5, 0.0, 0.9])
    asked = REACHING.to_values(action, ORIGIN)
    applied = asked + np.array([-0.4, 0.4, 3.0])  # unmixed [-0.4, 0, 1.5], of scales 4, 2, 0.5
    np.testing.assert_allclose(REACHING.executed(action, asked, applied), [0.4, 0.0, 1.0])


def test_without_a_reach_what_was_applied_says_it_all():
    applied = TARGETS.to_values(np.array([0.2, 0.4, -0.6]))
    executed = TARGETS.executed(np.zeros(3), ORIGIN, applied)
    np.testing.assert_allclose(executed, [0.2, 0.4, -0.6], atol=1e-6)


def test_an_action_without_a_reach_does_not_depend_on_where_the_joints_are():
    action = np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(TARGETS.to_values(action, ORIGIN), TARGETS.to_values(action))


@pytest.mark.parametrize(
    ('position', 'why'),
    [
        (None, 'needs the position at which it is chosen'),
        (np.zeros(1), 'position must hold 3 numbers'),
        (np.array([0.0, np.nan, 0.0]), 'position is not finite'),
    ],
)
def test_an_action_with_a_reach_is_refused_without_a_usable_position(position, why):
    with pytest.raises(ValueError, match=why):
        REACHING.to_values(np.zeros(3), position)


@pytest.mark.parametrize('reach', [0.0, -1.0, np.nan, np.inf])
def test_reaches_that_cannot_be_are_refused(reach):
    with pytest.raises(ValueError, match='action reach'):
        replace(TARGETS, reach=reach)


@pytest.mark.parametrize(
    'mixing', [np.ones((3, 3)), np.eye(2), np.zeros((3, 3)), np.diag([1, np.nan, 1]), np.ones(3)]
)
def test_a_mixing_that_cannot_be_undone_is_refused(mixing):
    with pytest.raises(ValueError, match='action mixing must be invertible, 3 by 3'):
        replace(MAPPING, mixing=mixing)


@pytest.mark.parametrize('offset', [np.zeros(2), [0.0, np.nan, 0.0], np.inf])
def test_offsets_that_cannot_be_are_refused(offset):
    with pytest.raises(ValueError, match=r'offset|broadcast'):
        replace(MAPPING, offset=offset)


def test_a_mapping_does_not_follow_changes_of_what_it_was_made_from():
    mixing, offset = MIX.copy(), ORIGIN.copy()
    mapping = replace(MAPPING, mixing=mixing, offset=offset)
    mixing[:], offset[:] = 0.0, 9.0
    np.testing.assert_array_equal(
        mapping.to_values(np.ones(3)), replace(TARGETS, mode=MAPPING.mode).to_values(np.ones(3))
    )
