# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots.sawyer import SAWYER
from sim_bridge.trajectory import (
    ErrorCode,
    Tolerances,
    Trajectory,
    TrajectoryError,
    TrajectoryFollower,
    Waypoint,
    tolerances,
)

LIMITS = SAWYER.limits
NAMES = SAWYER.joint_names
START = SAWYER.start
SECOND = 1_000_000_000
PERIOD = SAWYER.guard_period_ns


def to(offset, seconds, velocity=None):
    return Waypoint(round(seconds * SECOND), START + offset, velocity)


def make(*waypoints, names=NAMES, start=START):
    return Trajectory(LIMITS, start, names, waypoints)


def test_it_begins_at_the_arm_and_ends_at_rest_at_the_last_point():
    path = make(to(0.1, 1.0), to(0.3, 2.0))
    for elapsed, offset in ((-5, 0.0), (0, 0.0), (SECOND, 0.1), (2 * SECOND, 0.3)):
        np.testing.assert_allclose(path.sample(elapsed)[0], START + offset, atol=1e-12)
    for elapsed in (0, 2 * SECOND, 9 * SECOND):
        np.testing.assert_array_equal(path.sample(elapsed)[1], np.zeros(7))
    assert path.duration_ns == 2 * SECOND


def test_position_and_velocity_are_consistent_and_continuous():
    path = make(to(0.1, 0.7), to(0.3, 1.1, np.full(7, 0.2)), to(0.2, 2.0))
    times = np.arange(0, 2 * SECOND, 1_000_000)
    positions = np.array([path.sample(int(t))[0] for t in times])
    velocities = np.array([path.sample(int(t))[1] for t in times])
    slopes = np.diff(positions, axis=0) / 1e-3
    np.testing.assert_allclose(slopes, 0.5 * (velocities[1:] + velocities[:-1]), atol=1e-4)
    np.testing.assert_allclose(path.sample(int(1.1 * SECOND))[1], 0.2)


def test_joints_are_matched_by_name():
    point = Waypoint(SECOND, (START + np.arange(7) * 0.01)[::-1].copy())
    path = make(point, names=NAMES[::-1])
    np.testing.assert_allclose(path.goal, START + np.arange(7) * 0.01)


def test_a_point_at_time_zero_must_be_where_the_arm_is():
    path = make(to(0.05, 0.0), to(0.1, 1.0))
    np.testing.assert_allclose(path.sample(0)[0], START)
    with pytest.raises(TrajectoryError, match=r'0\.200 rad from the arm'):
        make(to(0.2, 0.0), to(0.1, 1.0))


BAD = {
    'no points': [],
    'no point lies after time 0': [to(0.0, 0.0)],
    'time_from_start of point 1': [to(0.1, 1.0), to(0.2, 1.0)],
    'positions of point 0': [Waypoint(SECOND, np.full(7, np.nan))],
    'velocities of point 0': [to(0.1, 1.0, np.zeros(3))],
    'would move at': [to(0.5, 0.1)],
    'right_j1 would leave its range': [
        Waypoint(9 * SECOND, START + np.array([0, 4.0, 0, 0, 0, 0, 0]))
    ],
}


@pytest.mark.parametrize('why', BAD)
def test_a_bad_trajectory_is_refused_with_the_reason(why):
    with pytest.raises(TrajectoryError, match=why) as caught:
        make(*BAD[why])
    assert caught.value.code == ErrorCode.INVALID_GOAL


@pytest.mark.parametrize('names', [NAMES[:6], (*NAMES[:6], 'elbow'), (*NAMES, 'head_pan')])
def test_wrong_joints_are_refused(names):
    with pytest.raises(TrajectoryError, match='joint names') as caught:
        make(to(0.1, 1.0), names=names)
    assert caught.value.code == ErrorCode.INVALID_JOINTS


def follow(seconds, error, **allowed):
    given = {'path': np.full(7, np.inf), 'goal': np.full(7, 0.02), **allowed}
    follower = TrajectoryFollower(LIMITS, make(to(0.1, 1.0)), Tolerances(**given), 5 * SECOND)
    now = 5 * SECOND + round(seconds * SECOND)
    desired = make(to(0.1, 1.0)).sample(now - 5 * SECOND)[0]
    return follower.update(now, desired + error, PERIOD)


def test_it_succeeds_when_time_is_over_and_the_arm_is_there():
    assert follow(0.99, 0.0).finished is None
    assert follow(1.0, 0.01).finished == ErrorCode.SUCCESSFUL


def test_it_waits_for_the_goal_tolerance_until_the_goal_time_is_over():
    assert follow(1.5, 0.05).finished is None
    late = follow(3.1, 0.05)
    assert late.finished == ErrorCode.GOAL_TOLERANCE_VIOLATED
    assert 'right_j0' in late.reason


def test_it_ends_when_the_arm_leaves_the_path():
    assert follow(0.5, 0.3).finished is None
    off = follow(0.5, 0.3, path=np.full(7, 0.2))
    assert off.finished == ErrorCode.PATH_TOLERANCE_VIOLATED
    assert off.reason.startswith('right_j0 is 0.3')


def test_the_command_is_the_path_one_period_ahead():
    progress = follow(0.5, 0.0)
    expected = make(to(0.1, 1.0)).sample(SECOND // 2 + PERIOD)[0]
    np.testing.assert_array_equal(progress.command, expected)


def test_tolerances_take_defaults_for_zero_and_no_limit_below_it():
    made = tolerances(LIMITS, {'right_j0': 0.1}, {'right_j1': -1.0, 'right_j2': 0.5}, 0)
    assert made.path.tolist() == [0.1, *[np.inf] * 6]
    assert made.goal.tolist() == [0.02, np.inf, 0.5, 0.02, 0.02, 0.02, 0.02]
    assert made.goal_time_ns == 2 * SECOND
    yielding = tolerances(LIMITS, {}, {'right_j0': 0.5}, 0, default_goal=0.2)
    assert yielding.goal.tolist() == [0.5, *[0.2] * 6]
    with pytest.raises(TrajectoryError, match='elbow'):
        tolerances(LIMITS, {'elbow': 0.1}, {}, 0)
    with pytest.raises(TrajectoryError, match='not a number'):
        tolerances(LIMITS, {'right_j0': float('nan')}, {}, 0)
