# SPDX-License-Identifier: Apache-2.0
"""The D'Claw's figures hang together: rates, ranges, poses and what the guard lets through."""

import numpy as np
import pytest

from maxent_robot.robots.dclaw import DCLAW, IMAGE_SHAPE, TASK_LOWER, TASK_UPPER
from maxent_robot.safety.position_filter import PositionLimits, limit_position, seed
from maxent_robot.types import CommandMode

ROBEL_SPEED = 2.0 * np.pi / 3.0  # rad/s, at which ROBEL's tasks move their targets
ROBEL_LEAD = 0.1 * ROBEL_SPEED  # rad, how far they put a target ahead of the joint
BLOCKED_SHARE = 0.75  # of the leash: a joint at rest with more is blocked (safety/monitors.py)


def test_joints_are_those_of_three_fingers_in_the_order_of_robel():
    assert DCLAW.joint_names == (
        *('FFJ10', 'FFJ11', 'FFJ12'),
        *('MFJ20', 'MFJ21', 'MFJ22'),
        *('THJ30', 'THJ31', 'THJ32'),
    )


def test_the_soft_limits_hold_the_whole_task_range():
    assert (DCLAW.soft_lower <= TASK_LOWER).all()
    assert (DCLAW.soft_upper >= TASK_UPPER).all()


def test_episodes_start_within_the_task_range():
    assert ((DCLAW.start >= TASK_LOWER) & (DCLAW.start <= TASK_UPPER)).all()


def test_the_task_range_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match='read-only'):
        TASK_UPPER[0] = 1.0


def test_it_is_driven_by_positions_at_10_hz_under_100_hz():
    assert DCLAW.command_modes == (CommandMode.POSITION,)
    assert DCLAW.policy_period_ns == 10 * DCLAW.guard_period_ns == 100_000_000
    assert DCLAW.command_timeout_s == 0.5


def test_the_picture_and_the_valve_are_signals_that_the_guard_does_without():
    assert DCLAW.signals == {'valve': 2, 'camera': 32 * 32 * 3}
    assert IMAGE_SHAPE == (32, 32, 3)
    assert DCLAW.guard_signals == ()


def test_the_guard_lets_targets_move_as_fast_as_in_robel():
    assert DCLAW.guard.velocity_fraction * DCLAW.limits.velocity.min() > 1.2 * ROBEL_SPEED


def test_the_set_point_arrives_at_a_target_of_robel_within_a_policy_period():
    limits = PositionLimits.of(DCLAW, DCLAW.guard)
    target = DCLAW.start + ROBEL_LEAD * np.array([1.0, 1.0, -1.0] * 3)
    point = seed(limits, DCLAW.start, np.zeros(9))
    for _ in range(DCLAW.policy_period_ns // DCLAW.guard_period_ns):
        point, _ = limit_position(limits, target, point, DCLAW.start, 0.01)
    np.testing.assert_allclose(point.position, target, atol=0.01)


def test_a_finger_that_pushes_at_the_valve_as_in_robel_counts_neither_as_blocked_nor_overloaded():
    stiffest = 3.0  # N m/rad, of ROBEL's servos
    assert BLOCKED_SHARE * DCLAW.guard.leash > ROBEL_LEAD
    assert DCLAW.guard.overload_effort > stiffest * ROBEL_LEAD
    assert (DCLAW.guard.overload_effort < DCLAW.limits.command_effort).all()
