# SPDX-License-Identifier: Apache-2.0
"""When a robot counts as standing at its start pose."""

import numpy as np
import pytest

from maxent_robot.start_motion import settled, timeout_reason
from maxent_robot.types import RobotState

START = np.array([0.5, -0.5])


@pytest.mark.parametrize(
    ('position', 'velocity', 'there'),
    [
        ([0.5, -0.5], [0.0, 0.0], True),
        ([0.549, -0.549], [0.049, -0.049], True),
        ([0.551, -0.5], [0.0, 0.0], False),
        ([0.5, -0.5], [0.0, -0.051], False),
        ([0.5, np.nan], [0.0, 0.0], False),
    ],
)
def test_every_joint_must_be_near_and_still(position, velocity, there):
    assert settled(RobotState(0, np.array(position), np.array(velocity)), START) is there


def test_the_reason_names_the_joint_that_is_farthest_away():
    state = RobotState(0, np.array([0.4, 0.7]), np.array([0.0, 0.3]))
    reason = timeout_reason(state, START, ['a', 'b'])
    assert 'within 15 s: b is 1.200 rad away' in reason
    assert '0.300 rad/s' in reason
