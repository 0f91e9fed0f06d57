# SPDX-License-Identifier: Apache-2.0
"""The spring at the faces of the workspace box."""

import numpy as np
import pytest

from maxent_robot.robot_spec import WorkspaceBox
from maxent_robot.robots import SAWYER
from maxent_robot.safety.workspace import WorkspaceSpring

STILL = np.zeros(7)


def spring(lower, upper, stiffness=400.0, damping=40.0):
    box = WorkspaceBox(lower=np.array(lower), upper=np.array(upper))
    effort = SAWYER.limits.command_effort
    return WorkspaceSpring(SAWYER.chain, box, effort, stiffness, damping)


def test_inside_the_box_nothing_pushes():
    push, depth = spring([-2, -2, -2], [2, 2, 2]).push(SAWYER.start, STILL)
    assert push is None
    assert depth == 0.0


@pytest.mark.parametrize('axis', [0, 1, 2])
@pytest.mark.parametrize('side', [-1, 1])
def test_the_push_moves_the_tip_back_through_the_face_it_left_by(axis, side):
    tip = SAWYER.chain.tip(SAWYER.start)
    lower, upper = np.full(3, -2.0), np.full(3, 2.0)
    if side > 0:
        upper[axis] = tip[axis] - 0.005
    else:
        lower[axis] = tip[axis] + 0.005
    push, depth = spring(lower, upper).push(SAWYER.start, STILL)
    jacobian = SAWYER.chain.jacobian(SAWYER.start)
    assert depth == pytest.approx(0.005)
    force = np.zeros(3)
    force[axis] = -side * 400.0 * 0.005
    np.testing.assert_allclose(push, jacobian.T @ force)
    assert side * (jacobian @ np.array(push))[axis] < 0.0


def test_far_outside_the_push_keeps_its_direction_and_half_of_each_effort():
    lower, upper = [-2, -2, -2], [2, 2, -0.5]
    far, _ = spring(lower, upper, 1e4).push(SAWYER.start, STILL)
    gentle, _ = spring(lower, upper, 1.0).push(SAWYER.start, STILL)
    share = np.abs(far) / SAWYER.limits.command_effort
    assert share.max() == pytest.approx(0.5)
    np.testing.assert_allclose(
        np.array(far) / np.linalg.norm(far), np.array(gentle) / np.linalg.norm(gentle), atol=1e-12
    )


@pytest.mark.parametrize('at', [2, 5])
def test_kinematics_that_is_not_finite_is_a_failure_and_no_push(at):
    velocity = STILL.copy()
    velocity[at] = np.nan
    with pytest.raises(ArithmeticError, match='workspace box'):
        spring([-2, -2, -2], [2, 2, -0.5]).push(SAWYER.start, velocity)
    with pytest.raises(ArithmeticError):
        spring([-2, -2, -2], [2, 2, 2]).push(SAWYER.start * np.nan, STILL)


def test_the_push_grows_from_zero_at_the_face_however_fast_the_tip_moves():
    tip = SAWYER.chain.tip(SAWYER.start)
    velocity = np.full(7, 0.3)
    upper = [2.0, 2.0, tip[2] - 1e-6]
    push, _ = spring([-2, -2, -2], upper).push(SAWYER.start, velocity)
    assert np.abs(push).max() < 0.01
