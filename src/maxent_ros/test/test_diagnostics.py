# SPDX-License-Identifier: Apache-2.0
"""Health reports reach /diagnostics."""

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from maxent_ros import qos, topics
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.testing import RosFixture


def test_a_report_is_published_with_name_level_and_values(ros: RosFixture) -> None:
    seen: list[DiagnosticArray] = []
    listener = ros.add(Node, 'listener')
    listener.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, seen.append, qos.EVENTS)
    node = ros.add(Node, 'guard', namespace='/left')
    report = Report(Health.WARN, 'two limits acted', {'ticks': 12})
    Diagnostics(node, 'safety', lambda: report, hardware_id='sawyer')
    ros.spin_until(lambda: seen, 10.0)
    status = seen[0].status[0]
    assert status.name == 'left/guard: safety'
    assert status.level == bytes([Health.WARN])
    assert status.message == 'two limits acted'
    assert status.hardware_id == 'sawyer'
    assert [(item.key, item.value) for item in status.values] == [('ticks', '12')]
