# SPDX-License-Identifier: Apache-2.0
"""Health reports of a node on /diagnostics, once a second (REP 107)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from maxent_ros import qos, topics


class Health(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Report:
    """What a node says about itself."""

    health: Health
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


class Diagnostics:
    """Publishes `collect()` every second of wall time, whatever /clock does."""

    def __init__(
        self, node: Node, subject: str, collect: Callable[[], Report], hardware_id: str = 'none'
    ) -> None:
        """Start publishing under the name '<node>: <subject>'."""
        self._name = f'{node.get_fully_qualified_name().lstrip("/")}: {subject}'
        self._hardware_id = hardware_id
        self._collect = collect
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, qos.EVENTS)
        self._timer = node.create_timer(
            1.0, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _publish(self) -> None:
        report = self._collect()
        status = DiagnosticStatus(
            level=bytes([report.health]),
            name=self._name,
            message=report.message,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=str(value)) for key, value in report.values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)
