# SPDX-License-Identifier: Apache-2.0
from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from maxent_msgs.srv import ResetSimulation
import numpy as np
import pytest
from rclpy.action import ActionClient
from std_msgs.msg import Empty
from trajectory_msgs.msg import JointTrajectoryPoint

from maxent_robot.robots.sawyer import SAWYER
from maxent_ros import qos, topics
from sim_bridge.sawyer_controller import ControlMode
from sim_bridge.trajectory import ErrorCode

pytestmark = pytest.mark.ros


class Caller:
    """Sends goals, waits for what comes of them, and keeps the feedback."""

    def __init__(self, ros, node):
        self.ros, self.node = ros, node
        self.feedback = []
        self.client = ActionClient(node, FollowJointTrajectory, topics.FOLLOW_JOINT_TRAJECTORY)
        ros.spin_until(self.client.server_is_ready)

    def send(self, target, seconds, **fields):
        goal = FollowJointTrajectory.Goal(**fields)
        goal.trajectory.joint_names = list(SAWYER.joint_names)
        point = JointTrajectoryPoint(positions=[float(q) for q in target])
        point.time_from_start.sec = int(seconds)
        point.time_from_start.nanosec = round(seconds % 1 * 1e9)
        goal.trajectory.points = [point]
        return self.send_goal(goal)

    def send_goal(self, goal):
        self.feedback.clear()
        future = self.client.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        self.ros.spin_until(future.done)
        assert future.result().accepted
        return future.result()

    def result(self, handle):
        future = handle.get_result_async()
        self.ros.spin_until(future.done, 20.0)
        return future.result().status, future.result().result


@pytest.fixture
def caller_of(ros, add_peer):
    """Start the bridge first: the caller waits for its action server."""
    callers = []

    def make(bridge):
        callers.append(Caller(ros, add_peer()))
        return callers[-1], bridge.node._simulation

    yield make
    for made in callers:
        made.client.destroy()


def position(simulation):
    return simulation.joint_sample().position


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
def test_the_arm_moves_to_a_pose_in_either_pacing(start_bridge, caller_of, pacing):
    caller, simulation = caller_of(start_bridge(pacing=pacing))
    target = position(simulation) + 0.1
    status, result = caller.result(caller.send(target, 0.6))
    assert status == GoalStatus.STATUS_SUCCEEDED
    assert result.error_code == ErrorCode.SUCCESSFUL
    np.testing.assert_allclose(position(simulation), target, atol=0.02)
    assert caller.feedback
    assert caller.feedback[-1].joint_names == list(SAWYER.joint_names)
    np.testing.assert_allclose(caller.feedback[-1].error.positions, np.zeros(7), atol=0.05)


def test_in_lockstep_time_stands_still_again_after_the_motion(
    ros, start_bridge, caller_of, add_peer
):
    caller, simulation = caller_of(start_bridge())
    caller.result(caller.send(position(simulation) + 0.05, 0.3))
    peer = add_peer()
    ros.spin_until(lambda: len(peer.stamps) >= 3)
    assert set(peer.stamps) == {simulation.time_ns}


def test_a_cancelled_motion_ends_in_a_hold(ros, start_bridge, caller_of):
    caller, simulation = caller_of(start_bridge(pacing='realtime'))
    start = position(simulation)
    handle = caller.send(start + 0.5, 3.0)
    ros.spin_until(lambda: len(caller.feedback) > 10)
    cancelled = handle.cancel_goal_async()
    ros.spin_until(cancelled.done)
    status, _ = caller.result(handle)
    assert status == GoalStatus.STATUS_CANCELED
    ros.spin_until(lambda: np.max(np.abs(simulation.joint_sample().velocity)) < 1e-3)
    travelled = position(simulation) - start
    assert np.all((travelled > 0.0) & (travelled < 0.45))


def test_a_newer_goal_preempts_the_older_one(ros, start_bridge, caller_of):
    caller, simulation = caller_of(start_bridge(pacing='realtime'))
    start = position(simulation)
    first = caller.send(start + 0.5, 3.0)
    ros.spin_until(lambda: caller.feedback)
    second = caller.send(start, 0.5)
    status, result = caller.result(first)
    assert status == GoalStatus.STATUS_ABORTED
    assert 'preempted' in result.error_string
    assert caller.result(second)[0] == GoalStatus.STATUS_SUCCEEDED
    np.testing.assert_allclose(position(simulation), start, atol=0.03)


def test_wrong_joints_and_impossible_speeds_are_refused_with_the_reason(start_bridge, caller_of):
    caller, simulation = caller_of(start_bridge())
    time_ns = simulation.time_ns
    goal = FollowJointTrajectory.Goal()
    goal.trajectory.joint_names = ['elbow']
    status, result = caller.result(caller.send_goal(goal))
    assert status == GoalStatus.STATUS_ABORTED
    assert result.error_code == ErrorCode.INVALID_JOINTS
    assert 'elbow' in result.error_string
    _, result = caller.result(caller.send(position(simulation) + 1.0, 0.1))
    assert result.error_code == ErrorCode.INVALID_GOAL
    assert 'rad/s' in result.error_string
    assert simulation.time_ns == time_ns


@pytest.mark.parametrize('what', ['stop', 'reset'])
def test_a_stop_or_a_reset_ends_the_motion(ros, start_bridge, caller_of, what):
    caller, simulation = caller_of(start_bridge(pacing='realtime'))
    handle = caller.send(position(simulation) + 0.5, 3.0)
    ros.spin_until(lambda: caller.feedback)
    if what == 'stop':
        publisher = caller.node.create_publisher(Empty, topics.SET_SUPER_STOP, qos.EVENTS)
        ros.spin_until(lambda: publisher.get_subscription_count() > 0)
        publisher.publish(Empty())
    else:
        client = caller.node.create_client(ResetSimulation, topics.RESET_SIMULATION)
        ros.spin_until(client.service_is_ready)
        client.call_async(ResetSimulation.Request())
    status, result = caller.result(handle)
    assert status == GoalStatus.STATUS_ABORTED
    assert what in result.error_string
    assert simulation.controller.mode == ControlMode.POSITION


def test_leaving_the_path_ends_the_motion(start_bridge, caller_of):
    caller, simulation = caller_of(start_bridge(pacing='realtime'))
    tolerance = [JointTolerance(name='right_j0', position=1e-7)]
    handle = caller.send(position(simulation) + 0.3, 1.0, path_tolerance=tolerance)
    status, result = caller.result(handle)
    assert status == GoalStatus.STATUS_ABORTED
    assert result.error_code == ErrorCode.PATH_TOLERANCE_VIOLATED
    assert 'right_j0' in result.error_string
