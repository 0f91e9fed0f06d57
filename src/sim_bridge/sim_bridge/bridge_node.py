# SPDX-License-Identifier: Apache-2.0
"""The node `sim_bridge`: a simulated robot on the topics of the real one.

The control loop runs in the main thread, on the monotonic clock or in lock-step with the
commands (docs/design.md); callbacks run in the executor's thread. One lock guards the simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import sys
import threading
import time
from typing import Any

from geometry_msgs.msg import PoseStamped
from maxent_msgs.srv import ResetSimulation
import numpy as np
from rclpy.node import Node

from maxent_robot.option_texts import parse_options
from maxent_robot.types import NANOSECONDS, Vector
from maxent_ros import parameters, qos, topics
from maxent_ros.conversions import to_stamp
from maxent_ros.runtime import run_node
from sim_bridge.bridge_topics import RobotTopics, listen
from sim_bridge.dclaw_topics import DClawTopics
from sim_bridge.direct_subscription import DirectSubscription
from sim_bridge.minitaur_topics import MinitaurTopics
from sim_bridge.robot_simulation import RobotSimulation
from sim_bridge.sawyer_topics import SawyerTopics
from sim_bridge.simulations import SIMULATIONS, make_simulation
from sim_bridge.trajectory_action import TrajectoryAction

REPEAT_S = 0.05  # wall time after which an unanswered state is published again
SOONEST_ANSWER_S = 200e-6  # a round trip through the guard takes twice that on an idle machine
MOST_LATE_S = 0.1  # real time lost beyond this is not caught up
NEUTRAL_NOISE = 0.05  # rad, around the neutral pose when no pose is given
BASE_FRAME = 'base'
TOPICS: dict[str, Callable[[Node, Any], RobotTopics]] = {
    'sawyer': SawyerTopics,
    'minitaur': MinitaurTopics,
    'dclaw': DClawTopics,
}


@dataclass(frozen=True)
class BridgeConfig:
    """Parameters of the node."""

    robot: str = field(
        default='sawyer', metadata={'doc': 'robot to simulate', 'choices': tuple(SIMULATIONS)}
    )
    pacing: str = field(
        default='lockstep',
        metadata={
            'doc': 'time waits for a command per state, or runs by itself',
            'choices': ('lockstep', 'realtime'),
        },
    )
    real_time_factor: float = field(
        default=1.0,
        metadata={
            'doc': 'simulated seconds per second in pacing realtime',
            'minimum': 0.01,
            'maximum': 100.0,
        },
    )
    seed: int = field(
        default=0, metadata={'doc': 'of the noise of the pose at the start', 'minimum': 0}
    )
    world: tuple[str, ...] = field(
        default=(),
        metadata={'doc': "what is varied, as 'name=value', such as 'terrain=slope'"},
    )


class BridgeNode(Node):
    """A robot in MuJoCo. `run` must be called from a thread of its own while the node is spun."""

    def __init__(self, **node_options: Any) -> None:
        """Declare parameters and offer topics, service and action."""
        super().__init__('sim_bridge', **node_options)
        self.config = parameters.declare(self, BridgeConfig)
        self._lock = threading.RLock()
        self._simulation = self._make_simulation()
        self._simulation.reset(self._neutral(self.config.seed), seed=self.config.seed)
        self._topics = TOPICS[self.config.robot](self, self._simulation)
        action = self._topics.trajectory
        self._trajectory = TrajectoryAction(self, self._simulation, action, self._lock)
        self._commands = DirectSubscription(self, *self._topics.command, qos.COMMAND)
        self._topics.listen(self._lock)
        listen(self, self._lock, PoseStamped, topics.GOAL, qos.LATCHED, self._on_goal)
        self.create_service(ResetSimulation, topics.RESET_SIMULATION, self._on_reset)
        robot = self._simulation.robot
        self._period_s = robot.guard_period_ns / NANOSECONDS
        self._next_s = time.monotonic()  # of the next tick in real time

    def run(self, stop: threading.Event) -> None:
        """Advance the simulation until `stop` is set."""
        is_lockstep = self.config.pacing == 'lockstep'
        factor = 1.0 if is_lockstep else self.config.real_time_factor
        while not stop.is_set():
            if is_lockstep and not self._trajectory.is_active:
                self._lockstep_period(stop)
                self._next_s = time.monotonic()
            else:
                self._realtime_period(stop, self._period_s / factor)

    def _lockstep_period(self, stop: threading.Event) -> None:
        """Publish the present state, wait for the command that answers it, advance one tick."""
        with self._lock:
            stamp_ns = self._simulation.time_ns
            self._topics.publish(every_state=True)
        began = repeated = time.monotonic()
        time.sleep(SOONEST_ANSWER_S)  # looking earlier would only take the guard's processor
        while not stop.is_set():
            with self._lock:
                message = self._commands.take()
                if self._simulation.time_ns != stamp_ns or self._trajectory.is_active:
                    return  # reset, or a trajectory has taken over
                if message is not None and self._topics.answered_stamp(message) == stamp_ns:
                    self._command(message)
                    self._simulation.step_tick()
                    return
            if message is not None:
                continue
            now = time.monotonic()
            if now - repeated >= REPEAT_S:
                repeated = now
                with self._lock:
                    if self._simulation.time_ns == stamp_ns:
                        self._topics.republish()
            # short sleeps while an answer is likely, longer ones while somebody thinks
            time.sleep(50e-6 if now - began < 0.005 else 500e-6)

    def _realtime_period(self, stop: threading.Event, period_s: float) -> None:
        """Wait for the next tick on the monotonic clock, obey the newest command, advance."""
        now = time.monotonic()
        if now - self._next_s > MOST_LATE_S:
            self._next_s = now
        # never without a pause, so that callbacks get the lock even when time is short
        if stop.wait(max(50e-6, self._next_s - now)):
            return
        self._next_s += period_s
        with self._lock:
            newest = None
            while (message := self._commands.take()) is not None:
                newest = message
            if self._trajectory.is_active:
                self._trajectory.update()
            elif newest is not None:
                self._command(newest)
            self._simulation.step_tick()
            self._topics.publish(every_state=self.config.pacing == 'lockstep')

    def _command(self, message: Any) -> None:
        reason = self._topics.obey(message)
        if reason is not None:
            text = f'{self._topics.command[1]} refused: {reason}'
            self.get_logger().warning(text, throttle_duration_sec=1.0)

    def _on_goal(self, message: PoseStamped) -> str | None:
        frame, point = message.header.frame_id, message.pose.position
        if frame not in ('', BASE_FRAME):
            return f"frame_id is '{frame}', must be '{BASE_FRAME}'"
        position = np.array([point.x, point.y, point.z])
        reason = self._simulation.set_target(position)
        if reason is None:
            self._topics.goal_shown(position)
        return reason

    def _on_reset(
        self, request: ResetSimulation.Request, response: ResetSimulation.Response
    ) -> ResetSimulation.Response:
        with self._lock:
            try:
                pose, objects = self._requested(request)
                self._simulation.reset(pose, objects, request.seed)
            except ValueError as error:
                response.message = str(error)
                return response
            self._trajectory.abort('the simulation was reset')
            self._topics.restarted()
            response.success = True
            response.stamp = to_stamp(self._simulation.time_ns)
        return response

    def _requested(self, request: ResetSimulation.Request) -> tuple[Vector, dict[str, float]]:
        """Pose of the robot, and positions of the joints beside it."""
        names = self._simulation.robot.joint_names
        given, positions = list(request.joint_names), list(request.joint_positions)
        if not given and not positions:
            return self._neutral(request.seed), {}
        if (
            not set(names) <= set(given)
            or len(set(given)) != len(given)
            or len(positions) != len(given)
        ):
            raise ValueError(
                f'{len(positions)} positions for joints {given}; give one for each of {names}'
            )
        by_name = dict(zip(given, positions, strict=True))
        pose = np.array([by_name.pop(name) for name in names])
        return pose, by_name

    def _make_simulation(self) -> RobotSimulation:
        """Make the robot in its world, which the texts `name=value` vary."""
        try:
            return make_simulation(self.config.robot, parse_options(self.config.world))
        except ValueError as error:
            raise parameters.ParameterError(f'parameter world: {error}') from None

    def _neutral(self, seed: int) -> Vector:
        """Neutral pose with the start-pose noise of a seed."""
        pose = self._simulation.robot.neutral
        noise = np.random.default_rng(seed).uniform(-NEUTRAL_NOISE, NEUTRAL_NOISE, pose.shape)
        return pose + noise


def main() -> int:
    """Run the node as a process."""
    return run_node(BridgeNode, work=BridgeNode.run)


if __name__ == '__main__':
    sys.exit(main())
