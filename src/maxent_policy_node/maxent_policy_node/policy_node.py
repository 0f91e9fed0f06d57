# SPDX-License-Identifier: Apache-2.0
"""The policy node: a lifecycle node that acts on the arrival of joint states.

Configure loads and checks, activate acts (acting.py), deactivate stops acting, cleanup forgets.
rclpy swallows exceptions of transitions, so each is logged here and turned into FAILURE or ERROR.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import sys
import traceback
import uuid

from maxent_msgs.msg import SafetyStatus
import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from maxent_policy_node.acting import Acting, made_up_probes
from maxent_policy_node.acting_policy import ActingPolicy
from maxent_policy_node.policy_config import PolicyConfig
from maxent_policy_node.recorder_watch import RecorderWatch
from maxent_policy_node.skill_library import Loaded, SkillLibrary
from maxent_policy_node.skill_services import SkillServices
from maxent_policy_node.weights_feed import WeightsFeed
from maxent_policy_node.weights_worker import Verdict
from maxent_rl.acceptance import PolicySpec
from maxent_rl.runner import configure_torch
from maxent_rl.verification import Verifier, find_verifier
from maxent_robot.policy_switch import GuardReport, PolicySwitch
from maxent_robot.robots import get_robot
from maxent_robot.tasks import TASKS, Task, make_task
from maxent_robot.types import Level
from maxent_ros import qos, topics
from maxent_ros.diagnostics import Diagnostics, Health, Report
from maxent_ros.lean_node import LeanLifecycleNode
from maxent_ros.parameters import ParameterError, declare, refuse_unknown
from maxent_ros.runtime import run_node

SILENT_S = 2.0  # a learner not heard for so long is reported


class PolicyNode(LeanLifecycleNode):
    """Turns joint states into actions, with a skill or with what the learner sends."""

    def __init__(self, **kwargs: object) -> None:
        """Declare the parameters and listen for the guard.

        Raises:
            ParameterError: a parameter is wrong, or the task refuses its options.
        """
        super().__init__('policy', **kwargs)
        configure_torch()
        self.config = declare(self, PolicyConfig)
        self.spec = get_robot(self.config.robot)
        self.task = self._make_task()
        self._who = self._nobody()
        self._verify = self._find_verifier()
        skills = Path(self.config.skills_dir)
        self._library = SkillLibrary(skills, self.spec, self.task, self._verify)
        self._skills = SkillServices(self, self._library, self)
        self._stopped = False  # emergency stop
        self._acting: Acting | None = None
        self._feed: WeightsFeed | None = None
        self._recorder: RecorderWatch | None = None
        self._session = ''
        self._served = False  # the guard has served this session
        self._guard_seen = False
        self._rejection = ''
        self._ended = ''  # why acting ended by itself
        self.create_subscription(SafetyStatus, topics.SAFETY_STATUS, self._on_guard, qos.LATCHED)
        Diagnostics(self, 'policy', self._report, hardware_id=self.spec.name)
        if self.config.autostart:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._autostart_timer = self.create_timer(0.1, self._autostart, clock=steady)

    def close(self) -> None:
        """Stop acting at the end of the process."""
        self._stop_acting()
        self._skills.close()

    # --- transitions -----------------------------------------------------------------------

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load the skill, if one is named, and check that it fits."""
        return self._attempt('configure', self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to act."""
        result = self._attempt('activate', self._activate)
        if result is not TransitionCallbackReturn.SUCCESS:
            return result
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting; the guard slows the robot down."""
        result = self._attempt('deactivate', self._stop_acting)
        if result is not TransitionCallbackReturn.SUCCESS:
            return result
        return super().on_deactivate(state)

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the policy."""
        return self._attempt('clean up', self._forget)

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting for good."""
        return self._attempt('shut down', self._forget)

    def on_error(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after a failed transition."""
        return self._attempt('recover', self._forget)

    def _attempt(self, what: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except ValueError as error:  # bad input: say what, stay in the state before
            self.get_logger().error(f'cannot {what}: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().error(f'cannot {what}:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._rejection, self._ended = '', ''
        if self.config.skill:
            probes = made_up_probes(self.task.layout.size)
            self._who.swap(self._library.load(self.config.skill, probes), 0.0)

    def _activate(self) -> None:
        self._session, self._served, self._ended = uuid.uuid4().hex, False, ''
        about = self.config, self.spec, self.task, self._session
        acting = Acting(self, *about, self._on_end, self._roll_back)
        self._acting = acting
        if self.config.wait_for_recorder:
            self._recorder = RecorderWatch(self, self._hand_over)
        self._hand_over()
        if not self.config.skill:
            task, config = self.task, self.config
            sizes = task.layout.size, task.mapping.size, config.hidden_sizes
            spec = PolicySpec(*sizes, config.algorithm, task.layout.image)
            self._feed = WeightsFeed(
                self, spec, task.layout.hash, acting.probes, self._on_verdict, self._verify
            )

    def _stop_acting(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self._acting is not None:
            self._acting.close()
            self._acting = None

    def _forget(self) -> None:
        self._stop_acting()
        self._who = self._nobody()

    def _autostart(self) -> None:
        """Configure and activate once the guard is there; a failure ends the process."""
        if not self._guard_seen:
            return
        self.destroy_timer(self._autostart_timer)
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() is not TransitionCallbackReturn.SUCCESS:
                raise ParameterError('the policy node cannot start: see the error above')

    # --- events ----------------------------------------------------------------------------

    def _on_guard(self, status: SafetyStatus) -> None:
        self._guard_seen = True
        self._stopped = status.level == Level.ESTOP
        report = GuardReport(Level(status.level), status.ticks, status.interventions)
        self._who.on_guard(report)
        self._roll_back()
        acting = self._acting
        if acting is None:
            return
        if status.level == Level.ESTOP:
            acting.pause('emergency stop')
            return
        acting.resume()
        if status.session_id == self._session:
            self._served = True
        elif self._served and status.idle:
            self._served = False
            acting.abort('the guard was restarted')

    def _on_verdict(self, verdict: Verdict) -> None:
        if verdict.policy is None:
            self._rejection = f'version {verdict.version}: {verdict.reason}'
            self.get_logger().error(
                f"version {verdict.version} of run '{verdict.run_id}': {verdict.reason}",
                throttle_duration_sec=1.0,
            )
            return
        self._rejection = ''
        self._who.learn(verdict.policy, verdict.run_id, verdict.version)
        self._hand_over()

    def _roll_back(self) -> None:
        """Return to the last good policy if the new one misbehaves."""
        reason = self._who.roll_back()
        if reason is not None:
            self._rejection = reason
            self.get_logger().error(f'swap undone, {reason}')
            self._hand_over()

    def _hand_over(self) -> None:
        if self._recorder is not None and not self._recorder.ready:
            return
        if self._acting is not None and self._who.policy is not None:
            self._acting.set_policy(self._who.policy)

    # --- what the services need (skill_services.Host) ----------------------------------------

    def acting_name(self) -> tuple[str, int]:
        """Name and version of what acts; empty and 0 if nothing does."""
        policy = self._who.policy
        return ('', 0) if policy is None else (policy.name, policy.version)

    def probes(self) -> NDArray[np.float32]:
        """Recent observations (k, n), made up before there are any."""
        size = self.task.layout.size
        return made_up_probes(size) if self._acting is None else self._acting.probes()

    def obstacle(self) -> str:
        """Why nothing may be swapped now."""
        if self._stopped:
            return 'emergency stop: clear it first (`maxent stop --clear`)'
        if self._acting is None:
            return f'the policy node does not act: {self._ended or "activate it first"}'
        return ''

    def swap(self, loaded: Loaded, blend_s: float) -> int:
        """Let a policy act from the next action on."""
        version = self._who.swap(loaded, blend_s)
        self._rejection = ''
        self._hand_over()
        self.get_logger().info(
            f"'{loaded.name}' acts as version {version}, blended in over {blend_s:.2f} s"
        )
        return version

    # --- ends ----------------------------------------------------------------------------------

    def _on_end(self, reason: str, fault: bool) -> None:
        self._ended = reason
        if fault:
            self.get_logger().error(f'stopped acting: {reason}')
        else:
            self.get_logger().info(f'stopped acting: {reason}')
        self.trigger_deactivate()

    # --- set-up and reports ------------------------------------------------------------------

    def _nobody(self) -> ActingPolicy:
        config, size = self.config, self.task.mapping.size
        switch = PolicySwitch(size, self.spec.policy_period_ns * 1e-9, config.probation)
        return ActingPolicy(switch, config.seed, config.deterministic, not config.skill)

    def _find_verifier(self) -> Verifier:
        try:
            return find_verifier(self.config.verifier)
        except ValueError as error:
            raise ParameterError(f'parameter verifier: {error}') from error

    def _make_task(self) -> Task:
        options = declare(self, TASKS[self.config.task], prefix='task.')
        refuse_unknown(self, 'task.')
        try:
            return make_task(self.spec, self.config.task, **vars(options))
        except ValueError as error:
            raise ParameterError(str(error)) from error

    def _report(self) -> Report:
        acting, policy = self._acting, self._who.policy
        values: dict[str, object] = {
            'task': self.task.name,
            'policy': '' if policy is None else policy.name,
            'version': '' if policy is None else policy.version,
            'rejected': self._rejection,
        }
        if acting is None:
            return Report(Health.OK, f'not acting {self._ended}'.strip(), values)
        silence = acting.learner_age_s()
        values |= {
            'episode': acting.actor.episode,
            'episodes complete': acting.actor.completed,
            'steps': acting.steps,
            'states refused': acting.actor.states_refused,
            'states incomplete': acting.incomplete_states,
            'last abort': acting.actor.abort_reason or '',
            'learner silent (s)': '' if silence is None else f'{silence:.1f}',
        }
        if self._rejection:
            return Report(Health.ERROR, f'weights rejected: {self._rejection}', values)
        if policy is None:
            return Report(Health.WARN, 'waiting for the first weights', values)
        if self._recorder is not None and not self._recorder.ready:
            return Report(Health.WARN, 'waiting for the recorder', values)
        if not self.config.skill and (silence is None or silence > SILENT_S):
            return Report(Health.WARN, 'the learner is silent', values)
        return Report(Health.OK, 'acting', values)


def main() -> int:
    """Run the policy node as a process."""
    return run_node(PolicyNode)


if __name__ == '__main__':
    sys.exit(main())
