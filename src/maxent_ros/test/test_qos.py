# SPDX-License-Identifier: Apache-2.0
"""Both sides of a topic that use one profile by name understand each other."""

import pytest
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from std_msgs.msg import String

from maxent_ros import qos
from maxent_ros.testing import RosFixture

NAMES = ('COMMAND', 'EVENTS', 'LATCHED', 'EXPERIENCE', 'WEIGHTS', 'SENSOR', 'CLOCK')


@pytest.mark.parametrize('name', NAMES)
def test_a_profile_is_compatible_with_itself(name: str) -> None:
    profile: QoSProfile = getattr(qos, name)
    assert qos_check_compatible(profile, profile)[0] == QoSCompatibility.OK


def test_a_late_joiner_gets_the_latched_value(ros: RosFixture) -> None:
    publisher = ros.add(Node, 'early').create_publisher(String, 'value', qos.LATCHED)
    publisher.publish(String(data='old'))
    publisher.publish(String(data='present'))
    seen: list[str] = []
    ros.add(Node, 'late').create_subscription(
        String, 'value', lambda message: seen.append(message.data), qos.LATCHED
    )
    ros.spin_until(lambda: seen)
    assert seen == ['present']
