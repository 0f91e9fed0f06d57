# SPDX-License-Identifier: Apache-2.0
"""What exists only while the policy node is active: its ears and hands, and the episode actor.

Because the subscriptions are made here and destroyed by `close`, nothing reaches a policy node
that is not active (rclpy's lifecycle nodes gate only publishers).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import time

from geometry_msgs.msg import PoseStamped
from maxent_msgs.msg import AppliedCommand, LearnerStatus, PolicyAction, Step
import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode

from maxent_policy_node.learner_pace import LearnerPace
from maxent_policy_node.policy_config import PolicyConfig
from maxent_policy_node.reset_client import ResetClient
from maxent_robot.episode import (
    ActivePolicy,
    AnnounceGoal,
    EmitStep,
    EpisodeActor,
    Fault,
    Output,
    RequestReset,
    SendAction,
    StepRecord,
)
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks import Task
from maxent_robot.types import JointSample
from maxent_ros import conversions, qos, topics
from maxent_ros.robot_topics import StateSource

ACKNOWLEDGE_S = 5.0  # Fast DDS asks readers every 3 s what they have missed
PROBES = 64  # recent observations kept for trial runs of new weights
WORKING = (LearnerStatus.WAITING, LearnerStatus.COLLECTING, LearnerStatus.TRAINING)


def made_up_probes(size: int) -> NDArray[np.float32]:
    """Return observations (k, size) for a trial run before there are any."""
    return np.random.default_rng(0).standard_normal((8, size)).astype(np.float32)


class Acting:
    """Feeds the episode actor with what ROS brings and carries out what it wants."""

    def __init__(
        self,
        node: LifecycleNode,
        config: PolicyConfig,
        spec: RobotSpec,
        task: Task,
        session_id: str,
        on_end: Callable[[str, bool], None],
        on_action: Callable[[], None],
    ) -> None:
        """Open the topics.

        Args:
            node: Owns them.
            config: Of the node.
            spec: Of the robot.
            task: To act in.
            session_id: Under which the guard serves this activation.
            on_end: Called with why acting is over and whether that is a fault.
            on_action: Called after each action.
        """
        self._node, self._config = node, config
        self._on_end, self._on_action = on_end, on_action
        self._pace = LearnerPace(config.max_steps_ahead)
        self._probes: deque[NDArray[np.float32]] = deque(maxlen=PROBES)
        self._observation_size = task.layout.size
        self._paused = False
        self._learner_s: float | None = None
        self.steps = 0
        self.actor = EpisodeActor(
            spec,
            task,
            config.seed,
            config.reset,
            session_id=session_id,
            pacing=config.pacing,
            max_episodes=config.episodes if config.episodes > 0 else None,
        )
        self._actions = node.create_publisher(PolicyAction, topics.POLICY_ACTION, qos.RECORDED)
        self._steps = node.create_publisher(Step, topics.STEP, qos.EXPERIENCE)
        self._goals = node.create_publisher(PoseStamped, topics.GOAL, qos.LATCHED)
        self._resets = ResetClient(node, spec.joint_names, self._on_reset_done)
        self._subscriptions = [
            node.create_subscription(
                AppliedCommand, topics.APPLIED_COMMAND, self._on_applied, qos.EVENTS
            ),
            node.create_subscription(
                LearnerStatus, topics.LEARNER_STATUS, self._on_learner, qos.LATCHED
            ),
        ]
        lockstep = config.pacing == 'lockstep'
        self._states = StateSource(node, spec, task.signals, self._on_state, lockstep=lockstep)
        self.actor.hold_back = config.wait_for_learner != 'off'

    def close(self) -> None:
        """Stop acting; the guard then slows the robot down."""
        self._states.close()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._resets.close()
        for publisher in (self._actions, self._steps, self._goals):
            self._node.destroy_publisher(publisher)

    def set_policy(self, policy: ActivePolicy) -> None:
        """Let this policy act from the next action on."""
        self.actor.policy = policy

    def abort(self, reason: str) -> None:
        """Give up the episode; the next state begins another one."""
        self._resets.cancel()
        self.actor.abort(reason)

    def pause(self, reason: str) -> None:
        """Give up the episode and ignore states until `resume`."""
        if not self._paused:
            self._paused = True
            self.abort(reason)

    def resume(self) -> None:
        """Begin a new episode with the next state."""
        self._paused = False

    def probes(self) -> NDArray[np.float32]:
        """Return recent observations (k, n); made-up ones before the first."""
        recent = list(self._probes)
        return np.stack(recent) if recent else made_up_probes(self._observation_size)

    @property
    def incomplete_states(self) -> int:
        """Joint states that could not be used for want of another signal."""
        return self._states.incomplete

    def learner_age_s(self) -> float | None:
        """Seconds since the learner was heard, None if it never was."""
        return None if self._learner_s is None else time.monotonic() - self._learner_s

    @property
    def waiting_for_learner(self) -> bool:
        """Whether actions are held back."""
        return self.actor.hold_back

    def _on_state(self, sample: JointSample) -> None:
        if not self._paused:
            self._follow(self.actor.on_state(sample))

    def _on_applied(self, message: AppliedCommand) -> None:
        self._follow(self.actor.on_applied(conversions.to_applied_action(message)))

    def _on_reset_done(self, stamp_ns: int) -> None:
        self._follow(self.actor.on_reset_done(stamp_ns))

    def _on_learner(self, status: LearnerStatus) -> None:
        self._learner_s = time.monotonic()
        working = status.state in WORKING
        rebased = self._pace.rebased
        self._pace.on_status(status.run_id, status.steps, working, self._learner_s)
        if self._pace.rebased != rebased:
            self._node.get_logger().warning('the learner lost some steps; going on without them')
        self._follow([])

    def _follow(self, outputs: list[Output]) -> None:
        """Carry out what the actor wants, then let it act on if the learner keeps up."""
        self._carry_out(outputs)
        actor, config = self.actor, self._config
        if config.wait_for_learner == 'off' or actor.done:
            return
        if config.pacing == 'realtime':  # the actor heeds it only between episodes
            actor.hold_back = self._pace.must_wait
        elif actor.hold_back and not self._pace.must_wait:
            self._carry_out(actor.release())
            # Held again before the next step is emitted, so that its action waits for the count.
            actor.hold_back = config.wait_for_learner == 'step' or actor.hold_back

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case SendAction(action):
                    self._actions.publish(conversions.from_action_sample(action))
                    self._on_action()
                case EmitStep(step):
                    self._emit(step)
                case AnnounceGoal(goal):
                    self._announce(goal)
                    self.actor.hold_back = self._config.wait_for_learner != 'off'
                case RequestReset():
                    self._resets.request(output)
                case Fault(reason):
                    self._on_end(reason, True)
                    return
        if outputs and self.actor.done:
            # Its publisher goes now: what a busy reader has missed could not be repeated later.
            self._steps.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_S))
            self._on_end(f'{self.actor.completed} episodes are complete', False)

    def _emit(self, step: StepRecord) -> None:
        self._probes.append(step.observation)
        if self._config.publish_steps:
            self._steps.publish(conversions.from_step_record(step))
        if step.index == 0:
            return
        self.steps += 1
        self._pace.on_sent()

    def _announce(self, goal: NDArray[np.float64]) -> None:
        message = PoseStamped()
        message.header.frame_id = 'base'
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.pose.position.x, message.pose.position.y, message.pose.position.z = goal.tolist()
        message.pose.orientation.w = 1.0
        self._goals.publish(message)
