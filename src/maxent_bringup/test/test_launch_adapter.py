# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch` and `maxent up` start the same nodes in the same way.

Needs launch and launch_ros, which a ROS 2 installation has and PyPI has not.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from maxent_bringup.paths import share
from maxent_bringup.settings_text import SETTINGS, choices, config_from_text, default_text
from maxent_bringup.supervise import command_line, find_executable, parameter_file_content
from maxent_bringup.system import NodeSpec, describe

pytest.importorskip('launch_ros', reason='launch_ros comes with a ROS 2 installation only')
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

CASES = [
    ('train', {}),
    ('train', {'mode': 'hardware', 'record': 'true'}),
    ('train', {'namespace': 'left', 'seed': '7', 'resume': 'true'}),
    ('train', {'algorithm': 'soft_q', 'algorithm_options': 'hidden=[64,32] particles=8'}),
    ('run', {'skill': 'mine', 'episodes': '3', 'deterministic': 'false'}),
    ('run', {'task': 'reach_plane', 'task_options': 'axis=z value=0.3', 'pacing': 'lockstep'}),
]


def launch_file(purpose: str) -> LaunchDescription:
    path = share() / 'launch' / f'{purpose}.launch.py'
    spec = importlib.util.spec_from_file_location(purpose, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def launched(purpose: str, arguments: dict[str, str]) -> list[Node]:
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    pending = list(launch_file(purpose).entities)
    nodes = []
    while pending:
        action = pending.pop(0)
        if isinstance(action, Node):
            action._perform_substitutions(context)
            nodes.append((action, context))
        else:
            pending = [*(action.visit(context) or ()), *pending]
    return nodes


def told(command: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return remappings and parameters that a command line gives to its node."""
    remappings, parameters = {}, {}
    for flag, value in pairwise(command):
        if flag == '-r':
            source, target = value.split(':=')
            remappings[source] = target
        elif flag == '--params-file':
            for content in yaml.safe_load(Path(value).read_text()).values():
                parameters |= content['ros__parameters']
    if remappings.get('__ns') == '/':
        del remappings['__ns']  # the same as none
    return remappings, parameters


def flat(parameters: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    result = {}
    for name, value in parameters.items():
        if isinstance(value, dict):
            result |= flat(value, f'{prefix}{name}.')
        else:
            result[prefix + name] = value
    return result


def by_supervisor(spec: NodeSpec, file: Path) -> list[str]:
    file.write_text(yaml.safe_dump(parameter_file_content([spec])))
    return command_line(spec, find_executable(spec), file)


def by_launch(node: Node, context: LaunchContext) -> list[str]:
    """Return the command line, with the name and namespace that Node.execute fills in."""
    own = {'name': f'__node:={node.node_name.rsplit("/", 1)[-1]}'}
    own['ns'] = f'__ns:={node.expanded_node_namespace}'
    context.extend_locals({'ros_specific_arguments': own})
    return [perform_substitutions(context, parts) for parts in node.cmd]


@pytest.mark.parametrize(('purpose', 'arguments'), CASES)
def test_launch_starts_the_same_programs_with_the_same_names_and_parameters(
    purpose: str, arguments: dict[str, str], tmp_path: Path
) -> None:
    hardware = arguments.get('mode') == 'hardware'
    files = (share() / 'config' / 'sawyer_hardware.yaml',) if hardware else ()
    texts = {'runs': 'runs', 'skills': 'skills', **arguments}
    specs = describe(config_from_text(purpose, texts, parameter_files=files))
    nodes = launched(purpose, arguments)
    assert len(nodes) == len(specs)
    for spec, (node, context) in zip(specs, nodes, strict=True):
        ours = by_supervisor(spec, tmp_path / f'{spec.name}.yaml')
        theirs = by_launch(node, context)
        assert theirs[0] == ours[0]
        our_names, our_parameters = told(ours)
        their_names, their_parameters = told(theirs)
        assert their_names == our_names
        assert flat(their_parameters) == flat(our_parameters)


@pytest.mark.parametrize('purpose', ['train', 'run'])
def test_every_argument_has_description_default_and_choices(purpose: str) -> None:
    declared = [
        action
        for action in launch_file(purpose).entities
        if isinstance(action, DeclareLaunchArgument)
    ]
    assert [action.name for action in declared] == list(SETTINGS[purpose])
    for action in declared:
        assert action.description
        default = ''.join(part.text for part in action.default_value)
        assert default == default_text(action.name)
        assert tuple(action.choices or ()) == choices(action.name)
