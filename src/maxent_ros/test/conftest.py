# SPDX-License-Identifier: Apache-2.0
"""Gives the tests of this package the `ros` fixture."""

from maxent_ros.testing import ros

__all__ = ['ros']
