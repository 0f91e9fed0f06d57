# SPDX-License-Identifier: Apache-2.0
import signal
import subprocess
import sys

from geometry_msgs.msg import PoseStamped
from intera_core_msgs.msg import JointCommand
from maxent_msgs.srv import ResetSimulation
import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool, Empty, Float64, UInt16

from maxent_robot.robots.sawyer import SAWYER
from maxent_ros import qos, topics
from maxent_ros.conversions import to_ns
from maxent_ros.parameters import ParameterError
from sim_bridge.assembly_state import AssemblyState
from sim_bridge.bridge_node import BridgeNode
from sim_bridge.sawyer_controller import ControlMode

pytestmark = pytest.mark.ros

NAMES = list(SAWYER.joint_names)
TICK = SAWYER.guard_period_ns


def torque(values):
    return lambda _state: JointCommand(mode=3, names=NAMES, effort=[float(v) for v in values])


def call_reset(ros, node, **request):
    client = node.create_client(ResetSimulation, topics.RESET_SIMULATION)
    ros.spin_until(client.service_is_ready)
    future = client.call_async(ResetSimulation.Request(**request))
    ros.spin_until(future.done)
    return future.result()


def sender(ros, node, kind, topic, profile):
    publisher = node.create_publisher(kind, topic, profile)
    ros.spin_until(lambda: publisher.get_subscription_count() > 0)
    return publisher


# Lock-step


def test_in_lockstep_time_stands_still_until_the_state_is_answered(ros, start_bridge, add_peer):
    peer = add_peer()
    bridge = start_bridge(pacing='lockstep')
    ros.spin_until(lambda: len(peer.states) >= 3)
    assert len(set(peer.stamps)) == 1
    assert all(state == peer.states[0] for state in peer.states)
    peer.answer = torque(np.zeros(7))
    ros.spin_until(lambda: len(set(peer.stamps)) > 50)
    peer.answer = None
    stamps = sorted(set(peer.stamps))
    assert set(np.diff(stamps)) == {TICK}
    seen = len(peer.stamps)
    ros.spin_until(lambda: len(peer.stamps) >= seen + 3)
    assert len(set(peer.stamps[-3:])) == 1
    assert bridge.node._simulation.time_ns == peer.stamps[-1]


def test_commands_for_another_stamp_do_not_advance_time(ros, start_bridge, add_peer):
    peer = add_peer()
    start_bridge()
    ros.spin_until(lambda: peer.stamps)
    command = torque(np.zeros(7))(None)
    command.header.stamp.sec = 1
    for _ in range(5):
        peer.commands.publish(command)
        seen = len(peer.stamps)
        ros.spin_until(lambda seen=seen: len(peer.stamps) > seen)
    assert len(set(peer.stamps)) == 1


def test_a_refused_command_moves_time_but_not_the_arm(ros, start_bridge, add_peer):
    peer = add_peer()
    peer.answer = lambda _state: JointCommand(mode=3, names=NAMES[:3], effort=[9.0, 9.0, 9.0])
    start_bridge()
    ros.spin_until(lambda: len(set(peer.stamps)) > 20)
    np.testing.assert_allclose(peer.states[-1].position, peer.states[0].position, atol=1e-9)


def test_the_clock_shows_the_time_of_the_states(ros, start_bridge, add_peer):
    peer = add_peer()
    times = []
    peer.create_subscription(
        Clock, '/clock', lambda message: times.append(to_ns(message.clock)), qos.CLOCK
    )
    peer.answer = torque(np.zeros(7))
    start_bridge()
    ros.spin_until(lambda: len(set(times)) > 10)
    assert times == sorted(times)
    assert set(times) <= {*range(2_000_000_000, 2_000_000_000_000, TICK)}


# Reset


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
def test_reset_puts_the_arm_into_a_pose_two_seconds_later(ros, start_bridge, add_peer, pacing):
    peer = add_peer()
    start_bridge(pacing=pacing)
    ros.spin_until(lambda: peer.stamps)
    before = peer.stamps[-1]
    pose = dict(zip(NAMES, SAWYER.start.tolist(), strict=True))
    names = NAMES[::-1]
    response = call_reset(
        ros, peer, joint_names=names, joint_positions=[pose[name] for name in names]
    )
    assert response.success, response.message
    stamp = to_ns(response.stamp)
    assert stamp >= before + 2_000_000_000
    ros.spin_until(lambda: peer.stamps[-1] >= stamp)
    np.testing.assert_allclose(peer.states[-1].position, SAWYER.start, atol=1e-9)
    np.testing.assert_allclose(peer.states[-1].velocity, np.zeros(7), atol=1e-9)


def test_reset_without_a_pose_is_neutral_with_the_noise_of_the_seed(ros, start_bridge, add_peer):
    peer = add_peer()
    bridge = start_bridge()
    poses = []
    for seed in (1, 1, 2):
        assert call_reset(ros, peer, seed=seed).success
        poses.append(bridge.node._simulation.joint_sample().position)
    np.testing.assert_array_equal(poses[0], poses[1])
    assert np.all(poses[0] != poses[2])
    assert np.all(np.abs(poses[2] - SAWYER.neutral) <= 0.05)


@pytest.mark.parametrize(
    ('names', 'positions', 'why'),
    [
        (NAMES[:2], [0.0, 0.0], 'one for each'),
        (NAMES, [0.0], 'one for each'),
        ([*NAMES, 'door'], [*SAWYER.start.tolist(), 0.5], 'no movable objects'),
        (NAMES, [9.0] * 7, 'right_j0'),
        (NAMES, [float('nan')] * 7, 'finite'),
        (NAMES, (SAWYER.start + np.array([0, 0.9, 0, 0, 0, 0, 0])).tolist(), 'collides'),
    ],
)
def test_an_impossible_reset_is_refused_with_the_reason(
    ros, start_bridge, add_peer, names, positions, why
):
    start_bridge()
    response = call_reset(ros, add_peer(), joint_names=names, joint_positions=positions)
    assert not response.success
    assert why in response.message


# Real time


@pytest.mark.parametrize(('rate', 'spacing'), [(None, 2 * TICK), (200, TICK), (50, 4 * TICK)])
def test_in_real_time_joint_states_come_at_the_rate_asked_for(
    ros, start_bridge, add_peer, rate, spacing
):
    peer = add_peer()
    bridge = start_bridge(pacing='realtime', real_time_factor=0.5)
    if rate is not None:
        topic = topics.JOINT_STATE_PUBLISH_RATE
        publisher = sender(ros, peer, UInt16, topic, qos.COMMAND)
        publisher.publish(UInt16(data=rate))
        ros.spin_until(
            lambda: bridge.node._topics._states._joint_period_ns == 1_000_000_000 // rate
        )
        peer.stamps.clear()
    ros.spin_until(lambda: len(peer.stamps) > 10)
    # the reader keeps the newest only: whole periods may be missing, never parts
    assert set(np.diff(peer.stamps[1:]) % spacing) == {0}
    assert spacing in np.diff(peer.stamps[1:])


def test_in_real_time_the_arm_follows_commands_and_holds_without_them(ros, start_bridge, add_peer):
    peer = add_peer()
    bridge = start_bridge(pacing='realtime', real_time_factor=5.0)
    values = [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0]
    peer.answer = lambda _state: JointCommand(mode=2, names=NAMES, velocity=values)
    ros.spin_until(lambda: peer.states and peer.states[-1].velocity[5] > 0.4)
    peer.answer = None
    controller = bridge.node._simulation.controller
    ros.spin_until(lambda: controller.mode == ControlMode.POSITION)
    ros.spin_until(lambda: abs(peer.states[-1].velocity[5]) < 1e-3)


# The robot's own topics


def test_a_stopped_robot_stays_put_until_reset_and_enable(ros, start_bridge, add_peer):
    peer = add_peer()
    bridge = start_bridge()
    simulation = bridge.node._simulation
    peer.answer = torque([0.5] * 7)
    ros.spin_until(lambda: len(set(peer.stamps)) > 10)
    sender(ros, peer, Empty, topics.SET_SUPER_STOP, qos.EVENTS).publish(Empty())
    ros.spin_until(lambda: simulation.controller.state.stopped)
    seen = len(set(peer.stamps))
    ros.spin_until(lambda: len(set(peer.stamps)) > seen + 20)
    assert peer.states[-1].position == peer.states[-10].position
    sender(ros, peer, Empty, topics.SET_SUPER_RESET, qos.EVENTS).publish(Empty())
    ros.spin_until(lambda: not simulation.controller.state.stopped)
    sender(ros, peer, Bool, topics.SET_SUPER_ENABLE, qos.EVENTS).publish(Bool(data=True))
    ros.spin_until(lambda: simulation.controller.state == AssemblyState())
    before = peer.states[-1].position
    ros.spin_until(lambda: peer.states[-1].position != before)


def test_latched_settings_reach_a_bridge_that_starts_later(ros, start_bridge, add_peer):
    peer = add_peer()
    timeout = peer.create_publisher(Float64, topics.JOINT_COMMAND_TIMEOUT, qos.LATCHED)
    timeout.publish(Float64(data=0.1))
    ratio = peer.create_publisher(Float64, topics.SET_SPEED_RATIO, qos.LATCHED)
    ratio.publish(Float64(data=0.8))
    controller = start_bridge().node._simulation.controller
    ros.spin_until(lambda: controller.timeout_ns == 100_000_000)
    ros.spin_until(lambda: controller.speed_ratio == 0.8)
    timeout.publish(Float64(data=float('nan')))
    timeout.publish(Float64(data=7.0))
    ros.spin_until(lambda: controller.timeout_ns == 1_000_000_000)


def test_suppressed_gravity_compensation_reaches_the_robot(ros, start_bridge, add_peer):
    peer = add_peer()
    simulation = start_bridge().node._simulation
    topic = 'robot/limb/right/suppress_gravity_compensation'
    sender(ros, peer, Empty, topic, qos.COMMAND).publish(Empty())
    ros.spin_until(lambda: not simulation.controller.compensates_gravity(simulation.time_ns))


def test_the_goal_moves_the_target(ros, start_bridge, add_peer):
    peer = add_peer()
    simulation = start_bridge().node._simulation
    publisher = peer.create_publisher(PoseStamped, topics.GOAL, qos.LATCHED)
    for frame, x in (('camera', 0.1), ('base', 0.6)):
        goal = PoseStamped()
        goal.header.frame_id = frame
        goal.pose.position.x, goal.pose.position.z = x, 0.25
        publisher.publish(goal)
    ros.spin_until(lambda: simulation._data.mocap_pos[0, 0] == 0.6)


def test_two_robots_live_in_two_namespaces(ros, start_bridge, add_peer):
    peers = {name: add_peer(name) for name in ('left', 'right')}
    bridges = {name: start_bridge(name, seed=k) for k, name in enumerate(peers)}
    peers['left'].answer = torque([0.5] * 7)
    ros.spin_until(lambda: len(set(peers['left'].stamps)) > 20)
    ros.spin_until(lambda: peers['right'].stamps)
    assert len(set(peers['right'].stamps)) == 1
    assert bridges['left'].node.get_fully_qualified_name() == '/left/sim_bridge'
    call_reset(ros, peers['right'])
    ros.spin_until(lambda: len(set(peers['right'].stamps)) == 2)


# Process


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_process_ends_cleanly_on_a_signal(ros, add_peer, pacing, number):
    peer = add_peer()
    arguments = ['--ros-args', '-p', f'pacing:={pacing}']
    command = [sys.executable, '-m', 'sim_bridge.bridge_node', *arguments]
    process = subprocess.Popen(command, env=ros.environment())
    try:
        ros.spin_until(lambda: peer.stamps, 30.0)
        process.send_signal(number)
        assert process.wait(timeout=10.0) == 0
    finally:
        process.kill()


def test_the_world_is_varied_by_texts(ros):
    world = ['terrain=blocks', 'mass=[0.8, 1.2]', '']
    node = ros.add(BridgeNode, parameters={'robot': 'minitaur', 'world': world, 'seed': 3})
    config = node._simulation.config
    assert config.terrain == 'blocks'
    assert tuple(config.variation.mass) == (0.8, 1.2)
    assert node._simulation.figures.mass != 1.0


@pytest.mark.parametrize(
    'parameters',
    [
        {'pacing': 'fast'},
        {'robot': 'atlas'},
        {'real_time_factor': 0.0},
        {'world': ['terrain']},
        {'world': ['terrain=slope']},
        {'world': ['terrain=moon'], 'robot': 'minitaur'},
        {'world': ['servo_gain=[9, 1]'], 'robot': 'dclaw'},
    ],
)
def test_impossible_parameters_are_refused(ros, parameters):
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        ros.add(BridgeNode, parameters=parameters)
