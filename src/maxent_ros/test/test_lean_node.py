# SPDX-License-Identifier: Apache-2.0
"""Lean nodes talk like any other, with nothing for the executor to do besides."""

import pytest
from rclpy.event_handler import PublisherEventCallbacks
from std_msgs.msg import String

from maxent_ros import qos
from maxent_ros.lean_node import LeanLifecycleNode, LeanNode


@pytest.mark.parametrize('node_type', [LeanNode, LeanLifecycleNode])
def test_no_event_handlers_unless_asked(ros, node_type) -> None:
    node = ros.add(node_type, 'lean')
    publisher = node.create_publisher(String, 'text', qos.EVENTS)
    subscription = node.create_subscription(String, 'text', lambda message: None, qos.EVENTS)
    handlers = sum(len(p.event_handlers) for p in node.publishers)
    handlers += len(subscription.event_handlers)
    assert handlers == 0
    assert publisher in node.publishers
    asked = node.create_publisher(
        String, 'foreign', qos.EVENTS, event_callbacks=PublisherEventCallbacks()
    )
    assert len(asked.event_handlers) > 0


def test_messages_arrive(ros) -> None:
    node, seen = ros.add(LeanNode, 'lean'), []
    node.create_subscription(String, 'text', seen.append, qos.EVENTS)
    publisher = node.create_publisher(String, 'text', qos.EVENTS)
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data='hello'))
    ros.spin_until(lambda: seen)
    assert seen[0].data == 'hello'
