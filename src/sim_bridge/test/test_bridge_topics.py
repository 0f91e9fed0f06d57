# SPDX-License-Identifier: Apache-2.0
"""What the topics of all robots share: when they are published, and what commands mean."""

import threading

import numpy as np
import pytest
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, UInt32

from maxent_robot.robots import DCLAW
from maxent_robot.types import Command, CommandMode, JointSample
from maxent_ros import qos
from maxent_ros.conversions import from_positions, to_ns
from sim_bridge.bridge_node import TOPICS
from sim_bridge.bridge_topics import (
    ClockTopic,
    PositionCommands,
    Schedule,
    fill_joint_state,
    listen,
)
from sim_bridge.simulations import SIMULATIONS, make_simulation

MS = 1_000_000


@pytest.fixture
def connect(ros):
    """Make a publisher with a subscriber, and give the messages that arrive."""
    node = ros.add(Node, 'n')

    def make(topic, subscribed=True):
        publisher = node.create_publisher(UInt32, topic, qos.EVENTS)
        arrived = []
        if subscribed:
            node.create_subscription(UInt32, topic, arrived.append, qos.EVENTS)
            ros.spin_until(lambda: publisher.get_subscription_count() == 1)
        return publisher, arrived

    return make


class Times:
    """Notes when a message is built; it holds the time in ms."""

    def __init__(self):
        self.ms = []

    def __call__(self, now_ns):
        self.ms.append(now_ns // MS)
        return UInt32(data=now_ns // MS)

    def taken(self):
        times, self.ms = self.ms, []
        return times


def test_every_robot_that_is_simulated_has_topics():
    assert set(TOPICS) == set(SIMULATIONS)


# The schedule


@pytest.mark.ros
def test_topics_come_at_their_rates_whatever_the_length_of_a_tick(ros, connect):
    schedule, fast, slow = Schedule(), Times(), Times()
    schedule.add(connect('fast')[0], 100.0, fast)
    publisher, arrived = connect('slow')
    schedule.add(publisher, 10.0, slow)
    for now in range(0, 1007, 6):
        schedule.publish(now * MS)
    assert len(fast.ms) == 101
    assert len(slow.ms) == 11
    assert all(0 <= now - 10 * k < 6 for k, now in enumerate(fast.ms))
    ros.spin_until(lambda: arrived and arrived[-1].data == slow.ms[-1])


@pytest.mark.ros
def test_after_a_restart_periods_count_from_then_on(connect):
    schedule, times = Schedule(), Times()
    schedule.add(connect('t')[0], 10.0, times)
    for now in (0, 10, 90):
        schedule.publish(now * MS)
    assert times.taken() == [0]
    schedule.restart(2_030 * MS)
    for now in range(2_030, 2_251, 10):
        schedule.publish(now * MS)
    assert times.taken() == [2_030, 2_130, 2_230]


@pytest.mark.ros
def test_a_repetition_publishes_everything_and_changes_no_pace(connect):
    schedule, times = Schedule(), Times()
    schedule.add(connect('t')[0], 10.0, times)
    schedule.publish(0)
    schedule.publish(50 * MS)
    schedule.publish(50 * MS, every=True)
    schedule.publish(50 * MS, every=True)
    assert times.taken() == [0, 50, 50]
    for now in (60, 90, 100):
        schedule.publish(now * MS)
    assert times.taken() == [100]


@pytest.mark.ros
def test_what_nobody_listens_to_is_not_even_built(connect):
    schedule, times = Schedule(), Times()
    schedule.add(connect('t', subscribed=False)[0], 10.0, times)
    schedule.publish(0)
    schedule.publish(0, every=True)
    assert times.ms == []


@pytest.mark.ros
def test_who_subscribes_later_hears_from_the_next_period_on(ros, connect):
    schedule, times = Schedule(), Times()
    publisher, _ = connect('t', subscribed=False)
    schedule.add(publisher, 10.0, times)
    schedule.publish(0)
    listener = ros.add(Node, 'late')
    listener.create_subscription(UInt32, 't', lambda _: None, qos.EVENTS)
    ros.spin_until(lambda: publisher.get_subscription_count() == 1)
    for now in (10, 90, 100):
        schedule.publish(now * MS)
    assert times.ms == [100]


@pytest.mark.ros
def test_the_clock_is_told_to_who_listens(ros):
    node, times = ros.add(Node, 'n'), []
    clock = ClockTopic(node)
    clock.publish(5)
    node.create_subscription(Clock, '/clock', lambda m: times.append(to_ns(m.clock)), qos.CLOCK)
    ros.spin_until(lambda: clock._publisher.get_subscription_count() > 0)
    clock.publish(1_234_567_891)
    ros.spin_until(lambda: times)
    assert times == [1_234_567_891]


# What comes in


@pytest.mark.ros
def test_a_message_changes_the_robot_only_while_nobody_else_holds_it(ros):
    node, lock, seen = ros.add(Node, 'n'), threading.RLock(), []

    def change(message):
        assert lock._is_owned()
        seen.append(message.data)

    listen(node, lock, UInt32, 'in', qos.EVENTS, change)
    publisher = node.create_publisher(UInt32, 'in', qos.EVENTS)
    ros.spin_until(lambda: publisher.get_subscription_count() > 0)
    for number in (1, 2, 3):
        publisher.publish(UInt32(data=number))
    ros.spin_until(lambda: len(seen) == 3)
    assert seen == [1, 2, 3]


@pytest.mark.ros
def test_a_message_that_is_refused_is_warned_of(ros, capfd):
    node, seen = ros.add(Node, 'n'), []

    def change(message):
        seen.append(message)
        return 'it is odd'

    listen(node, threading.RLock(), UInt32, 'in', qos.EVENTS, change)
    publisher = node.create_publisher(UInt32, 'in', qos.EVENTS)
    ros.spin_until(lambda: publisher.get_subscription_count() > 0)
    publisher.publish(UInt32(data=1))
    ros.spin_until(lambda: seen)
    assert 'in refused: it is odd' in capfd.readouterr().err


@pytest.fixture
def commands():
    simulation = make_simulation('dclaw', {})
    return PositionCommands(simulation), simulation


def test_positions_are_taken_in_the_order_of_the_joints(commands):
    topics, simulation = commands
    target = DCLAW.start + np.linspace(-0.1, 0.1, 9)
    message = from_positions(Command(77, CommandMode.POSITION, target))
    assert topics.answered_stamp(message) == 77
    assert topics.obey(message) is None
    np.testing.assert_array_equal(simulation.controller.target, target)


@pytest.mark.parametrize('data', [[], [0.0] * 8, [0.0] * 10, [float('nan')] * 9, [9.0] * 9])
def test_positions_that_cannot_be_are_refused(commands, data):
    topics, simulation = commands
    before = simulation.controller.target.copy()
    assert topics.obey(Float64MultiArray(data=data))
    np.testing.assert_array_equal(simulation.controller.target, before)


def test_positions_of_a_sender_without_a_stamp_answer_no_state(commands):
    assert commands[0].answered_stamp(Float64MultiArray(data=[0.0] * 9)) is None


# What goes out


def test_a_joint_state_tells_stamp_positions_velocities_and_efforts():
    message = JointState(name=['a', 'b'])
    numbers = np.array([1.0, 2.0])
    fill_joint_state(message, JointSample(7, ('a', 'b'), numbers, 2 * numbers, 3 * numbers))
    assert to_ns(message.header.stamp) == 7
    assert list(message.name) == ['a', 'b']
    assert (list(message.position), list(message.velocity)) == ([1.0, 2.0], [2.0, 4.0])
    assert list(message.effort) == [3.0, 6.0]


def test_a_robot_that_measures_no_efforts_tells_none():
    message = JointState(name=['a'])
    fill_joint_state(message, JointSample(7, ('a',), np.zeros(1), np.zeros(1)))
    assert list(message.effort) == []
