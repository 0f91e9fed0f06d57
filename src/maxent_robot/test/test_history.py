# SPDX-License-Identifier: Apache-2.0
"""What a task remembers of the steps before."""

import numpy as np
import pytest

from maxent_robot.tasks.history import History


def frame(number):
    return np.array([float(number), float(-number)])


def action(number):
    return np.array([10.0 * number], dtype=np.float32)


def test_past_frames_and_actions_come_newest_first():
    history = History(3, 1)
    for k in range(1, 6):
        history.see(frame(k))
        history.act(action(k))
    history.see(frame(6))
    np.testing.assert_array_equal(history.frames(), [5, -5, 4, -4, 3, -3])
    np.testing.assert_array_equal(history.actions(), [50, 40, 30])


def test_at_the_start_the_first_frame_stands_for_those_before_and_nothing_was_done():
    history = History(3, 1)
    history.see(frame(7))
    np.testing.assert_array_equal(history.frames(), [7, -7] * 3)
    np.testing.assert_array_equal(history.actions(), [0, 0, 0])
    history.act(action(1))
    history.see(frame(8))
    np.testing.assert_array_equal(history.frames(), [7, -7] * 3)
    np.testing.assert_array_equal(history.actions(), [10, 0, 0])


def test_seeing_the_same_state_again_changes_nothing():
    history = History(2, 1)
    for _ in range(3):
        history.see(frame(1))
    history.act(action(1))
    for _ in range(3):
        history.see(frame(2))
    np.testing.assert_array_equal(history.frames(), [1, -1, 1, -1])
    np.testing.assert_array_equal(history.actions(), [10, 0])


def test_a_forgotten_history_begins_anew():
    history = History(2, 1)
    history.see(frame(1))
    history.act(action(1))
    history.forget()
    with pytest.raises(ValueError, match='before anything was observed'):
        history.act(action(2))
    history.see(frame(9))
    np.testing.assert_array_equal(history.frames(), [9, -9, 9, -9])
    np.testing.assert_array_equal(history.actions(), [0, 0])
