# SPDX-License-Identifier: Apache-2.0
"""The guard over real DDS: what it lets through, when it stops, that it answers every state."""

import re
import subprocess
import sys

from intera_core_msgs.msg import JointCommand
from maxent_msgs.msg import AppliedCommand, SafetyStatus
import numpy as np
import pytest
from rclpy.node import Node
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from maxent_policy_node.guard_node import GuardNode
from maxent_robot.robots import SAWYER
from maxent_robot.types import CommandMode, Level
from maxent_ros import conversions, qos, topics
from maxent_ros.parameters import ParameterError
from maxent_ros.testing import RosFixture

PERIOD = SAWYER.guard_period_ns
POLICY_PERIOD = SAWYER.policy_period_ns


def _connect(ros: RosFixture, robot, policy, **parameters) -> GuardNode:
    guard = ros.add(GuardNode, parameters=parameters)
    ros.spin_until(lambda: policy.status is not None, reason='guard status')
    ros.spin_until(lambda: policy.actions.get_subscription_count() == 1, reason='action topic')
    ros.spin_until(lambda: robot.states.get_subscription_count() == 1, reason='state topic')
    ros.spin_until(lambda: robot.count_publishers(topics.JOINT_COMMAND) == 1)
    return guard


def _act_when_due(ros: RosFixture, robot, policy, until: int) -> None:
    """Play the policy in lock-step up to and including the state of stamp `until`."""
    acted = robot.stamp
    policy.act(acted)
    while robot.stamp < until or not robot.answers or robot.answers[-1] < until:
        ros.executor.spin_once(timeout_sec=0.05)
        if robot.stamp - acted >= POLICY_PERIOD:
            acted = robot.stamp
            policy.act(acted)


def _call(ros: RosFixture, node: Node, service: str) -> Trigger.Response:
    client = node.create_client(Trigger, service)
    ros.spin_until(client.service_is_ready, reason=service)
    future = client.call_async(Trigger.Request())
    ros.spin_until(future.done, reason=service)
    return future.result()


def test_it_asks_the_robot_for_rate_and_command_timeout(ros, robot, policy) -> None:
    _connect(ros, robot, policy)
    ros.spin_until(lambda: len(robot.settings) == 2)
    assert robot.settings == {'rate': 200, 'timeout': SAWYER.command_timeout_s}


def test_it_commands_nothing_before_the_first_action(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    for k in range(5):
        robot.publish(k * PERIOD)
        ros.spin_until(lambda k=k: guard._pacing.now_ns() == k * PERIOD)
    assert robot.commands == []
    assert guard._guard.idle


def test_in_lock_step_every_state_is_answered_exactly_once_in_order(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    robot.start(limit=40 * PERIOD)
    _act_when_due(ros, robot, policy, until=40 * PERIOD)
    stamps = [k * PERIOD for k in range(41)]
    assert list(dict.fromkeys(robot.answers)) == stamps
    assert guard._guard.counters.ticks == 41


def test_a_repeated_state_is_answered_by_the_same_command(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    robot.publish(0)
    ros.spin_until(lambda: guard._pacing._stamp == 0)
    policy.act(0)
    ros.spin_until(lambda: len(robot.commands) == 1)
    for count in (2, 3):
        robot.publish(0)
        ros.spin_until(lambda count=count: len(robot.commands) == count)
    assert guard._guard.counters.ticks == 1
    for command in robot.commands[1:]:
        np.testing.assert_array_equal(command.values, robot.commands[0].values)


def test_an_action_that_arrives_before_its_state_is_served_with_it(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    policy.act(0)
    ros.spin_until(lambda: guard._pacing._early is not None)
    robot.publish(0)
    ros.spin_until(lambda: robot.answers == [0])


def test_applied_commands_tell_the_mean_over_the_period(ros, robot, policy) -> None:
    applied: list[AppliedCommand] = []
    policy.create_subscription(AppliedCommand, topics.APPLIED_COMMAND, applied.append, qos.EVENTS)
    _connect(ros, robot, policy)
    ros.spin_until(lambda: policy.count_publishers(topics.APPLIED_COMMAND) == 1)
    robot.start(limit=10 * PERIOD)
    _act_when_due(ros, robot, policy, until=10 * PERIOD)
    ros.spin_until(lambda: applied)
    values = {c.stamp_ns: c.values for c in robot.commands}
    mean = np.mean([values[k * PERIOD] for k in range(10)], axis=0)
    assert (applied[0].seq, applied[0].ticks) == (1, 10)
    np.testing.assert_allclose(applied[0].applied, mean, rtol=1e-12)
    np.testing.assert_array_equal(applied[0].desired, np.full(7, 0.1))


def test_a_nan_never_reaches_the_robot(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    robot.start(limit=9 * PERIOD)
    _act_when_due(ros, robot, policy, until=9 * PERIOD)
    robot.limit = None
    robot.publish(9 * PERIOD)
    ros.spin_until(lambda: robot.stamp == 10 * PERIOD)
    values = np.full(7, 0.1)
    values[3] = np.nan
    policy.act(10 * PERIOD, values=values)
    ros.spin_until(lambda: guard._guard.counters.actions_refused > 0)
    assert robot.answers[-1] == 9 * PERIOD
    policy.act(10 * PERIOD)
    ros.spin_until(lambda: robot.answers[-1] >= 10 * PERIOD)
    assert all(np.isfinite(command.values).all() for command in robot.commands)


def test_a_second_session_is_refused_and_the_first_goes_on(ros, robot, policy, add_policy) -> None:
    guard = _connect(ros, robot, policy)
    other = add_policy('other')
    ros.spin_until(lambda: other.actions.get_subscription_count() == 1)
    robot.start(limit=5 * PERIOD)
    _act_when_due(ros, robot, policy, until=5 * PERIOD)
    other.act(5 * PERIOD, session='second')
    ros.spin_until(lambda: guard._guard.counters.actions_refused == 1)
    assert guard._guard.session_id == 'first'
    ros.spin_until(lambda: policy.status.actions_refused == 1)
    assert policy.status.session_id == 'first'


def test_an_action_of_unknown_mode_is_refused(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    message = conversions.PolicyAction(session_id='first', seq=1, command_mode=9)
    policy.actions.publish(message)
    ros.spin_until(lambda: guard._refusals)
    assert 'command mode 9 is unknown' in guard._refusals[-1][1]


@pytest.mark.parametrize('pacing', ['lockstep', 'realtime'])
def test_the_emergency_stop_topic_latches_and_stops_the_robot(ros, robot, policy, pacing) -> None:
    _connect(ros, robot, policy, pacing=pacing)
    button = policy.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
    ros.spin_until(lambda: button.get_subscription_count() == 1)
    button.publish(Empty())
    ros.spin_until(lambda: 'stop' in robot.calls)
    ros.spin_until(lambda: policy.status.level == Level.ESTOP)
    assert 'topic' in policy.status.reason


def test_the_emergency_stop_service_brakes_until_it_is_cleared(ros, robot, policy) -> None:
    _connect(ros, robot, policy)
    robot.start(limit=12 * PERIOD)
    _act_when_due(ros, robot, policy, until=5 * PERIOD)
    assert _call(ros, policy, topics.EMERGENCY_STOP_SERVICE).success
    ros.spin_until(lambda: 'stop' in robot.calls)
    # Stopped, the guard answers all states, so that simulated time goes on and the robot rests.
    ros.spin_until(lambda: robot.answers[-1] == 12 * PERIOD)
    ros.spin_until(lambda: policy.status.level == Level.ESTOP)
    cleared = _call(ros, policy, topics.CLEAR_EMERGENCY_STOP_SERVICE)
    assert cleared.success, cleared.message
    ros.spin_until(lambda: robot.calls[-2:] == ['reset', 'enable'])
    robot.limit = None
    ros.spin_until(lambda: policy.status.level < Level.ESTOP)


def test_an_emergency_stop_before_the_first_action_can_be_cleared(ros, robot, policy) -> None:
    _connect(ros, robot, policy)
    robot.start(limit=0)
    _call(ros, policy, topics.EMERGENCY_STOP_SERVICE)
    ros.spin_until(lambda: policy.status.level == Level.ESTOP)
    ros.spin_until(lambda: _call(ros, policy, topics.CLEAR_EMERGENCY_STOP_SERVICE).success)
    ros.spin_until(lambda: policy.status.level == Level.NORMAL)
    policy.act(0)
    ros.spin_until(lambda: robot.answers)


def test_the_stop_is_not_cleared_while_the_robot_moves(ros, robot, policy) -> None:
    guard = _connect(ros, robot, policy)
    robot.publish(0, velocity=np.full(7, 0.3))
    ros.spin_until(lambda: guard._pacing._stamp == 0)
    _call(ros, policy, topics.EMERGENCY_STOP_SERVICE)
    cleared = _call(ros, policy, topics.CLEAR_EMERGENCY_STOP_SERVICE)
    assert not cleared.success
    assert 'moves' in cleared.message
    assert 'enable' not in robot.calls


class _Ticker(Node):
    """Publishes states at 200 Hz of robot time, as a robot does that waits for nobody."""

    def __init__(self, robot, factor: float, **kwargs) -> None:
        super().__init__('ticker', **kwargs)
        self.robot, self.factor = robot, factor
        self.begin = self.get_clock().now().nanoseconds
        self.create_timer(PERIOD * 1e-9 / factor, self.tick)

    def tick(self) -> None:
        elapsed = self.get_clock().now().nanoseconds - self.begin
        self.robot.stamp = round(elapsed * self.factor)
        self.robot.publish(self.robot.stamp)


def test_in_real_time_silence_is_held_then_damped(ros, robot, policy) -> None:
    factor = 0.1  # slow, so that the jitter of a busy test machine is small against the ladder
    parameters = {'real_time_factor': factor, 'safety.state_period': 0.1}
    guard = _connect(ros, robot, policy, pacing='realtime', **parameters)
    ros.add(_Ticker, robot, factor)
    ros.spin_until(lambda: guard._guard.state is not None)
    policy.act(robot.stamp, torque=0.5)
    ros.spin_until(lambda: robot.commands)

    def reasons() -> list[str]:
        return [status.reason for status in policy.statuses]

    ros.spin_until(lambda: any(text.startswith('action_lost') for text in reasons()), 20.0)
    held = next(k for k, text in enumerate(reasons()) if text.startswith('action_late'))
    lost = next(k for k, text in enumerate(reasons()) if text.startswith('action_lost'))
    assert held < lost
    assert (policy.statuses[held].level, policy.statuses[lost].level) == (Level.HOLD, Level.DAMP)
    age_ms = int(re.search(r'(\d+) ms old', reasons()[lost]).group(1))
    assert age_ms > 150  # never too early; how late it can come is measured in benchmarks/


def test_the_real_time_loop_reports_its_lateness(ros, robot, policy) -> None:
    _connect(ros, robot, policy, pacing='realtime')
    ros.spin_until(lambda: policy.status.ticks > 20 and policy.status.lateness_p99_us > 0.0)


def test_a_second_publisher_on_the_command_topic_stops_the_service_of_actions(
    ros, robot, policy
) -> None:
    guard = _connect(ros, robot, policy)
    rogue = policy.create_publisher(JointCommand, topics.JOINT_COMMAND, qos.COMMAND)
    ros.spin_until(lambda: guard._foreign == 1)
    robot.publish(0)
    policy.act(0)
    ros.spin_until(lambda: guard._refusals)
    assert '1 foreign publishers' in guard._refusals[-1][1]
    assert robot.commands == []
    policy.destroy_publisher(rogue)
    ros.spin_until(lambda: guard._foreign == 0)
    policy.act(0)
    ros.spin_until(lambda: robot.answers == [0])


def test_two_guards_in_two_namespaces_do_not_meet(ros, robot, policy) -> None:
    _connect(ros, robot, policy)
    seen: list[SafetyStatus] = []
    policy.create_subscription(SafetyStatus, '/left/guard/status', seen.append, qos.LATCHED)
    left = ros.add(GuardNode, namespace='/left')
    ros.spin_until(lambda: seen)
    robot.publish(0)
    policy.act(0)
    ros.spin_until(lambda: robot.answers == [0])
    assert left._guard.idle


def test_an_unknown_safety_figure_is_refused(ros) -> None:
    with pytest.raises(ParameterError, match=r'safety\.slew_rat'):
        ros.add(GuardNode, parameters={'safety.slew_rat': 10.0})


def test_a_position_command_fills_the_position_field(ros, robot, policy) -> None:
    _connect(ros, robot, policy)
    robot.publish(0)
    policy.act(0, mode=CommandMode.POSITION, values=SAWYER.start.copy())
    ros.spin_until(lambda: robot.commands)
    assert robot.commands[0].mode is CommandMode.POSITION


def test_the_guard_imports_no_torch() -> None:
    code = 'import sys, maxent_policy_node.guard_node; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
