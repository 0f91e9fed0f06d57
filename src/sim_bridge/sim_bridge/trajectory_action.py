# SPDX-License-Identifier: Apache-2.0
"""The FollowJointTrajectory action of the simulated arm: one goal at a time, newest wins.

The simulation's loop calls `update` each period; the action's own callbacks run in the executor.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock

from control_msgs.action import FollowJointTrajectory
import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from maxent_robot.types import NANOSECONDS, JointSample
from maxent_ros.conversions import to_doubles, to_ns, to_stamp
from sim_bridge.robot_simulation import RobotSimulation
from sim_bridge.trajectory import (
    ErrorCode,
    Progress,
    Trajectory,
    TrajectoryError,
    TrajectoryFollower,
    Waypoint,
    tolerances,
)

FEEDBACK_TICKS = 10


@dataclass(eq=False)
class _Motion:
    """A goal that is being executed."""

    handle: ServerGoalHandle
    follower: TrajectoryFollower
    ended: Future  # its result is the action's result
    ticks: int = 0


class TrajectoryAction:
    """Serves the action; while a goal is active it alone commands the arm."""

    def __init__(self, node: Node, simulation: RobotSimulation, action: str, lock: RLock) -> None:
        """Offer the action under this name. `lock` guards the simulation."""
        self._node = node
        self._simulation = simulation
        self._limits = simulation.robot.limits
        self._lock = lock
        self._motion: _Motion | None = None
        self._server = ActionServer(
            node,
            FollowJointTrajectory,
            action,
            self._execute,
            cancel_callback=lambda _handle: CancelResponse.ACCEPT,
        )

    @property
    def is_active(self) -> bool:
        """Whether a trajectory is being followed."""
        return self._motion is not None

    def update(self) -> None:
        """Command the arm for the coming period, or end the motion. The lock must be held."""
        motion = self._motion
        if motion is None:
            return
        simulation = self._simulation
        if motion.handle.is_cancel_requested:
            simulation.hold()
            self._end(ErrorCode.SUCCESSFUL, 'cancelled: the arm holds its position')
            return
        sample = simulation.joint_sample()
        period = simulation.robot.guard_period_ns
        progress = motion.follower.update(sample.stamp_ns, sample.position, period)
        names = self._limits.joint_names
        reason = simulation.follow(names, progress.command)
        if reason is not None:
            self._end(ErrorCode.INVALID_GOAL, reason)
        elif progress.finished is not None:
            if progress.finished != ErrorCode.SUCCESSFUL:
                simulation.hold()
            self._end(progress.finished, progress.reason)
        elif motion.ticks % FEEDBACK_TICKS == 0:
            motion.handle.publish_feedback(self._feedback(sample, progress))
        motion.ticks += 1

    def abort(self, reason: str) -> None:
        """End the motion, if there is one, without success. The lock must be held."""
        if self._motion is not None:
            self._end(ErrorCode.INVALID_GOAL, reason)

    async def _execute(self, handle: ServerGoalHandle) -> FollowJointTrajectory.Result:
        with self._lock:
            self.abort('preempted by a newer goal')
            try:
                follower = self._follower(handle.request)
            except TrajectoryError as error:
                self._node.get_logger().warning(f'trajectory refused: {error}')
                handle.abort()
                return _result(error.code, str(error))
            motion = self._motion = _Motion(handle, follower, Future())
        return await motion.ended

    def _end(self, code: ErrorCode, reason: str) -> None:
        motion, self._motion = self._motion, None
        if motion.handle.is_cancel_requested:
            motion.handle.canceled()
        elif code == ErrorCode.SUCCESSFUL:
            motion.handle.succeed()
        else:
            motion.handle.abort()
        motion.ended.set_result(_result(code, reason))
        if self._node.executor is not None:
            self._node.executor.wake()  # the waiting coroutine is looked at when it spins

    def _follower(self, goal: FollowJointTrajectory.Goal) -> TrajectoryFollower:
        sample = self._simulation.joint_sample()
        trajectory = goal.trajectory
        start_ns = to_ns(trajectory.header.stamp)
        if 0 < start_ns < sample.stamp_ns:
            raise TrajectoryError(
                ErrorCode.OLD_HEADER_TIMESTAMP, 'header.stamp is in the past; 0 means now'
            )
        if goal.multi_dof_trajectory.points or goal.component_path_tolerance:
            raise TrajectoryError(ErrorCode.INVALID_GOAL, 'only joints can be moved')
        waypoints = [
            Waypoint(
                point.time_from_start.sec * NANOSECONDS + point.time_from_start.nanosec,
                np.array(point.positions),
                np.array(point.velocities) if len(point.velocities) else None,
            )
            for point in trajectory.points
        ]
        path = Trajectory(self._limits, sample.position, trajectory.joint_names, waypoints)
        goal_time = goal.goal_time_tolerance.sec * NANOSECONDS + goal.goal_time_tolerance.nanosec
        allowed = tolerances(
            self._limits,
            _by_name(goal.path_tolerance),
            _by_name(goal.goal_tolerance),
            goal_time,
            self._simulation.goal_tolerance,
        )
        begin_ns = sample.stamp_ns if start_ns == 0 else start_ns
        return TrajectoryFollower(self._limits, path, allowed, begin_ns)

    def _feedback(self, sample: JointSample, progress: Progress) -> FollowJointTrajectory.Feedback:
        message = FollowJointTrajectory.Feedback(joint_names=list(self._limits.joint_names))
        message.header.stamp = to_stamp(sample.stamp_ns)
        message.desired.positions = to_doubles(progress.desired)
        message.desired.velocities = to_doubles(progress.desired_velocity)
        message.actual.positions = to_doubles(sample.position)
        message.actual.velocities = to_doubles(sample.velocity)
        message.error.positions = to_doubles(progress.desired - sample.position)
        message.error.velocities = to_doubles(progress.desired_velocity - sample.velocity)
        return message


def _by_name(entries: list) -> dict[str, float]:
    """Position tolerance by joint; TrajectoryError for kinds that are not judged here."""
    for entry in entries:
        if entry.velocity > 0.0 or entry.acceleration > 0.0:
            raise TrajectoryError(
                ErrorCode.INVALID_GOAL,
                f'tolerance of {entry.name}: only positions are judged, not velocities',
            )
    return {entry.name: entry.position for entry in entries}


def _result(code: ErrorCode, text: str) -> FollowJointTrajectory.Result:
    return FollowJointTrajectory.Result(error_code=int(code), error_string=text)
