# SPDX-License-Identifier: Apache-2.0
"""Runs a skill: ros2 launch maxent_bringup run.launch.py skill:=sawyer_reach."""

from launch import LaunchDescription
from launch.actions import OpaqueFunction

from maxent_bringup.launch_adapter import declare_arguments, start_nodes


def generate_launch_description() -> LaunchDescription:
    """Robot or simulator, guard and policy; which ones, maxent_bringup.system says."""
    purpose = 'run'
    return LaunchDescription(
        [
            *declare_arguments(purpose),
            OpaqueFunction(function=start_nodes, kwargs={'purpose': purpose}),
        ]
    )
