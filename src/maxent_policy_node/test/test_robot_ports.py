# SPDX-License-Identifier: Apache-2.0
"""Only robots with known topics can be guarded (what the Sawyer gets: test_guard_node.py)."""

from dataclasses import replace

import pytest
from rclpy.node import Node

from maxent_policy_node.robot_ports import ROBOT_PORTS, open_port
from maxent_robot.robots import ROBOTS, SAWYER


def test_a_robot_without_known_topics_is_refused_by_name(ros) -> None:
    spec = replace(SAWYER, name='baxter')
    with pytest.raises(ValueError, match=r"robot 'baxter'; known robots: \['sawyer'\]"):
        open_port(ros.add(Node, 'guard'), spec, lambda sample: None)


def test_every_robot_has_topics() -> None:
    assert set(ROBOTS) <= set(ROBOT_PORTS)


def test_publishers_of_the_command_topic_are_counted(ros, robot) -> None:
    port = open_port(ros.add(Node, 'guard'), SAWYER, lambda sample: None)
    assert port.command_publishers() == 1
