# SPDX-License-Identifier: Apache-2.0
"""Turns the description of a system into launch actions, for the files in launch/."""

from __future__ import annotations

from launch import Action, LaunchContext
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from maxent_bringup.paths import hardware_parameters
from maxent_bringup.settings_text import SETTINGS, choices, config_from_text, default_text, doc
from maxent_bringup.system import NodeSpec, describe


def declare_arguments(purpose: str) -> list[Action]:
    """Return one launch argument per setting, with description, default and choices."""
    return [
        DeclareLaunchArgument(
            name,
            default_value=default_text(name),
            description=doc(name),
            choices=choices(name) or None,
        )
        for name in SETTINGS[purpose]
    ]


def start_nodes(context: LaunchContext, purpose: str) -> list[Action]:
    """Return the nodes for the arguments given. For OpaqueFunction: the arguments say which.

    Raises:
        SystemConfigError: the arguments ask for a system that cannot be.
    """
    texts = {name: LaunchConfiguration(name).perform(context) for name in SETTINGS[purpose]}
    files = (hardware_parameters(texts['robot']),) if texts['mode'] == 'hardware' else ()
    config = config_from_text(purpose, texts, parameter_files=files)
    return [_node(spec) for spec in describe(config)]


def _node(spec: NodeSpec) -> Node:
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        parameters=[*map(str, spec.parameter_files), dict(spec.parameters)],
        remappings=list(spec.remappings),
        output='both',
        on_exit=Shutdown(reason=f'{spec.name} ended'),
    )
