# SPDX-License-Identifier: Apache-2.0
"""The simulated D'Claw on topics in the manner of ros2_control."""

import signal
import subprocess
import sys

from control_msgs.action import FollowJointTrajectory
from geometry_msgs.msg import PoseStamped
from maxent_msgs.srv import ResetSimulation
import numpy as np
import pytest
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64, Float64MultiArray
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectoryPoint

from maxent_robot.robots import DCLAW
from maxent_robot.robots.dclaw import VALVE
from maxent_ros import qos, topics
from maxent_ros.conversions import to_ns
from maxent_ros.robot_topics import image_values
from sim_bridge.dclaw_simulation import DClawSimulation
from sim_bridge.dclaw_topics import DClawTopics
from sim_bridge.rendering import RenderingUnavailableError

pytestmark = pytest.mark.ros

NAMES = list(DCLAW.joint_names)
TICK = DCLAW.guard_period_ns
OUT = [  # topic, type, rate in Hz of the robot's time
    ('/dclaw/joint_states', JointState, 100.0),
    ('/dclaw/valve/joint_states', JointState, 100.0),
    ('/dclaw/camera/camera_info', CameraInfo, 10.0),
    ('/dclaw/camera/image_raw', Image, 10.0),
]


def receive(ros, node, topic, kind, profile=qos.COMMAND):
    messages = []
    node.create_subscription(kind, topic, messages.append, profile)
    ros.spin_until(lambda: messages, reason=topic)
    return messages[-1]


def call(ros, node, kind, name, request):
    client = node.create_client(kind, name)
    ros.spin_until(client.service_is_ready)
    future = client.call_async(request)
    ros.spin_until(future.done)
    return future.result()


def reset(ros, node, pose, **objects):
    names, positions = [*NAMES, *objects], [*pose, *objects.values()]
    request = ResetSimulation.Request(seed=1, joint_names=names, joint_positions=positions)
    return call(ros, node, ResetSimulation, topics.RESET_SIMULATION, request)


@pytest.fixture
def hand(start_bridge, add_peer):
    """A bridge in lock-step, its simulation and a peer."""
    bridge = start_bridge(robot='dclaw')
    return bridge.node, bridge.node._simulation, add_peer(robot='dclaw')


@pytest.fixture(scope='module')
def camera():
    """Skip where there is no OpenGL."""
    simulation = DClawSimulation()
    try:
        simulation.signal('camera')
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    simulation.close()


def test_topics_have_the_names_types_and_qualities_of_the_table(hand):
    node = hand[0]
    for topic, kind, _ in OUT:
        (publisher,) = node.get_publishers_info_by_topic(topic)
        assert publisher.topic_type == f'sensor_msgs/msg/{kind.__name__}'
        assert publisher.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    (goal,) = node.get_publishers_info_by_topic('/dclaw/valve/goal')
    assert goal.topic_type == 'std_msgs/msg/Float64'
    assert goal.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    (commands,) = node.get_subscriptions_info_by_topic('/dclaw/joint_position_controller/commands')
    assert commands.topic_type == 'std_msgs/msg/Float64MultiArray'
    services = dict(node.get_service_names_and_types())
    assert services['/dclaw/set_motors_engaged'] == ['std_srvs/srv/SetBool']


@pytest.mark.parametrize(('topic', 'kind', 'rate'), OUT[:3])
def test_topics_come_at_the_rates_of_the_table(ros, topic, kind, rate):
    check_rate(ros, topic, kind, rate)


def test_pictures_come_ten_times_a_second(ros, camera):
    check_rate(ros, *OUT[3])


def check_rate(ros, topic, kind, rate):
    """Count messages in three seconds of the robot's time."""
    node, simulation, count = ros.add(Node, 'n'), DClawSimulation(), []
    hand_topics = DClawTopics(node, simulation)
    node.create_subscription(kind, topic, count.append, 500)
    ros.spin_until(lambda: node.count_subscribers(topic) > 0)
    for _ in range(300):
        hand_topics.publish(every_state=True)
        simulation.time_ns += TICK
        ros.executor.spin_once(timeout_sec=0.0)
    simulation.close()
    ros.spin_until(lambda: len(count) >= 3.0 * rate - 1)
    assert len(count) <= 3.0 * rate + 1


def test_what_it_tells_is_what_the_simulation_says(ros, hand):
    _, simulation, peer = hand
    assert reset(ros, peer, DCLAW.start + 0.01, **{VALVE: 1.25}).success
    ros.spin_until(lambda: peer.stamps and peer.stamps[-1] == simulation.time_ns)
    state, sample = peer.states[-1], simulation.joint_sample()
    assert list(state.name) == NAMES
    np.testing.assert_array_equal(state.position, sample.position)
    np.testing.assert_array_equal(state.velocity, sample.velocity)
    np.testing.assert_array_equal(state.effort, sample.effort)
    assert receive(ros, peer, 'joint_states', JointState) == state
    valve = receive(ros, peer, topics.DCLAW_VALVE, JointState)
    assert (list(valve.name), list(valve.position)) == ([VALVE], [1.25])
    assert to_ns(valve.header.stamp) == simulation.time_ns


def test_the_picture_is_that_of_the_simulation(ros, hand, camera):
    _, simulation, peer = hand
    assert reset(ros, peer, DCLAW.start, **{VALVE: -2.0}).success
    image = receive(ros, peer, topics.DCLAW_IMAGE, Image, qos.SENSOR)
    assert (image.height, image.width, image.encoding) == (32, 32, 'rgb8')
    assert (image.header.frame_id, to_ns(image.header.stamp)) == ('camera', simulation.time_ns)
    same = DClawSimulation()
    same.reset(DCLAW.start, {VALVE: -2.0}, 1)
    np.testing.assert_array_equal(image_values(image), same.signal('camera'))
    same.close()


def test_the_camera_info_is_that_of_a_pinhole_that_sees_what_the_picture_shows(ros, hand):
    _, simulation, peer = hand
    info = receive(ros, peer, topics.DCLAW_CAMERA_INFO, CameraInfo)
    assert (info.height, info.width, info.header.frame_id) == (32, 32, 'camera')
    projection = np.array(info.p).reshape(3, 4)
    np.testing.assert_array_equal(projection[:, :3], np.array(info.k).reshape(3, 3))
    angle = np.deg2rad(simulation.model.camera('camera').fovy[0])
    edge = np.array([0.0, np.sin(angle / 2), np.cos(angle / 2), 1.0])  # of the field of view
    u, v, w = projection @ edge
    np.testing.assert_allclose([u / w, v / w], [16.0, 32.0])


def test_a_reset_puts_the_valve_where_it_is_asked_to_be(ros, hand):
    _, simulation, peer = hand
    before = simulation.time_ns
    response = reset(ros, peer, DCLAW.start, **{VALVE: 0.75})
    assert response.success, response.message
    assert to_ns(response.stamp) == before + 2_000_000_000
    np.testing.assert_array_equal(simulation.signal('valve'), [0.75, 0.0])
    assert reset(ros, peer, DCLAW.start).success
    np.testing.assert_array_equal(simulation.signal('valve'), [0.0, 0.0])


@pytest.mark.parametrize(
    ('names', 'why'),
    [
        ([*NAMES, 'door'], 'door'),
        ([*NAMES[:8], VALVE], 'give one for each'),
        ([*NAMES, VALVE, VALVE], 'give one for each'),
        ([VALVE], 'give one for each'),
    ],
)
def test_a_reset_of_things_that_are_not_there_is_refused(ros, hand, names, why):
    _, simulation, peer = hand
    before = simulation.time_ns
    request = ResetSimulation.Request(joint_names=names, joint_positions=[0.0] * len(names))
    response = call(ros, peer, ResetSimulation, topics.RESET_SIMULATION, request)
    assert not response.success
    assert why in response.message
    assert simulation.time_ns == before


def test_servos_are_switched_off_and_on_by_the_service(ros, hand, send_to):
    _, simulation, peer = hand
    target = DCLAW.start + 0.1
    peer.answer = send_to(target)
    request = SetBool.Request(data=False)
    assert call(ros, peer, SetBool, topics.DCLAW_ENGAGE, request).success
    seen = len(set(peer.stamps))
    ros.spin_until(lambda: len(set(peer.stamps)) > seen + 20)
    assert list(peer.states[-1].effort) == [0.0] * 9
    assert not np.array_equal(simulation.controller.target, target)
    request = SetBool.Request(data=True)
    assert call(ros, peer, SetBool, topics.DCLAW_ENGAGE, request).success
    ros.spin_until(lambda: np.array_equal(simulation.controller.target, target))


def test_the_goal_is_told_as_an_angle_of_the_valve_to_late_listeners_too(ros, hand):
    _, _, peer = hand
    publisher = peer.create_publisher(PoseStamped, topics.GOAL, qos.LATCHED)
    goal = PoseStamped()
    goal.header.frame_id = 'base'
    goal.pose.position.x, goal.pose.position.y = -0.08, 0.08
    publisher.publish(goal)
    angle = receive(ros, peer, topics.DCLAW_VALVE_GOAL, Float64, qos.LATCHED).data
    np.testing.assert_allclose(angle, 0.75 * np.pi)


def test_in_lockstep_time_waits_for_positions_that_answer_its_stamp(ros, hand, send_to):
    _, simulation, peer = hand
    ros.spin_until(lambda: len(peer.stamps) >= 2)
    for _ in range(3):
        peer.commands.publish(Float64MultiArray(data=DCLAW.start.tolist()))
        seen = len(peer.stamps)
        ros.spin_until(lambda seen=seen: len(peer.stamps) > seen)
    assert len(set(peer.stamps)) == 1
    peer.answer = send_to(DCLAW.start + 0.05)
    ros.spin_until(lambda: len(set(peer.stamps)) > 10)
    assert set(np.diff(sorted(set(peer.stamps)))) == {TICK}
    np.testing.assert_array_equal(simulation.controller.target, DCLAW.start + 0.05)


def test_it_moves_along_a_trajectory(ros, hand):
    _, simulation, peer = hand
    client = ActionClient(peer, FollowJointTrajectory, topics.DCLAW_TRAJECTORY)
    ros.spin_until(client.server_is_ready)
    goal, target = FollowJointTrajectory.Goal(), DCLAW.start + 0.2
    goal.trajectory.joint_names = NAMES
    point = JointTrajectoryPoint(positions=target.tolist())
    point.time_from_start.nanosec = 500_000_000
    goal.trajectory.points = [point]
    sent = client.send_goal_async(goal)
    ros.spin_until(sent.done)
    result = sent.result().get_result_async()
    ros.spin_until(result.done, 20.0)
    outcome = result.result().result
    assert outcome.error_code == FollowJointTrajectory.Result.SUCCESSFUL, outcome.error_string
    np.testing.assert_allclose(simulation.joint_sample().position, target, atol=0.1)
    client.destroy()


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
def test_the_process_that_takes_pictures_ends_cleanly_on_a_signal(ros, add_peer, camera, pacing):
    peer, images = add_peer(robot='dclaw'), []
    peer.create_subscription(Image, topics.DCLAW_IMAGE, images.append, qos.SENSOR)
    arguments = ['--ros-args', '-p', 'robot:=dclaw', '-p', f'pacing:={pacing}']
    command = [sys.executable, '-m', 'sim_bridge.bridge_node', *arguments]
    process = subprocess.Popen(command, env=ros.environment(), stderr=subprocess.PIPE, text=True)
    try:
        ros.spin_until(lambda: images, 30.0)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10.0)
    finally:
        process.kill()
    assert (process.returncode, 'Exception ignored' in errors) == (0, False), errors
