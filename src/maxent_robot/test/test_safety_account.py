# SPDX-License-Identifier: Apache-2.0
"""What is reported of each action."""

import numpy as np

from maxent_robot.safety.account import ActionAccount
from maxent_robot.types import ActionSample, CommandMode, Level


def action(seq, mode=CommandMode.TORQUE):
    values = np.array([1.0, 2.0])
    return ActionSample(seq * 50, 's', seq, 'reach', 0, mode, ('a', 'b'), values)


def test_the_last_tick_of_the_period_finishes_the_action():
    account, first = ActionAccount(3), action(1)
    assert account.serve(first, [1.0, 2.0]) is None
    assert account.add([0.0, 2.0], 1, Level.NORMAL) is None
    assert account.serve(first, [1.0, 2.0]) is None
    assert account.add([1.0, 2.0], 4, Level.DAMP) is None
    done = account.add([2.0, 2.0], 1, Level.HOLD)
    np.testing.assert_array_equal(done.applied, [1.0, 2.0])
    np.testing.assert_array_equal(done.desired, [1.0, 2.0])
    assert (done.ticks, done.flags, done.level) == (3, 5, Level.DAMP)
    assert (done.seq, done.stamp_ns, done.session_id) == (1, 50, 's')


def test_an_action_held_for_longer_is_reported_once():
    account, first = ActionAccount(2), action(1)
    account.serve(first, [1.0, 2.0])
    results = [account.add([1.0, 1.0], 0, Level.NORMAL) for _ in range(5)]
    assert [r is not None for r in results] == [False, True, False, False, False]
    assert account.serve(action(2), [1.0, 2.0]) is None


def test_a_superseded_action_is_reported_with_the_ticks_it_had():
    account = ActionAccount(10)
    account.serve(action(1), [1.0, 2.0])
    for _ in range(9):
        account.add([3.0, 4.0], 0, Level.NORMAL)
    done = account.serve(action(2), [1.0, 2.0])
    assert (done.seq, done.ticks) == (1, 9)
    np.testing.assert_array_equal(done.applied, [3.0, 4.0])


def test_an_action_that_no_tick_served_is_not_reported():
    account = ActionAccount(10)
    account.serve(action(1), [1.0, 2.0])
    assert account.serve(action(2), [1.0, 2.0]) is None
    assert account.close() is None


def test_of_a_position_the_set_point_at_the_end_is_reported_and_not_the_mean():
    account, first = ActionAccount(3), action(1, CommandMode.POSITION)
    account.serve(first, [1.0, 2.0])
    account.add([0.2, 0.4], 0, Level.NORMAL)
    account.add([0.5, 0.9], 0, Level.NORMAL)
    done = account.add([0.9, 1.7], 0, Level.NORMAL)
    np.testing.assert_array_equal(done.applied, [0.9, 1.7])
    np.testing.assert_array_equal(done.desired, [1.0, 2.0])
    assert (done.mode, done.ticks) == (CommandMode.POSITION, 3)


def test_of_a_superseded_position_the_set_point_that_it_came_to_is_reported():
    account = ActionAccount(10)
    account.serve(action(1, CommandMode.POSITION), [1.0, 2.0])
    account.add([0.2, 0.4], 0, Level.NORMAL)
    account.add([0.3, 0.6], 0, Level.NORMAL)
    done = account.serve(action(2, CommandMode.POSITION), [1.0, 2.0])
    np.testing.assert_array_equal(done.applied, [0.3, 0.6])
    assert done.ticks == 2


def test_a_position_after_a_torque_starts_an_account_of_its_own():
    account = ActionAccount(2)
    account.serve(action(1), [1.0, 2.0])
    account.add([4.0, 4.0], 0, Level.NORMAL)
    done = account.serve(action(2, CommandMode.POSITION), [1.0, 2.0])
    np.testing.assert_array_equal(done.applied, [4.0, 4.0])
    account.add([0.1, 0.1], 0, Level.NORMAL)
    done = account.add([0.2, 0.2], 0, Level.NORMAL)
    np.testing.assert_array_equal(done.applied, [0.2, 0.2])
