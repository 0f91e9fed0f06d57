# SPDX-License-Identifier: Apache-2.0
"""`maxent stop`: the emergency stop of the guard, by topic and by service."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import time

WAIT_S = 3.0  # for the guard to be found and to answer


def main(arguments: Sequence[str]) -> int:
    """Stop the robot, or clear the stop; 0 only if the guard confirmed it."""
    parser = argparse.ArgumentParser(prog='maxent stop', description=__doc__)
    parser.add_argument('--clear', action='store_true', help='clear a latched emergency stop')
    parser.add_argument('--namespace', default='', help='of the system; default: none')
    chosen = parser.parse_args(arguments)
    ok, answer = _ask_guard(chosen.namespace, clear=chosen.clear)
    print(answer)
    return 0 if ok else 1


def _ask_guard(namespace: str, *, clear: bool) -> tuple[bool, str]:
    from std_msgs.msg import Empty
    from std_srvs.srv import Trigger

    from maxent_bringup.monitor import Monitor
    from maxent_ros import qos, topics

    name = topics.CLEAR_EMERGENCY_STOP_SERVICE if clear else topics.EMERGENCY_STOP_SERVICE
    with Monitor(namespace) as monitor:
        publisher = monitor.node.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
        client = monitor.node.create_client(Trigger, name)
        deadline = time.monotonic() + WAIT_S
        answer = None
        while time.monotonic() < deadline:
            if not clear:
                publisher.publish(Empty())  # again and again: one of them meets the guard
            if answer is None and client.service_is_ready():
                answer = client.call_async(Trigger.Request())
            monitor.spin(0.05)
            if answer is not None and answer.done():
                result = answer.result()
                return bool(result.success), str(result.message)
    full_name = f'/{namespace}/guard' if namespace else '/guard'
    return False, (
        f'NO ANSWER from {full_name} within {WAIT_S:.0f} s: use the hardware emergency stop if '
        'the robot moves. Is the guard running, and are ROS_DOMAIN_ID and --namespace the same?'
    )
