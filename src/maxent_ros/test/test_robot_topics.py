# SPDX-License-Identifier: Apache-2.0
"""Each robot's state comes together from its own topics, over DDS."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from nav_msgs.msg import Odometry
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image, Imu, JointState

from maxent_robot.joint_reader import JointReader
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots import DCLAW, MINITAUR, ROBOTS, SAWYER
from maxent_robot.types import JointSample
from maxent_ros import conversions, qos
from maxent_ros.robot_topics import (
    ROBOT_TOPICS,
    StateSource,
    image_values,
    imu_values,
    odometry_values,
    valve_values,
)
from maxent_ros.testing import RosFixture

MS = 1_000_000
JOINTS = 'joints'


def image(fill: int = 7, **changes: Any) -> Image:
    message = Image(height=32, width=32, encoding='rgb8', step=96)
    message.data = conversions.to_bytes(bytes([fill]) * (32 * 96))
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def valve(*position: float) -> JointState:
    return JointState(name=['valve_OBJRx'], position=position, velocity=[0.5])


class World:
    """A listener for some signals of a robot, and the robot's publishers."""

    def __init__(
        self, ros: RosFixture, spec: RobotSpec, signals: Sequence[str], *, lockstep: bool
    ) -> None:
        self.ros, self.spec = ros, spec
        self.samples: list[JointSample] = []
        listener, robot = ros.add(Node, 'listener'), ros.add(Node, 'robot')
        self.source = StateSource(listener, spec, signals, self.samples.append, lockstep=lockstep)
        known = ROBOT_TOPICS[spec.name]
        self.publishers = {
            JOINTS: robot.create_publisher(JointState, known.joint_states, qos.COMMAND)
        }
        for name in signals:
            entry = known.signals[name]
            self.publishers[name] = robot.create_publisher(entry.kind, entry.topic, qos.COMMAND)
        ros.spin_until(
            lambda: all(p.get_subscription_count() for p in self.publishers.values()),
            reason='the topics are connected',
        )

    def send(self, name: str, stamp_ns: int, message: Any = None) -> None:
        """Publish, and give the message the time to arrive."""
        if message is None:
            message = self._plain(name, stamp_ns)
        message.header.stamp = conversions.to_stamp(stamp_ns)
        self.publishers[name].publish(message)
        for _ in range(3):
            self.ros.executor.spin_once(timeout_sec=0.01)

    def wait_for(self, count: int) -> list[JointSample]:
        self.ros.spin_until(lambda: len(self.samples) >= count, reason='samples')
        assert len(self.samples) == count
        return self.samples

    def _plain(self, name: str, stamp_ns: int) -> Any:
        """A message whose first number tells its stamp in ms, where it can."""
        number = stamp_ns / MS
        if name == JOINTS:
            n = len(self.spec.joint_names)
            return JointState(
                name=self.spec.joint_names, position=[number] * n, velocity=[0.0] * n
            )
        message = {'imu': Imu(), 'odometry': Odometry(), 'valve': valve(number), 'camera': image()}
        plain = message[name]
        if name == 'imu':
            plain.angular_velocity.x = number
        elif name == 'odometry':
            plain.pose.pose.position.x = number
        return plain


# Lock-step: exact


@pytest.mark.ros
def test_in_lockstep_a_state_has_the_signals_of_its_stamp_whatever_arrives_first(
    ros: RosFixture,
) -> None:
    world = World(ros, MINITAUR, ['imu', 'odometry'], lockstep=True)
    for k, order in enumerate(permutations([JOINTS, 'imu', 'odometry']), start=1):
        for name in order:
            world.send(name, 6 * k * MS)
        sample = world.wait_for(k)[-1]
        assert sample.stamp_ns == 6 * k * MS
        assert sample.names == MINITAUR.joint_names
        np.testing.assert_array_equal(sample.position, 6.0 * k)
        assert sample.signals['imu'].shape == (10,)
        assert sample.signals['imu'][4] == 6.0 * k
        assert sample.signals['odometry'].shape == (13,)
        assert sample.signals['odometry'][0] == 6.0 * k
    assert world.source.incomplete == 0


@pytest.mark.ros
def test_in_lockstep_a_state_is_withheld_until_the_signal_of_its_stamp_comes(
    ros: RosFixture,
) -> None:
    world = World(ros, MINITAUR, ['imu'], lockstep=True)
    world.send('imu', 6 * MS)
    world.send(JOINTS, 12 * MS)
    assert world.samples == []
    world.send('imu', 12 * MS)
    assert world.wait_for(1)[0].signals['imu'][4] == 12.0
    world.send(JOINTS, 12 * MS)  # the bridge repeats what nobody has answered
    world.wait_for(2)


@pytest.mark.ros
def test_in_lockstep_states_without_a_picture_are_passed_over(ros: RosFixture) -> None:
    world = World(ros, DCLAW, ['valve', 'camera'], lockstep=True)
    for stamp in (0, 10, 20):
        world.send('valve', stamp * MS)
        if stamp == 20:
            world.send('camera', stamp * MS, image(200))
        world.send(JOINTS, stamp * MS)
    (sample,) = world.wait_for(1)
    assert sample.stamp_ns == 20 * MS
    np.testing.assert_array_equal(sample.signals['valve'], [20.0, 0.5])
    assert sample.signals['camera'].dtype == np.uint8
    np.testing.assert_array_equal(sample.signals['camera'], np.full(3072, 200))


# A running robot: newest


@pytest.mark.ros
def test_in_real_time_a_state_goes_on_at_once_with_the_newest_signals(ros: RosFixture) -> None:
    world = World(ros, MINITAUR, ['imu', 'odometry'], lockstep=False)
    for name, stamp in [('imu', 1), ('odometry', 2), ('imu', 5), (JOINTS, 6), (JOINTS, 12)]:
        world.send(name, stamp * MS)
    first, second = world.wait_for(2)
    assert (first.stamp_ns, second.stamp_ns) == (6 * MS, 12 * MS)
    for sample in (first, second):
        assert sample.signals['imu'][4] == 5.0
        assert sample.signals['odometry'][0] == 2.0


@pytest.mark.ros
def test_in_real_time_states_with_a_stale_or_missing_signal_are_withheld_and_counted(
    ros: RosFixture,
) -> None:
    world = World(ros, MINITAUR, ['imu'], lockstep=False)
    world.send(JOINTS, 6 * MS)
    ros.spin_until(lambda: world.source.incomplete == 1)
    world.send('imu', 6 * MS)
    assert world.samples == [], 'what was withheld does not come later'
    world.send(JOINTS, 24 * MS)  # three periods of 6 ms
    world.wait_for(1)
    world.send(JOINTS, 30 * MS)
    ros.spin_until(lambda: world.source.incomplete == 2)
    world.wait_for(1)
    world.send('imu', 30 * MS)
    world.send(JOINTS, 36 * MS)
    assert world.wait_for(2)[-1].stamp_ns == 36 * MS


@pytest.mark.ros
def test_a_malformed_picture_makes_no_state_for_a_task_that_needs_one(ros: RosFixture) -> None:
    world = World(ros, DCLAW, ['camera'], lockstep=False)
    reader = JointReader(DCLAW.joint_names, {'camera': DCLAW.signals['camera']})
    world.send('camera', 0, image(encoding='bgr8'))
    world.send(JOINTS, 10 * MS)
    (sample,) = world.wait_for(1)
    assert sample.signals['camera'].size == 0
    assert reader.read(sample) is None
    world.send('camera', 20 * MS)
    world.send(JOINTS, 30 * MS)
    assert reader.read(world.wait_for(2)[-1]) is not None


# Who listens to what


@pytest.mark.ros
@pytest.mark.parametrize('lockstep', [True, False])
def test_a_robot_without_signals_has_its_states_passed_on_with_their_efforts(
    ros: RosFixture, lockstep: bool
) -> None:
    world = World(ros, SAWYER, [], lockstep=lockstep)
    message = JointState(name=['a'], position=[1.0], velocity=[2.0], effort=[3.0])
    world.send(JOINTS, 5 * MS, message)
    (sample,) = world.wait_for(1)
    assert (sample.stamp_ns, sample.names, dict(sample.signals)) == (5 * MS, ('a',), {})
    np.testing.assert_array_equal(sample.effort, [3.0])


@pytest.mark.ros
def test_only_the_signals_that_are_wanted_are_subscribed_to_until_the_end(ros: RosFixture) -> None:
    node = ros.add(Node, 'listener', namespace='left')
    source = StateSource(node, MINITAUR, ['imu'], lambda _: None, lockstep=False)
    names = ('state/joint', 'state/imu', 'odom')
    assert [node.count_subscribers(f'/left/robot0/{name}') for name in names] == [1, 1, 0]
    source.close()
    ros.spin_until(lambda: node.count_subscribers('/left/robot0/state/imu') == 0)
    assert node.count_subscribers('/left/robot0/state/joint') == 0


@pytest.mark.ros
def test_a_robot_without_known_topics_is_refused_with_those_that_are_known(
    ros: RosFixture,
) -> None:
    node = ros.add(Node, 'listener')
    with pytest.raises(ValueError, match=r"'atlas'; .* \['dclaw', 'minitaur', 'sawyer'\]"):
        StateSource(node, replace(SAWYER, name='atlas'), [], lambda _: None, lockstep=True)


def test_every_robot_has_topics_for_exactly_the_signals_that_it_tells() -> None:
    assert set(ROBOT_TOPICS) == set(ROBOTS)
    for name, spec in ROBOTS.items():
        assert set(ROBOT_TOPICS[name].signals) == set(spec.signals)


# What messages mean


def test_an_imu_tells_ten_numbers_with_w_first() -> None:
    message = Imu()
    q, w, a = message.orientation, message.angular_velocity, message.linear_acceleration
    q.w, q.x, q.y, q.z = 0.5, -0.5, 0.5, -0.5
    w.x, w.y, w.z, a.x, a.y, a.z = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0
    assert imu_values(message).tolist() == [0.5, -0.5, 0.5, -0.5, 1, 2, 3, 4, 5, 6]


def test_an_unknown_orientation_is_not_taken_for_an_upright_robot() -> None:
    assert imu_values(Imu())[0] == 1.0
    unknown, zero, long = Imu(), Imu(), Imu()
    unknown.orientation_covariance[0] = -1.0
    zero.orientation.w, long.orientation.w = 0.0, 2.0
    for message in (unknown, zero, long):
        assert np.isnan(imu_values(message)[:4]).all()
        assert np.isfinite(imu_values(message)[4:]).all()


def test_an_odometry_tells_thirteen_numbers() -> None:
    message = Odometry()
    pose, twist = message.pose.pose, message.twist.twist
    pose.position.x, pose.position.y, pose.position.z = 1.0, 2.0, 3.0
    pose.orientation.w, pose.orientation.x = 0.0, 1.0
    twist.linear.x, twist.linear.y, twist.linear.z = 4.0, 5.0, 6.0
    twist.angular.x, twist.angular.y, twist.angular.z = 7.0, 8.0, 9.0
    assert odometry_values(message).tolist() == [1, 2, 3, 0, 1, 0, 0, 4, 5, 6, 7, 8, 9]


def test_a_valve_is_one_joint_with_angle_and_speed() -> None:
    assert valve_values(valve(0.25)).tolist() == [0.25, 0.5]
    for malformed in (valve(0.25, 0.5), JointState(position=[0.25, 0.5]), JointState()):
        assert valve_values(malformed).size == 0


@pytest.mark.parametrize(
    'change',
    [
        {'encoding': 'bgr8'},
        {'encoding': 'mono8'},
        {'step': 128},
        {'width': 16},
        {'height': 31},
        {'data': conversions.to_bytes(bytes(3071))},
        {'data': conversions.to_bytes(b'')},
    ],
)
def test_a_picture_whose_numbers_do_not_fit_together_holds_no_pixels(
    change: dict[str, Any],
) -> None:
    assert image_values(image(**change)).size == 0


def test_pixels_come_row_by_row_red_first() -> None:
    data = np.arange(32 * 32 * 3, dtype=np.uint8)
    message = image(data=conversions.to_bytes(data.tobytes()))
    np.testing.assert_array_equal(image_values(message), data)
