# SPDX-License-Identifier: Apache-2.0
"""What the measured robot says about itself."""

import numpy as np
import pytest

from maxent_robot.robots import MINITAUR, SAWYER
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import Flag
from maxent_robot.safety.monitors import Monitors, Overruns
from maxent_robot.types import Level

MS = 1_000_000
T = 5 * MS
Q = SAWYER.start.tolist()
STILL = [0.0] * 7


@pytest.fixture
def monitors():
    return Monitors(SAWYER, GuardConfig(overload_effort=2.45))


def with_joint(index, value, base=STILL):
    return [value if i == index else x for i, x in enumerate(base)]


def test_overspeed_brakes_at_the_third_tick(monitors):
    fast = with_joint(1, -1.01 * 1.328)
    assert [bool(monitors.state(Q, fast)) for _ in range(3)] == [False, False, True]
    assert monitors.state(Q, STILL) == []
    assert monitors.state(Q, fast) == []


def test_a_third_too_fast_stops_at_once(monitors):
    (cause,) = monitors.state(Q, with_joint(1, 1.31 * 1.328))
    assert cause.level is Level.ESTOP
    assert 'right_j1' in cause.reason


@pytest.mark.parametrize(
    ('beyond', 'level'), [(0.01, None), (0.03, Level.DAMP), (0.06, Level.ESTOP)]
)
@pytest.mark.parametrize('side', [1, -1])
def test_beyond_a_hard_limit_it_brakes_and_then_stops(monitors, beyond, level, side):
    limits = SAWYER.limits
    edge = limits.position_upper[3] if side > 0 else limits.position_lower[3]
    causes = monitors.state(with_joint(3, edge + side * beyond, Q), STILL)
    assert [cause.level for cause in causes] == ([] if level is None else [level])


def track(monitors, error, ticks, v=0.2):
    point = (np.array(Q) + error).tolist()
    return [bool(monitors.tracking(point, Q, [v] * 7, T)) for _ in range(ticks)]


def test_a_robot_far_from_its_set_point_for_a_fifth_of_a_second_is_not_following(monitors):
    assert track(monitors, 0.31, 41) == [False] * 40 + [True]
    assert all(track(monitors, 0.2, 400))
    assert track(monitors, 0.05, 200) == [True] * 199 + [False]


def test_a_joint_at_rest_on_a_taut_leash_is_blocked(monitors):
    assert not any(track(monitors, 0.19, 400))
    assert track(monitors, 0.19, 101, v=0.0) == [False] * 100 + [True]


def test_a_robot_that_lags_a_little_is_following(monitors):
    assert not any(track(monitors, 0.14, 400, v=0.0))


def test_in_torque_mode_there_is_nothing_to_follow(monitors):
    track(monitors, 0.31, 41)
    assert monitors.tracking(None, Q, STILL, T) is None
    assert not any(track(monitors, 0.2, 10))


@pytest.mark.parametrize('most', [0.3, 0.9])
def test_a_robot_follows_again_within_a_third_of_the_tracking_error(most):
    monitors = Monitors(SAWYER, GuardConfig(tracking_error=most, leash=1.0))
    assert track(monitors, most + 0.01, 41)[-1]
    assert all(track(monitors, most / 3.0 + 0.001, 400))
    assert track(monitors, most / 3.0 - 0.001, 200) == [True] * 199 + [False]


def load(monitors, effort, milliseconds):
    torque = with_joint(4, effort)
    return [monitors.overload(torque, T) for _ in range(milliseconds // 5)]


def test_too_much_torque_for_more_than_a_second_relaxes_until_cooled_and_cleared(monitors):
    assert load(monitors, -2.6, 900)[-1] is None
    assert load(monitors, 2.4, 5)[-1] is None
    cause = load(monitors, 2.6, 1100)[-1]
    assert cause.level is Level.RELAX
    assert 'right_j4' in cause.reason
    assert load(monitors, 0.0, 9_800)[-1] is not None
    assert 'cooling' in monitors.clear_overload()
    assert load(monitors, 0.0, 400)[-1] is not None, 'it takes a person to clear it'
    assert monitors.clear_overload() is None
    assert load(monitors, 0.0, 5)[-1] is None


def test_without_an_overload_effort_nothing_is_monitored():
    monitors = Monitors(SAWYER, GuardConfig())
    assert load(monitors, 8.0, 5000) == [None] * 1000


def test_efforts_that_are_not_known_are_no_load():
    monitors = Monitors(SAWYER, GuardConfig(overload_effort=2.45, overload_time=0.1))
    assert [monitors.overload(None, T) for _ in range(100)] == [None] * 100
    load(monitors, 2.6, 50)
    monitors.overload(None, T)
    assert load(monitors, 2.6, 100)[-1] is None, 'the time counts anew'
    assert load(monitors, 2.6, 5)[-1].level is Level.RELAX


def tilt(monitors, angle, milliseconds, axis=1):
    quaternion = np.zeros(4)
    quaternion[0], quaternion[axis] = np.cos(angle / 2), np.sin(angle / 2)
    return [monitors.attitude(quaternion, T) for _ in range(milliseconds // 5)]


@pytest.fixture
def upright():
    return Monitors(MINITAUR, GuardConfig(attitude_limit=0.8))


@pytest.mark.parametrize('axis', [1, 2], ids=['roll', 'pitch'])
@pytest.mark.parametrize('side', [1.0, -1.0])
def test_a_robot_that_tips_over_relaxes_at_once(upright, axis, side):
    assert tilt(upright, 0.79 * side, 5, axis) == [None]
    (cause,) = tilt(upright, 0.81 * side, 5, axis)
    assert (cause.level, cause.flag) == (Level.RELAX, Flag.TILTED)
    assert cause.reason == 'tilted: by 0.81 rad'


def test_a_robot_on_its_back_has_tipped_over(upright):
    assert tilt(upright, np.pi, 5, axis=2)[0].level is Level.RELAX


def test_it_counts_as_upright_after_a_whole_second_below_the_limit(upright):
    tilt(upright, 1.0, 5)
    assert all(tilt(upright, 0.1, 900))
    assert all(tilt(upright, 0.9, 5)), 'the second begins anew'
    causes = [cause is not None for cause in tilt(upright, 0.1, 1000)]
    assert causes == [True] * 199 + [False]
    assert tilt(upright, 0.1, 5) == [None]


def test_turning_on_the_spot_is_no_tilt(upright):
    assert tilt(upright, 3.0, 5, axis=3) == [None]


def test_after_a_gap_the_attitude_is_judged_afresh(upright):
    tilt(upright, 1.0, 5)
    upright.forget()
    assert tilt(upright, 0.1, 5) == [None]
    assert tilt(upright, 1.0, 5)[0] is not None


def test_without_a_limit_no_attitude_matters():
    assert tilt(Monitors(MINITAUR, GuardConfig()), 3.0, 5) == [None]


def test_a_limit_of_attitude_is_refused_for_a_robot_whose_attitude_is_not_known():
    with pytest.raises(ValueError, match=r"attitude_limit .* 'sawyer' .* imu"):
        Monitors(SAWYER, GuardConfig(attitude_limit=0.8))


def test_the_workspace_trips_far_outside_and_is_released_near_the_inside(monitors):
    depths = [0.0, 0.049, 0.051, 0.03, 0.011, 0.009, 0.03]
    causes = [monitors.workspace(depth) is not None for depth in depths]
    assert causes == [False, False, True, True, True, False, False]


def test_more_than_ten_overruns_in_a_second_are_a_cause_until_they_pass():
    overruns = Overruns()
    for k in range(10):
        overruns.note(k * 50 * MS)
    assert overruns.cause(500 * MS) is None
    overruns.note(500 * MS)
    assert overruns.cause(500 * MS).level is Level.DAMP
    assert overruns.cause(1_001 * MS) is None


def test_ten_overruns_spread_over_more_than_a_second_are_none():
    overruns = Overruns()
    for k in range(30):
        overruns.note(k * 110 * MS)
        assert overruns.cause(k * 110 * MS) is None


def test_an_overload_ends_by_itself_after_its_rest_if_it_has_one():
    monitors = Monitors(SAWYER, GuardConfig(overload_effort=2.45, overload_rest=12.0))
    tick = 10_000_000
    high, low = [3.0] + [0.0] * 6, [0.0] * 7
    for _ in range(102):
        cause = monitors.overload(high, tick)
    assert cause.level is Level.RELAX
    for _ in range(1198):
        assert monitors.overload(low, tick) is not None
    for _ in range(3):
        cause = monitors.overload(low, tick)
    assert cause is None
