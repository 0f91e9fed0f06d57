# SPDX-License-Identifier: Apache-2.0
from intera_core_msgs.msg import (
    CollisionDetectionState,
    EndpointState,
    EndpointStates,
    JointLimits,
    RobotAssemblyState,
    SEAJointState,
)
import numpy as np
import pytest
from sensor_msgs.msg import JointState

from maxent_robot.robots.sawyer import SAWYER
from maxent_ros import qos, topics

pytestmark = pytest.mark.ros

LIMB = 'robot/limb/right/'


def receive(ros, node, kind, topic, profile=qos.COMMAND):
    """The newest message of a topic, once there is one."""
    messages = []
    node.create_subscription(kind, topic, messages.append, profile)
    ros.spin_until(lambda: messages, reason=topic)
    return messages[-1]


def test_the_robot_tells_about_itself_on_its_own_topics(ros, start_bridge, add_peer):
    simulation = start_bridge().node._simulation
    peer = add_peer()
    position = simulation.joint_sample().position

    tip = receive(ros, peer, EndpointState, topics.ENDPOINT_STATE)
    assert tip.header.frame_id == 'base'
    at = tip.pose.position
    np.testing.assert_allclose([at.x, at.y, at.z], SAWYER.chain.tip(position), atol=1e-6)
    turn = tip.pose.orientation
    np.testing.assert_allclose(turn.x**2 + turn.y**2 + turn.z**2 + turn.w**2, 1.0)

    tips = receive(ros, peer, EndpointStates, LIMB + 'tip_states')
    assert tips.names == ['right_hand']
    assert tips.states[0].pose == tip.pose

    gravity = receive(ros, peer, SEAJointState, LIMB + 'gravity_compensation_torques')
    assert gravity.name == list(SAWYER.joint_names)
    np.testing.assert_array_equal(gravity.gravity_only, simulation.gravity_torques())
    np.testing.assert_array_equal(gravity.actual_position, position)

    topic = LIMB + 'collision_detection_state'
    assert not receive(ros, peer, CollisionDetectionState, topic).collision_state
    np.testing.assert_array_equal(
        receive(ros, peer, JointState, 'joint_states').position, position
    )

    state = receive(ros, peer, RobotAssemblyState, topics.ROBOT_STATE)
    assert (state.homed, state.ready, state.enabled, state.stopped) == (True, True, True, False)


def test_joint_limits_are_latched(ros, start_bridge, add_peer):
    start_bridge()
    limits = receive(ros, add_peer(), JointLimits, topics.JOINT_LIMITS, qos.LATCHED)
    assert limits.joint_names == list(SAWYER.joint_names)
    np.testing.assert_array_equal(limits.position_lower, SAWYER.limits.position_lower)
    np.testing.assert_array_equal(limits.position_upper, SAWYER.limits.position_upper)
    np.testing.assert_array_equal(limits.velocity, SAWYER.limits.velocity)
    np.testing.assert_array_equal(limits.accel, SAWYER.limits.acceleration)
    np.testing.assert_array_equal(limits.effort, SAWYER.limits.effort)


def test_the_assembly_state_shows_a_stop(ros, start_bridge, add_peer):
    start_bridge().node._simulation.stop()
    state = receive(ros, add_peer(), RobotAssemblyState, topics.ROBOT_STATE)
    assert (state.ready, state.enabled, state.stopped) == (False, False, True)
    assert state.estop_source == RobotAssemblyState.ESTOP_SOURCE_UNKNOWN


def test_a_rate_outside_its_range_is_refused(start_bridge):
    states = start_bridge().node._topics._states
    assert '1..1000' in states.set_joint_state_rate(0)
    assert '1..1000' in states.set_joint_state_rate(5000)
    assert states.set_joint_state_rate(500) is None
