# SPDX-License-Identifier: Apache-2.0
"""Asks a running system what it is: robot, task and options, from the policy node's parameters."""

from __future__ import annotations

import time
from typing import Any

from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.parameter import parameter_value_to_python

from maxent_bringup.monitor import Monitor
from maxent_robot.option_texts import format_options

WAIT_S = 3.0
NAMES = ('robot', 'task', 'seed', 'pacing', 'skill')
TASK = 'task.'


def describe_running(namespace: str) -> dict[str, str]:
    """Return name -> value as a recording keeps them; nothing if no policy node answers."""
    with Monitor(namespace) as monitor:
        values = _policy_parameters(monitor)
        nodes = monitor.node.get_node_names_and_namespaces()
        is_simulated = ('sim_bridge', monitor.node.get_namespace()) in nodes
    if not values:
        return {}
    options = {
        name.removeprefix(TASK): _plain(value)
        for name, value in values.items()
        if name.startswith(TASK)
    }
    return {
        **{name: str(values[name]) for name in NAMES if name in values},
        'task_options': ' '.join(format_options(options)),
        'mode': 'sim' if is_simulated else 'hardware',
    }


def _policy_parameters(monitor: Monitor) -> dict[str, Any]:
    """Return the policy node's parameters that say what it does; none if nobody answers."""
    listed = _ask(monitor, ListParameters, 'policy/list_parameters')
    if listed is None:
        return {}
    names = [name for name in listed.result.names if name in NAMES or name.startswith(TASK)]
    given = _ask(monitor, GetParameters, 'policy/get_parameters', names=names)
    if given is None:
        return {}
    values = {
        name: parameter_value_to_python(value)
        for name, value in zip(names, given.values, strict=True)
    }
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else list(value)


def _ask(monitor: Monitor, kind: Any, service: str, **fields: Any) -> Any:
    """Return the response of a service in the monitor's namespace; None if nobody answers."""
    client = monitor.node.create_client(kind, service)
    answer = None
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        monitor.spin(0.05)
        if answer is None and client.service_is_ready():
            answer = client.call_async(kind.Request(**fields))
        if answer is not None and answer.done():
            return answer.result()
    return None
