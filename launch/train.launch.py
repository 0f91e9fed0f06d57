# SPDX-License-Identifier: Apache-2.0
"""Learns a skill: ros2 launch maxent_bringup train.launch.py task:=reach seed:=0."""

from launch import LaunchDescription
from launch.actions import OpaqueFunction

from maxent_bringup.launch_adapter import declare_arguments, start_nodes


def generate_launch_description() -> LaunchDescription:
    """Robot or simulator, guard, policy and learner; which ones, maxent_bringup.system says."""
    purpose = 'train'
    return LaunchDescription(
        [
            *declare_arguments(purpose),
            OpaqueFunction(function=start_nodes, kwargs={'purpose': purpose}),
        ]
    )
