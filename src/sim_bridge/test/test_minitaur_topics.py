# SPDX-License-Identifier: Apache-2.0
"""The simulated Minitaur on Ghost Robotics' topics (names, types and rates of the real one)."""

from control_msgs.action import FollowJointTrajectory
from geometry_msgs.msg import Pose
from maxent_msgs.srv import ResetSimulation
from nav_msgs.msg import Odometry
import numpy as np
import pytest
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import BatteryState, Imu, JointState
from std_msgs.msg import Float64MultiArray, UInt32
from trajectory_msgs.msg import JointTrajectoryPoint

from maxent_robot.robots import MINITAUR
from maxent_robot.robots.minitaur import motor_angles
from maxent_ros import qos, topics
from maxent_ros.conversions import to_ns
from maxent_ros.robot_topics import imu_values, odometry_values
from sim_bridge.minitaur_simulation import MinitaurSimulation
from sim_bridge.minitaur_topics import MinitaurTopics

pytestmark = pytest.mark.ros

TICK = MINITAUR.guard_period_ns
# Topic, type, and rate in Hz of the robot's time. The table of Ghost's driver, with the odometry
# at every tick, for in lock-step each state has one.
OUT = [
    ('/robot0/state/imu', Imu, 1000 / 6),
    ('/robot0/state/joint', JointState, 1000 / 6),
    ('/robot0/odom', Odometry, 1000 / 6),
    ('/robot0/state/pose', Pose, 100.0),
    ('/robot0/state/jointURDF', JointState, 50.0),
    ('/robot0/state/behaviorId', UInt32, 10.0),
    ('/robot0/state/behaviorMode', UInt32, 10.0),
    ('/robot0/state/batteryState', BatteryState, 1.0),
]
IN = [
    ('/robot0/joint_position_controller/commands', Float64MultiArray),
    ('/robot0/command/leg_cmd', Float64MultiArray),
    ('/robot0/command/behaviorMode', UInt32),
]


def receive(ros, node, topic, kind):
    messages = []
    node.create_subscription(kind, topic, messages.append, qos.COMMAND)
    ros.spin_until(lambda: messages, reason=topic)
    return messages[-1]


def sender(ros, node, kind, topic, profile):
    publisher = node.create_publisher(kind, topic, profile)
    ros.spin_until(lambda: publisher.get_subscription_count() > 0)
    return publisher


def let_time_stand_still(ros, peer):
    """Answer no more, until the bridge repeats itself."""
    peer.answer = None
    seen = len(peer.stamps)
    ros.spin_until(lambda: len(peer.stamps) > seen + 1 and peer.stamps[-1] == peer.stamps[-2])


@pytest.fixture
def robot(start_bridge, add_peer):
    """A bridge in lock-step, its simulation and a peer."""
    bridge = start_bridge(robot='minitaur')
    return bridge.node, bridge.node._simulation, add_peer(robot='minitaur')


def test_topics_have_the_names_types_and_qualities_of_the_real_robot(robot):
    node = robot[0]
    for topic, kind, _ in OUT:
        (publisher,) = node.get_publishers_info_by_topic(topic)
        assert publisher.topic_type == f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'
        assert publisher.qos_profile.reliability is ReliabilityPolicy.RELIABLE
        assert publisher.qos_profile.durability is DurabilityPolicy.VOLATILE
    for topic, kind in IN:
        (subscription,) = node.get_subscriptions_info_by_topic(topic)
        assert subscription.topic_type == f'std_msgs/msg/{kind.__name__}'
        assert subscription.qos_profile.reliability is ReliabilityPolicy.RELIABLE


@pytest.mark.parametrize(('topic', 'kind', 'rate'), OUT)
def test_topics_come_at_the_rates_of_the_real_robot(ros, topic, kind, rate):
    node, simulation = ros.add(Node, 'n'), MinitaurSimulation()
    robot_topics, count = MinitaurTopics(node, simulation), []
    node.create_subscription(kind, topic, count.append, 500)
    ros.spin_until(lambda: node.count_subscribers(topic) > 0)
    for k in range(500):  # three seconds
        robot_topics.publish(every_state=True)
        simulation.time_ns += TICK
        if k % 20 == 0:
            ros.executor.spin_once(timeout_sec=0.0)
    expected = 3.0 * rate
    ros.spin_until(lambda: len(count) >= expected - 1, reason=f'{len(count)} of {expected}')
    assert len(count) <= expected + 1


def test_what_it_tells_is_what_the_simulation_says(ros, robot, send_to):
    _, simulation, peer = robot
    peer.answer = send_to(MINITAUR.start + 0.1)
    ros.spin_until(lambda: len(set(peer.stamps)) > 30)
    let_time_stand_still(ros, peer)
    sample = simulation.joint_sample()
    assert peer.states[-1].name == [str(motor) for motor in range(8)]
    np.testing.assert_array_equal(peer.states[-1].position, sample.position)
    np.testing.assert_array_equal(peer.states[-1].velocity, sample.velocity)
    np.testing.assert_array_equal(peer.states[-1].effort, sample.effort)
    assert np.abs(sample.effort).max() > 0.1

    imu = receive(ros, peer, topics.MINITAUR_IMU, Imu)
    assert (imu.header.frame_id, to_ns(imu.header.stamp)) == ('imu', simulation.time_ns)
    np.testing.assert_array_equal(imu_values(imu), simulation.signal('imu'))
    odometry = receive(ros, peer, topics.MINITAUR_ODOMETRY, Odometry)
    assert (odometry.header.frame_id, odometry.child_frame_id) == ('odom', 'base')
    assert to_ns(odometry.header.stamp) == simulation.time_ns
    np.testing.assert_array_equal(odometry_values(odometry), simulation.signal('odometry'))
    assert receive(ros, peer, topics.MINITAUR_POSE, Pose) == odometry.pose.pose

    urdf = receive(ros, peer, topics.MINITAUR_JOINT_URDF, JointState)
    assert len(set(urdf.name)) == len(urdf.position) == len(urdf.velocity) == 16
    by_name = dict(zip(urdf.name, urdf.position, strict=True))
    motors = [
        by_name[f'motor_{leg}{side}_joint']
        for leg in ('front_left', 'back_left', 'front_right', 'back_right')
        for side in 'LR'
    ]
    np.testing.assert_array_equal(motors, sample.position)
    assert {name.replace('motor', 'knee') for name in by_name} <= set(by_name)
    assert receive(ros, peer, 'joint_states', JointState) == urdf
    assert 14.0 < receive(ros, peer, topics.MINITAUR_BATTERY, BatteryState).voltage < 17.0


def test_joint_states_imu_and_odometry_of_a_tick_have_one_stamp(ros, robot, send_to):
    _, _, peer = robot
    stamps = {Imu: [], Odometry: []}
    for kind, topic in ((Imu, topics.MINITAUR_IMU), (Odometry, topics.MINITAUR_ODOMETRY)):
        peer.create_subscription(
            kind, topic, lambda m, k=kind: stamps[k].append(to_ns(m.header.stamp)), 100
        )
    ros.spin_until(lambda: all(stamps.values()))
    peer.answer = send_to(MINITAUR.start)
    ros.spin_until(lambda: len(set(peer.stamps)) > 50)
    let_time_stand_still(ros, peer)
    for seen in stamps.values():
        ros.spin_until(lambda seen=seen: set(seen) >= set(peer.stamps[-40:]))


def test_in_lockstep_time_waits_for_positions_that_answer_its_stamp(ros, robot, send_to):
    _, simulation, peer = robot
    ros.spin_until(lambda: len(peer.stamps) >= 2)
    foreign = Float64MultiArray(data=MINITAUR.start.tolist())
    for _ in range(3):
        peer.commands.publish(foreign)
        seen = len(peer.stamps)
        ros.spin_until(lambda seen=seen: len(peer.stamps) > seen)
    assert len(set(peer.stamps)) == 1
    peer.answer = send_to(MINITAUR.start + 0.05)
    ros.spin_until(lambda: len(set(peer.stamps)) > 10)
    assert set(np.diff(sorted(set(peer.stamps)))) == {TICK}
    np.testing.assert_array_equal(simulation.controller.target, MINITAUR.start + 0.05)


def test_in_real_time_positions_without_a_stamp_are_obeyed(ros, start_bridge, add_peer):
    simulation = start_bridge(robot='minitaur', pacing='realtime').node._simulation
    peer, target = add_peer(robot='minitaur'), MINITAUR.start + 0.1
    peer.answer = lambda _state: Float64MultiArray(data=target.tolist())
    ros.spin_until(lambda: np.array_equal(simulation.controller.target, target))
    assert np.all(np.diff(sorted(set(peer.stamps))) % TICK == 0)


def test_behaviour_mode_0_lets_the_motors_go_and_1_takes_commands_again(ros, robot, send_to):
    _, simulation, peer = robot
    mode = sender(ros, peer, UInt32, topics.MINITAUR_SET_BEHAVIOR_MODE, qos.EVENTS)
    mode.publish(UInt32(data=7))  # unknown: refused
    mode.publish(UInt32(data=0))
    ros.spin_until(lambda: not simulation.state.can_move)
    assert receive(ros, peer, topics.MINITAUR_BEHAVIOR_MODE, UInt32).data == 0
    peer.answer = send_to(MINITAUR.start)
    ros.spin_until(lambda: len(set(peer.stamps)) > 100)
    assert list(peer.states[-1].effort) == [0.0] * 8
    height = simulation.signal('odometry')[2]
    mode.publish(UInt32(data=1))
    ros.spin_until(lambda: simulation.signal('odometry')[2] > height + 0.02)
    peer.answer = None
    assert receive(ros, peer, topics.MINITAUR_BEHAVIOR_MODE, UInt32).data == 1


def test_leg_commands_are_swings_and_extensions(ros, robot):
    _, simulation, peer = robot
    legs = sender(ros, peer, Float64MultiArray, topics.MINITAUR_LEG_COMMAND, qos.COMMAND)
    swing, extension = [0.1, -0.1, 0.2, 0.0], [1.9, 2.0, 2.1, 2.2]
    for malformed in ([], [0.0] * 7, [9.0] * 8, [float('nan')] * 8):
        legs.publish(Float64MultiArray(data=malformed))
    legs.publish(Float64MultiArray(data=swing + extension))
    expected = motor_angles(np.array(swing), np.array(extension))
    ros.spin_until(lambda: np.array_equal(simulation.controller.target, expected))


def test_after_a_reset_everything_is_told_anew_with_the_first_state(ros, robot):
    _, _, peer = robot
    battery = []
    peer.create_subscription(
        BatteryState, topics.MINITAUR_BATTERY,
        lambda m: battery.append(to_ns(m.header.stamp)), qos.COMMAND,
    )  # fmt: skip
    ros.spin_until(lambda: battery)
    client = peer.create_client(ResetSimulation, topics.RESET_SIMULATION)
    ros.spin_until(client.service_is_ready)
    pose = MINITAUR.start + 0.05
    request = ResetSimulation.Request(
        seed=5, joint_names=MINITAUR.joint_names, joint_positions=pose.tolist()
    )
    future = client.call_async(request)
    ros.spin_until(future.done)
    assert future.result().success, future.result().message
    ros.spin_until(lambda: battery[-1] == to_ns(future.result().stamp))
    ros.spin_until(lambda: peer.stamps[-1] == battery[-1])
    np.testing.assert_allclose(peer.states[-1].position, pose, atol=1e-12)


def test_it_stands_up_along_a_trajectory(ros, robot):
    _, simulation, peer = robot
    simulation.reset(MINITAUR.rest)
    client = ActionClient(peer, FollowJointTrajectory, topics.MINITAUR_TRAJECTORY)
    ros.spin_until(client.server_is_ready)
    goal = FollowJointTrajectory.Goal()
    goal.trajectory.joint_names = list(MINITAUR.joint_names)
    point = JointTrajectoryPoint(positions=MINITAUR.start.tolist())
    point.time_from_start.sec = 1
    goal.trajectory.points = [point]
    height = simulation.signal('odometry')[2]
    sent = client.send_goal_async(goal)
    ros.spin_until(sent.done)
    result = sent.result().get_result_async()
    ros.spin_until(result.done, 20.0)
    assert result.result().result.error_code == FollowJointTrajectory.Result.SUCCESSFUL
    assert simulation.signal('odometry')[2] > height + 0.08
    client.destroy()
