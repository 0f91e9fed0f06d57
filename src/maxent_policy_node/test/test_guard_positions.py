# SPDX-License-Identifier: Apache-2.0
"""The guard node of robots with position servos, over DDS: figures, IMU, tilt and stop."""

from dataclasses import asdict

from maxent_msgs.msg import AppliedCommand, SafetyStatus
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Empty, Float64MultiArray, UInt32
from std_srvs.srv import Trigger

from maxent_policy_node.guard_node import GuardNode
from maxent_robot.robots import DCLAW, MINITAUR
from maxent_robot.safety.flags import Flag
from maxent_robot.types import CommandMode, Level
from maxent_ros import conversions, qos, topics
from maxent_ros.parameters import ParameterError

PERIOD, POLICY_PERIOD = MINITAUR.guard_period_ns, MINITAUR.policy_period_ns


class Minitaur(Node):
    """Stands where it is told to, and publishes the next state once it is commanded."""

    def __init__(self, **kwargs) -> None:
        super().__init__('robot', **kwargs)
        self.stamp, self.limit, self.running = 0, 0, False
        self.pitch, self.effort = 0.0, np.zeros(8)
        self.q = MINITAUR.start.copy()
        self.modes: list[int] = []
        self.commands: list[Float64MultiArray] = []
        self.joints = self.create_publisher(JointState, topics.MINITAUR_JOINT, qos.COMMAND)
        self.imus = self.create_publisher(Imu, topics.MINITAUR_IMU, qos.COMMAND)
        self.create_subscription(
            Float64MultiArray, topics.MINITAUR_COMMAND, self._on_command, qos.COMMAND
        )
        self.create_subscription(
            UInt32, topics.MINITAUR_SET_BEHAVIOR_MODE,
            lambda message: self.modes.append(message.data), qos.EVENTS,
        )  # fmt: skip
        self.create_timer(0.05, lambda: self.publish() if self.running else None)

    def publish(self) -> None:
        self.publish_imu(self.stamp)
        self.publish_joints(self.stamp)

    def publish_joints(self, stamp: int) -> None:
        message = JointState(
            name=MINITAUR.joint_names,
            position=self.q.tolist(),
            velocity=[0.0] * 8,
            effort=self.effort.tolist(),
        )
        message.header.stamp = conversions.to_stamp(stamp)
        self.joints.publish(message)

    def publish_imu(self, stamp: int, **changes) -> None:
        message = Imu(**changes)
        message.orientation.w = float(np.cos(self.pitch / 2))
        message.orientation.y = float(np.sin(self.pitch / 2))
        message.header.stamp = conversions.to_stamp(stamp)
        self.imus.publish(message)

    def _on_command(self, message: Float64MultiArray) -> None:
        self.commands.append(message)
        self.q = np.array(message.data)
        answers = conversions.answered_stamp(message) == self.stamp
        if self.running and answers and self.stamp < self.limit:
            self.stamp += PERIOD
            self.publish()

    def answers(self) -> list[int]:
        return [conversions.answered_stamp(message) for message in self.commands]


class Graph:
    """Robot, guard and a policy that wants the robot to stand, and acts when it is due."""

    def __init__(self, ros, policy, **parameters) -> None:
        self.ros, self.policy = ros, policy
        self.robot = ros.add(Minitaur)
        self.guard = ros.add(GuardNode, parameters={'robot': 'minitaur', **parameters})
        publishers = (policy.actions, self.robot.joints, self.robot.imus)
        ros.spin_until(lambda: all(p.get_subscription_count() == 1 for p in publishers))
        ros.spin_until(lambda: self.robot.count_publishers(topics.MINITAUR_COMMAND) == 1)
        ros.spin_until(lambda: policy.status is not None)
        self.acted: int | None = None

    def act(self) -> None:
        self.acted = self.robot.stamp
        about = {'mode': CommandMode.POSITION, 'names': MINITAUR.joint_names}
        self.policy.act(self.acted, values=MINITAUR.start.copy(), **about)

    def run(self, seconds: float) -> None:
        """Play lock-step for so long of the robot's time."""
        robot = self.robot
        robot.limit = robot.stamp + round(seconds * 1e9) // PERIOD * PERIOD
        robot.running = True
        robot.publish()
        if self.acted is None:
            self.act()
        while robot.limit not in robot.answers()[-1:]:
            if robot.stamp - self.acted >= POLICY_PERIOD:
                self.act()
            self.ros.executor.spin_once(timeout_sec=0.05)

    def call(self, service: str) -> Trigger.Response:
        client = self.policy.create_client(Trigger, service)
        self.ros.spin_until(client.service_is_ready, reason=service)
        future = client.call_async(Trigger.Request())
        self.ros.spin_until(future.done, reason=service)
        return future.result()


@pytest.fixture
def graph(ros, policy) -> Graph:
    return Graph(ros, policy)


@pytest.mark.parametrize('spec', [MINITAUR, DCLAW], ids=lambda spec: spec.name)
def test_the_figures_of_the_robot_are_the_defaults_of_the_parameters(ros, spec) -> None:
    guard = ros.add(GuardNode, parameters={'robot': spec.name, 'safety.leash': 0.25})
    expected = asdict(spec.guard) | {'leash': 0.25}
    given = {name: guard.get_parameter(f'safety.{name}').value for name in expected}
    assert given == expected
    assert expected != asdict(type(spec.guard)())


def test_a_limit_of_attitude_is_refused_for_a_robot_that_tells_none(ros) -> None:
    with pytest.raises(ParameterError, match=r"attitude_limit .* 'dclaw'"):
        ros.add(GuardNode, parameters={'robot': 'dclaw', 'safety.attitude_limit': 0.5})


def test_every_state_is_answered_once_and_applied_commands_tell_the_last_set_point(
    ros, policy, graph
) -> None:
    applied: list[AppliedCommand] = []
    policy.create_subscription(AppliedCommand, topics.APPLIED_COMMAND, applied.append, qos.EVENTS)
    ros.spin_until(lambda: policy.count_publishers(topics.APPLIED_COMMAND) == 1)
    graph.robot.q = MINITAUR.start - 0.1
    graph.run(0.15)
    answers = list(dict.fromkeys(graph.robot.answers()))
    assert answers == list(range(0, graph.robot.limit + 1, PERIOD))
    ros.spin_until(lambda: len(applied) >= 3)
    by_stamp = dict(zip(graph.robot.answers(), graph.robot.commands, strict=True))
    assert applied[0].ticks == 8
    assert applied[0].command_mode == CommandMode.POSITION
    np.testing.assert_array_equal(applied[0].applied, by_stamp[7 * PERIOD].data)
    np.testing.assert_array_equal(applied[0].desired, MINITAUR.start)


def test_a_state_without_imu_is_not_answered(ros, graph) -> None:
    graph.act()
    graph.robot.publish_joints(0)
    graph.robot.publish_imu(-PERIOD)  # of another state
    for _ in range(10):
        ros.executor.spin_once(timeout_sec=0.02)
    assert graph.robot.commands == []
    assert graph.guard._guard.state is None
    graph.robot.publish_imu(0)
    ros.spin_until(lambda: graph.robot.answers() == [0])


def test_a_state_whose_imu_knows_no_orientation_is_refused(ros, policy, graph) -> None:
    graph.run(0.1)
    robot, answered = graph.robot, len(graph.robot.commands)
    robot.running = False
    stamp = robot.stamp + PERIOD
    covariance = [-1.0, *[0.0] * 8]
    robot.publish_imu(stamp, orientation_covariance=covariance)
    robot.publish_joints(stamp)
    ros.spin_until(lambda: policy.status.states_refused > 0)
    assert len(robot.commands) == answered
    robot.stamp, robot.running = stamp, True  # and repeats it, with a good orientation
    ros.spin_until(lambda: robot.answers()[-1] == stamp)


def test_in_real_time_states_without_fresh_imu_are_counted_and_brake(ros, policy) -> None:
    graph = Graph(ros, policy, pacing='realtime')
    for k in range(3):
        graph.robot.publish_joints(k * PERIOD)
        ros.spin_until(lambda k=k: graph.guard._states.incomplete == k + 1)
    assert graph.guard._guard.state is None
    graph.robot.publish_imu(3 * PERIOD)
    ros.executor.spin_once(timeout_sec=0.1)
    graph.robot.publish_joints(3 * PERIOD)
    ros.spin_until(lambda: graph.guard._guard.state is not None)
    graph.act()
    ros.spin_until(lambda: policy.status.level >= Level.DAMP, 20.0)
    assert policy.status.reason


def test_a_robot_that_tips_over_is_made_to_sit_down(ros, policy, graph) -> None:
    graph.run(0.2)
    graph.robot.pitch = 0.9
    graph.run(1.5)
    ros.spin_until(lambda: policy.status.level == Level.RELAX)
    assert policy.status.reason == 'tilted: by 0.90 rad'
    assert any(status.flags & Flag.TILTED for status in policy.statuses)
    np.testing.assert_allclose(graph.robot.q, MINITAUR.rest, atol=0.01)
    assert graph.robot.modes == [], 'it sits down by its own motors'
    graph.robot.pitch = 0.0
    graph.run(2.2)
    ros.spin_until(lambda: policy.status.level == Level.NORMAL)
    np.testing.assert_allclose(graph.robot.q, MINITAUR.start, atol=0.02)


def test_measured_efforts_reach_the_guard(ros, policy, graph) -> None:
    graph.run(0.1)
    guard = MINITAUR.guard
    graph.robot.effort[5] = -1.05 * guard.overload_effort
    graph.run(guard.overload_time + 0.2)
    ros.spin_until(lambda: policy.status.level == Level.RELAX)
    assert policy.status.reason.startswith('overload: 5 above')


def test_the_emergency_stop_lets_the_motors_go_and_clearing_it_engages_them(
    ros, policy, graph
) -> None:
    graph.run(0.1)
    button = policy.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
    ros.spin_until(lambda: button.get_subscription_count() == 1)
    button.publish(Empty())
    ros.spin_until(lambda: 0 in graph.robot.modes)
    statuses: list[SafetyStatus] = policy.statuses
    ros.spin_until(lambda: statuses[-1].level == Level.ESTOP)
    assert graph.call(topics.CLEAR_EMERGENCY_STOP_SERVICE).success
    ros.spin_until(lambda: graph.robot.modes[-1] == 1)
