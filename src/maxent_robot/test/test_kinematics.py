# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics against published poses, geometry and finite differences."""

from math import pi

import numpy as np
import pytest

from maxent_robot.kinematics import Frame, SerialChain
from maxent_robot.robots import SAWYER

PLANAR = SerialChain(
    [Frame((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), Frame((1.0, 0.0, 0.0), (0.0, 0.0, 0.0))],
    Frame((0.5, 0.0, 0.0), (0.0, 0.0, 0.0)),
)


def random_pose(rng):
    return rng.uniform(SAWYER.limits.position_lower, SAWYER.limits.position_upper)


def test_a_planar_arm_reaches_where_trigonometry_says():
    q = np.array([0.4, 0.7])
    expected = [np.cos(0.4) + 0.5 * np.cos(1.1), np.sin(0.4) + 0.5 * np.sin(1.1), 0.0]
    np.testing.assert_allclose(PLANAR.tip(q), expected, atol=1e-15)


def test_rpy_turns_about_fixed_axes_x_then_y_then_z():
    chain = SerialChain(
        [Frame((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))], Frame((0.0, 0.0, 0.0), (pi / 2, 0.0, pi / 2))
    )
    rotation = chain.tip_pose(np.zeros(1))[1]
    # Rx takes y to z, Rz leaves z; Rx leaves x, Rz takes it to y
    np.testing.assert_allclose(rotation @ [0, 1, 0], [0, 0, 1], atol=1e-15)
    np.testing.assert_allclose(rotation @ [1, 0, 0], [0, 1, 0], atol=1e-15)


def test_sawyer_stretched_out_has_the_published_tip():
    # Zero configuration as used with Modern Robotics: M = (1.0155, 0.1603, 0.317)
    np.testing.assert_allclose(SAWYER.chain.tip(np.zeros(7)), [1.0155, 0.1603, 0.317], atol=5e-5)


def test_sawyer_neutral_agrees_with_the_pose_in_the_sdk_examples():
    # intera_examples/ik_service_client.py: neutral is about (.4506, .1616, .2174), hand down,
    # quaternion (.70402, .71017, .00244, .00194); measured on a real arm, hence the tolerance
    position, rotation = SAWYER.chain.tip_pose(SAWYER.neutral)
    np.testing.assert_allclose(position, [0.4506, 0.1616, 0.2174], atol=2e-3)
    np.testing.assert_allclose(rotation, [[0, 1, 0], [1, 0, 0], [0, 0, -1]], atol=1e-2)


def test_rotations_are_orthonormal_and_right_handed():
    rng = np.random.default_rng(0)
    for _ in range(50):
        rotation = SAWYER.chain.tip_pose(random_pose(rng))[1]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_the_jacobian_is_the_derivative_of_the_tip():
    rng = np.random.default_rng(1)
    for _ in range(50):
        q, h = random_pose(rng), 1e-6
        steps = h * np.eye(7)
        differences = [
            (SAWYER.chain.tip(q + s) - SAWYER.chain.tip(q - s)) / (2 * h) for s in steps
        ]
        np.testing.assert_allclose(SAWYER.chain.jacobian(q), np.transpose(differences), atol=1e-8)


def test_the_combined_call_equals_the_single_ones():
    q = random_pose(np.random.default_rng(2))
    tip, jacobian = SAWYER.chain.tip_and_jacobian(q)
    np.testing.assert_array_equal(tip, SAWYER.chain.tip(q))
    np.testing.assert_array_equal(jacobian, SAWYER.chain.jacobian(q))


def test_a_wrong_number_of_angles_is_refused():
    with pytest.raises(ValueError, match=r'7 joints, got angles of shape \(6,\)'):
        SAWYER.chain.tip(np.zeros(6))


def test_chains_without_joints_or_with_frames_that_are_not_finite_are_refused():
    frame = Frame((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match='at least one joint'):
        SerialChain([], frame)
    with pytest.raises(ValueError, match='not finite'):
        SerialChain([frame], Frame((float('nan'), 0.0, 0.0), (0.0, 0.0, 0.0)))
