# SPDX-License-Identifier: Apache-2.0
import pytest
from rclpy.node import Node
from std_msgs.msg import Float64

from maxent_ros import qos
from sim_bridge.direct_subscription import DirectSubscription

pytestmark = pytest.mark.ros


@pytest.fixture
def pair(ros):
    node = ros.add(Node, 'test')
    publisher = node.create_publisher(Float64, 'number', qos.EVENTS)
    subscription = DirectSubscription(node, Float64, 'number', qos.EVENTS)
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    return publisher, subscription


def take(ros, subscription):
    taken = []
    ros.spin_until(lambda: (message := subscription.take()) and taken.append(message.data) is None)
    return taken[0]


def test_messages_are_taken_in_order_and_not_by_the_executor(ros, pair):
    publisher, subscription = pair
    assert subscription.take() is None
    for number in (1.0, 2.0, 3.0):
        publisher.publish(Float64(data=number))
    for _ in range(10):
        ros.executor.spin_once(timeout_sec=0.01)
    assert [take(ros, subscription) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert subscription.take() is None
