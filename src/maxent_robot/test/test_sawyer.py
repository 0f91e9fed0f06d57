# SPDX-License-Identifier: Apache-2.0
"""Sawyer's figures hang together: rates, torques, poses and the space that it works in."""

import itertools

import numpy as np
import pytest

from maxent_robot.robots import SAWYER, get_robot


def solve(target, q):
    """Joint angles within the soft limits whose tip is at target, None if not found."""
    for _ in range(100):
        tip, jacobian = SAWYER.chain.tip_and_jacobian(q)
        error = target - tip
        if np.linalg.norm(error) < 1e-4:
            return q
        step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + 1e-4 * np.eye(3), error)
        q = np.clip(q + step, SAWYER.soft_lower, SAWYER.soft_upper)
    return None


def test_robots_are_found_by_name_and_unknown_names_list_the_known():
    assert get_robot('sawyer') is SAWYER
    with pytest.raises(
        ValueError, match="unknown robot 'baxter'; known robots: dclaw, minitaur, sawyer"
    ):
        get_robot('baxter')


def test_every_point_of_the_reach_box_is_reached_within_the_soft_limits():
    box = SAWYER.reach_box
    corners = itertools.product(*zip(box.lower, box.upper, strict=True))
    inner = np.random.default_rng(0).uniform(box.lower, box.upper, (300, 3))
    for target in [*map(np.array, corners), *inner]:
        assert solve(target, SAWYER.start) is not None, target


def test_random_goals_lie_in_the_reach_box():
    assert SAWYER.reach_box.contains(SAWYER.goal_box.lower)
    assert SAWYER.reach_box.contains(SAWYER.goal_box.upper)


def test_the_safety_box_holds_the_reach_box_with_room_for_the_wall_spring():
    assert (SAWYER.reach_box.lower - SAWYER.box.lower >= 0.06 - 1e-9).all()
    assert (SAWYER.box.upper - SAWYER.reach_box.upper >= 0.06 - 1e-9).all()


def test_episodes_start_inside_the_reach_box_and_neutral_inside_the_safety_box():
    assert SAWYER.reach_box.contains(SAWYER.chain.tip(SAWYER.start))
    assert SAWYER.box.contains(SAWYER.chain.tip(SAWYER.neutral))


def test_the_policy_has_half_of_the_torque_that_the_guard_lets_through():
    np.testing.assert_allclose(SAWYER.limits.command_effort, [8, 7, 6, 5, 4, 3, 2])
    np.testing.assert_allclose(2 * SAWYER.policy_effort, SAWYER.limits.command_effort)


def test_rates_are_20_hz_under_200_hz_and_beat_the_command_timeout():
    assert SAWYER.policy_period_ns == 10 * SAWYER.guard_period_ns == 50_000_000
    assert SAWYER.command_timeout_s == 0.1
