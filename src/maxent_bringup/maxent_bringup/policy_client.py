# SPDX-License-Identifier: Apache-2.0
"""Asks the services of a policy node from the command line."""

from __future__ import annotations

import time
from typing import Any

from maxent_bringup.cli import CommandError
from maxent_bringup.monitor import Monitor

FOUND_S, ANSWERED_S = 3.0, 15.0


def ask_policy(namespace: str, kind: Any, service: str, **fields: Any) -> Any:
    """Call a service of maxent_ros.topics in a namespace and return its response.

    Raises:
        CommandError: a field that cannot be, nobody who serves it, or no answer.
    """
    name = f'/{namespace}/policy'.replace('//', '/')
    try:
        request = kind.Request(**fields)
    except (AssertionError, TypeError) as error:
        raise CommandError(str(error)) from None
    with Monitor(namespace) as monitor:
        client = monitor.node.create_client(kind, service)
        answer = None
        deadline = time.monotonic() + FOUND_S
        while time.monotonic() < deadline:
            monitor.spin(0.05)
            if answer is None and client.service_is_ready():
                answer = client.call_async(request)
                deadline = time.monotonic() + ANSWERED_S
            if answer is not None and answer.done():
                return answer.result()
    if answer is None:
        raise CommandError(
            f'no policy node at {name}: does a system run (`maxent run`, `maxent up`), and are '
            'ROS_DOMAIN_ID and --namespace the same?'
        )
    raise CommandError(f'no answer from {name} within {ANSWERED_S:.0f} s')
