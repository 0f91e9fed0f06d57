# SPDX-License-Identifier: Apache-2.0
"""Gives the tests of this package a ROS domain of their own."""

from maxent_ros.testing import ros  # noqa: F401
