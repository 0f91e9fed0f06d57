# SPDX-License-Identifier: Apache-2.0
"""The guard node: sole publisher of the robot's command topic. Imports no torch.

A thin shell around `maxent_robot.safety.guard.Guard`: callbacks convert and hand over to the
pacing (lock_step.py or real_time_loop.py), whose results are published here and nowhere else.
"""

from __future__ import annotations

from collections import deque
import sys

from maxent_msgs.msg import AppliedCommand, PolicyAction, SafetyStatus
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from maxent_policy_node.guard_config import GuardNodeConfig
from maxent_policy_node.lateness import LatenessSummary
from maxent_policy_node.lock_step import LockStep
from maxent_policy_node.real_time_loop import RealTimeLoop
from maxent_policy_node.robot_ports import open_port
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.robots import get_robot
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.types import JointSample, Level
from maxent_ros import conversions, qos, topics
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.lean_node import LeanNode
from maxent_ros.parameters import ParameterError, declare, refuse_unknown
from maxent_ros.robot_topics import StateSource
from maxent_ros.runtime import run_node

STATUS_HZ = 10.0
CHECK_HZ = 2.0


class GuardNode(LeanNode):
    """Stands between policy and robot."""

    def __init__(self, **kwargs: object) -> None:
        """Open the robot's topics and start ticking; nothing is commanded before a first action.

        Raises:
            ParameterError: a parameter is wrong.
        """
        super().__init__('guard', **kwargs)
        self.config = declare(self, GuardNodeConfig)
        spec = get_robot(self.config.robot)
        self._names = list(spec.joint_names)
        self._guard = self._make_guard(spec)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._level, self._reason, self._flags = Level.NORMAL, '', 0
        self._reported = Level.NORMAL
        self._foreign = 0  # publishers on the command topic besides this one
        self._refusals: deque[tuple[str, str]] = deque(maxlen=8)
        self._lateness = LatenessSummary()
        self._applied = self.create_publisher(AppliedCommand, topics.APPLIED_COMMAND, qos.EVENTS)
        self._status = self.create_publisher(SafetyStatus, topics.SAFETY_STATUS, qos.LATCHED)
        self._level_changed = self.create_guard_condition(self._on_level_changed)
        lockstep = self.config.pacing == 'lockstep'
        # In lock-step time waits for every message, so that none need be lost to a recorder.
        self._port = open_port(self, spec, qos.RECORDED if lockstep else qos.COMMAND)
        self._pacing: LockStep | RealTimeLoop
        if lockstep:
            self._pacing = LockStep(self._guard, self._emit, self._port.send, self._refuse)
        else:
            self._pacing = RealTimeLoop(
                self._guard,
                self._emit,
                self._refuse,
                spec.guard_period_ns,
                self.config.real_time_factor,
            )
        signals = spec.guard_signals
        self._states = StateSource(self, spec, signals, self._on_state, lockstep=lockstep)
        self._listen()
        Diagnostics(self, 'safety', self._report, hardware_id=spec.name)
        self._publish_status()
        self._pacing.start()

    def close(self) -> None:
        """Stop ticking; the robot then falls back to its own hold."""
        self._pacing.stop()

    def _make_guard(self, spec: RobotSpec) -> Guard:
        """Make the guard; its figures are the robot's own unless parameters say otherwise."""
        figures = declare(self, GuardConfig, prefix='safety.', defaults=spec.guard)
        refuse_unknown(self, 'safety.')
        try:
            return Guard(spec, figures)
        except ValueError as error:
            raise ParameterError(f'safety: {error}') from error

    def _listen(self) -> None:
        self.create_subscription(PolicyAction, topics.POLICY_ACTION, self._on_action, qos.COMMAND)
        self.create_subscription(
            Empty, topics.EMERGENCY_STOP, lambda _: self._stop('topic'), qos.EVENTS
        )
        self.create_service(Trigger, topics.EMERGENCY_STOP_SERVICE, self._on_stop_service)
        self.create_service(Trigger, topics.CLEAR_EMERGENCY_STOP_SERVICE, self._on_clear_service)
        self.create_timer(1.0 / STATUS_HZ, self._on_status_timer, clock=self._steady)
        self.create_timer(1.0 / CHECK_HZ, self._check_publishers, clock=self._steady)

    # --- in: robot, policy, people ---------------------------------------------------------

    def _on_state(self, sample: JointSample) -> None:
        self._pacing.on_state(sample)

    def _on_action(self, message: PolicyAction) -> None:
        if self._foreign:
            self._refuse('action', f'{self._foreign} foreign publishers on the command topic')
            return
        try:
            action = conversions.to_action_sample(message)
        except ValueError as error:
            self._refuse('action', str(error))
            return
        self._pacing.on_action(action)

    def _stop(self, source: str) -> None:
        self._pacing.estop(source)
        self._port.stop()

    def _on_stop_service(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._stop('service')
        response.success, response.message = True, 'emergency stop latched'
        return response

    def _on_clear_service(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success, response.message = self._pacing.clear_estop()
        if response.success:
            self._port.release()
        return response

    # --- out: called by the pacing, in real time from its thread; never logs -----------------

    def _emit(self, result: TickResult) -> None:
        """The only way to the robot."""
        if result.command is not None:
            self._port.send(result.command)
        if result.finished is not None:
            self._applied.publish(conversions.from_applied_action(result.finished, self._names))
        self._flags |= result.flags
        self._reason = result.reason
        if result.level is not self._level:
            self._level = result.level
            if result.level is Level.ESTOP:
                self._port.stop()
            self._level_changed.trigger()

    def _refuse(self, what: str, reason: str) -> None:
        self._refusals.append((what, reason))

    # --- watching, in the ROS thread ---------------------------------------------------------

    def _on_level_changed(self) -> None:
        level, reason = self._level, self._reason
        if level is self._reported:
            return
        self._reported = level
        self._publish_status()
        text = f'level {level.name}: {reason}' if reason else f'level {level.name}'
        if level >= Level.DAMP:
            self.get_logger().error(text)
        else:
            self.get_logger().info(text)

    def _on_status_timer(self) -> None:
        if isinstance(self._pacing, RealTimeLoop) and self._pacing.error is not None:
            raise RuntimeError('the control loop has died') from self._pacing.error
        self._publish_status()
        if self._refusals:
            what, reason = self._refusals[-1]
            self._refusals.clear()
            self.get_logger().warning(f'{what} refused: {reason}', throttle_duration_sec=1.0)

    def _publish_status(self) -> None:
        counters, flags = self._guard.counters, self._flags
        self._flags = 0
        status = SafetyStatus(
            level=int(self._level),
            idle=self._guard.idle,
            reason=self._reason,
            session_id=self._guard.session_id,
            flags=int(flags),
            ticks=counters.ticks,
            interventions=counters.interventions,
            overruns=counters.overruns,
            actions_accepted=counters.actions_accepted,
            actions_refused=counters.actions_refused,
            states_refused=counters.states_refused,
            lateness_p50_us=self._lateness.p50_us,
            lateness_p99_us=self._lateness.p99_us,
            lateness_p999_us=self._lateness.p99_9_us,
        )
        status.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(status)

    def _check_publishers(self) -> None:
        """S24: while somebody else commands the robot, no action is served, so DAMP follows."""
        self._lateness = self._pacing.lateness()
        foreign = self._port.command_publishers() - 1
        if foreign > 0 and self._foreign == 0:
            self.get_logger().error(
                f'{foreign} other publishers on the robot command topic: only the guard may '
                'command the robot; no action is served until they are gone'
            )
        self._foreign = max(0, foreign)

    def _report(self) -> Report:
        late, counters = self._lateness, self._guard.counters
        values = {
            'session': self._guard.session_id,
            'ticks': counters.ticks,
            'gaps': counters.gaps,
            'interventions': counters.interventions,
            'duplicates': counters.duplicates,
            'actions refused': counters.actions_refused,
            'states refused': counters.states_refused,
            'states incomplete': self._states.incomplete,
            'real-time priority': getattr(self._pacing, 'real_time_priority', False),
            'lateness p50 (us)': f'{late.p50_us:.1f}',
            'lateness p99 (us)': f'{late.p99_us:.1f}',
            'lateness p99.9 (us)': f'{late.p99_9_us:.1f}',
            'lateness max (us)': f'{late.max_us:.1f}',
        }
        if self._foreign:
            return Report(Health.ERROR, f'{self._foreign} foreign command publishers', values)
        if self._level >= Level.DAMP:
            return Report(Health.ERROR, f'{self._level.name}: {self._reason}', values)
        if self._guard.idle:
            return Report(Health.OK, 'idle: no action has been accepted', values)
        health = Health.OK if self._level is Level.NORMAL else Health.WARN
        return Report(health, self._reason or 'serving', values)


def main() -> int:
    """Run the guard as a process."""
    return run_node(GuardNode)


if __name__ == '__main__':
    sys.exit(main())
