# SPDX-License-Identifier: Apache-2.0
"""A robot's figures are either complete and consistent, or refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.kinematics import Frame, SerialChain
from maxent_robot.robot_spec import JointLimits, LimitsError, RobotSpec, WorkspaceBox
from maxent_robot.safety.config import GuardConfig

LIMITS = JointLimits(
    joint_names=('shoulder', 'elbow'),
    position_lower=[-2.0, -1.0],
    position_upper=[2.0, 1.5],
    velocity=[1.0, 2.0],
    acceleration=[5.0, 6.0],
    effort=[10.0, 8.0],
    command_effort=[5.0, 4.0],
)
SPEC = RobotSpec(
    name='arm',
    limits=LIMITS,
    neutral=[0.0, 0.5],
    start=[0.1, 0.5],
    policy_effort=[2.0, 2.0],
    inertia_min=[0.1, 0.1],
    inertia_max=[1.0, 0.5],
)
FIGURES = (
    'position_lower', 'position_upper', 'velocity', 'acceleration', 'effort', 'command_effort'
)  # fmt: skip


def test_a_valid_robot_keeps_its_figures_in_read_only_arrays():
    assert SPEC.joint_names == ('shoulder', 'elbow')
    assert SPEC.limits.velocity.dtype == np.float64
    with pytest.raises(ValueError, match='read-only'):
        SPEC.limits.velocity[0] = 9.0
    with pytest.raises(ValueError, match='read-only'):
        SPEC.start[0] = 9.0


def test_limits_do_not_follow_changes_of_the_array_they_were_made_from():
    velocity = np.array([1.0, 2.0])
    limits = replace(LIMITS, velocity=velocity)
    velocity[0] = 99.0
    assert limits.velocity[0] == 1.0


def test_soft_limits_lie_inside_the_hard_ones():
    np.testing.assert_allclose(SPEC.soft_lower, [-1.9, -0.9])
    np.testing.assert_allclose(SPEC.soft_upper, [1.9, 1.4])


@pytest.mark.parametrize('figure', FIGURES)
@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_figure_that_is_not_finite_is_refused_with_its_joint(figure, bad):
    values = np.array(getattr(LIMITS, figure))
    values[1] = bad
    with pytest.raises(LimitsError, match=f'{figure} of elbow is {bad}'):
        replace(LIMITS, **{figure: values})


@pytest.mark.parametrize('figure', FIGURES[2:])
@pytest.mark.parametrize('bad', [0.0, -1.0])
def test_figures_that_must_be_positive_are(figure, bad):
    with pytest.raises(LimitsError, match=f'{figure} of shoulder is {bad}: must be above 0'):
        replace(LIMITS, **{figure: [bad, 1.0]})


@pytest.mark.parametrize('figure', FIGURES)
def test_a_missing_figure_is_refused(figure):
    with pytest.raises(LimitsError, match=f'{figure} must hold 2 numbers'):
        replace(LIMITS, **{figure: [1.0]})


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'position_lower': [2.0, -1.0]}, 'position_lower of shoulder is 2.0: must be below'),
        ({'command_effort': [5.0, 9.0]}, 'command_effort of elbow is 9.0: must not exceed'),
        ({'joint_names': ('elbow', 'elbow')}, 'unique'),
        ({'joint_names': ('elbow', '')}, 'not empty'),
    ],
)
def test_limits_that_contradict_each_other_are_refused(change, message):
    with pytest.raises(LimitsError, match=message):
        replace(LIMITS, **change)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'start': [0.0, 1.45]}, 'start of elbow is 1.45: must lie within the soft limits'),
        ({'neutral': [np.nan, 0.0]}, 'neutral of shoulder is nan'),
        ({'policy_effort': [2.0, 4.5]}, 'policy_effort of elbow is 4.5'),
        ({'policy_effort': [0.0, 2.0]}, 'policy_effort of shoulder is 0.0'),
        ({'inertia_min': [0.1, 0.6]}, 'inertia_min of elbow is 0.6'),
        ({'soft_margin': 0.0}, 'soft_margin must be above 0'),
        ({'soft_margin': float('nan')}, 'soft_margin'),
        ({'soft_margin': 1.3}, 'position range of elbow is 2.5'),
        ({'guard_period_ns': 0}, 'periods'),
        ({'guard_period_ns': 7_000_000}, 'must be a multiple'),
        ({'command_timeout_s': 0.001}, 'command_timeout_s'),
        ({'command_timeout_s': float('nan')}, 'command_timeout_s'),
        ({'command_modes': ()}, 'command_modes'),
        ({'guard_signals': ('imu',)}, r"guard_signals \['imu'\] are not among \[\]"),
        (
            {'signals': {'imu': 10}, 'guard_signals': ('imu', 'valve')},
            r"guard_signals \['valve'\] are not among \['imu'\]",
        ),
        ({'rest': [0.0]}, 'rest must hold 2 numbers'),
        ({'rest': [0.0, 1.45]}, 'rest of elbow is 1.45: must lie within the soft limits'),
        ({'rest': [np.nan, 0.0]}, 'rest of shoulder is nan'),
    ],
)
def test_a_robot_that_cannot_be_is_refused(change, message):
    with pytest.raises(LimitsError, match=message):
        replace(SPEC, **change)


def test_a_robot_tells_nothing_besides_its_joints_and_stays_where_it_is_unless_said_otherwise():
    assert dict(SPEC.signals) == {}
    assert SPEC.guard_signals == ()
    assert SPEC.rest is None
    assert SPEC.guard == GuardConfig()


def test_the_guard_may_see_some_of_the_signals_that_the_robot_tells():
    robot = replace(SPEC, signals={'imu': 10, 'valve': 2}, guard_signals=('imu',))
    assert robot.guard_signals == ('imu',)


def test_the_pose_of_rest_is_kept_read_only():
    rest = np.array([0.2, 0.1])
    robot = replace(SPEC, rest=rest)
    rest[0] = 9.0
    np.testing.assert_array_equal(robot.rest, [0.2, 0.1])
    with pytest.raises(ValueError, match='read-only'):
        robot.rest[0] = 0.3


def test_a_chain_of_another_robot_is_refused():
    frame = Frame((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    with pytest.raises(LimitsError, match='the chain has 1 joints, not 2'):
        replace(SPEC, chain=SerialChain([frame], frame))


def test_a_box_contains_its_faces_and_no_nan():
    box = WorkspaceBox([0.0, -1.0, 0.0], [1.0, 1.0, 2.0])
    assert box.contains(np.array([1.0, 0.0, 2.0]))
    assert not box.contains(np.array([1.01, 0.0, 1.0]))
    assert not box.contains(np.array([0.5, np.nan, 1.0]))


def test_a_box_turned_inside_out_is_refused():
    with pytest.raises(LimitsError, match=r'box lower of z is 2\.0: must be below upper'):
        WorkspaceBox([0.0, 0.0, 2.0], [1.0, 1.0, 1.0])
