# SPDX-License-Identifier: Apache-2.0
"""When a robot counts as standing at its start pose."""

import numpy as np
import pytest

from maxent_robot.robots import MINITAUR, SAWYER
from maxent_robot.start_motion import settled, timeout_reason
from maxent_robot.types import RobotState

START = np.array([0.5, -0.5])


def off(spec, position, velocity):
    """A state whose last joint is off the start pose by so much, and moves."""
    q, v = spec.start.copy(), np.zeros(len(spec.start))
    q[-1] += position
    v[-1] += velocity
    return RobotState(0, q, v)


@pytest.mark.parametrize(
    ('position', 'velocity', 'there'),
    [
        (0.0, 0.0, True),
        (0.049, 0.049, True),
        (-0.049, -0.049, True),
        (0.051, 0.0, False),
        (0.0, -0.051, False),
        (np.nan, 0.0, False),
        (0.0, np.nan, False),
    ],
)
def test_every_joint_must_be_near_and_still(position, velocity, there):
    assert settled(SAWYER, off(SAWYER, position, velocity), SAWYER.start) is there


@pytest.mark.parametrize(
    ('position', 'velocity', 'there'),
    [(0.19, 0.49, True), (0.21, 0.0, False), (0.0, 0.51, False)],
)
def test_a_robot_that_gives_way_to_its_weight_settles_less_exactly(position, velocity, there):
    assert settled(MINITAUR, off(MINITAUR, position, velocity), MINITAUR.start) is there


def test_the_reason_names_the_joint_that_is_farthest_away():
    state = RobotState(0, np.array([0.4, 0.7]), np.array([0.0, 0.3]))
    reason = timeout_reason(state, START, ['a', 'b'])
    assert 'within 15 s: b is 1.200 rad away' in reason
    assert '0.300 rad/s' in reason
