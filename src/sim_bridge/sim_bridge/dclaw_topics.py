# SPDX-License-Identifier: Apache-2.0
"""The simulated D'Claw on topics in the manner of ros2_control (there is no driver of its own)."""

from __future__ import annotations

import math
from threading import RLock

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64
from std_srvs.srv import SetBool

from maxent_robot.robots.dclaw import VALVE
from maxent_robot.types import NANOSECONDS, Vector
from maxent_ros import qos, topics
from maxent_ros.conversions import to_bytes, to_doubles, to_stamp
from sim_bridge.bridge_topics import ClockTopic, PositionCommands, Schedule, fill_joint_state
from sim_bridge.dclaw_simulation import DClawSimulation

RATE = 100.0  # Hz, of the joint states
WIDTH = HEIGHT = 32
FRAME = 'camera'


class DClawTopics(PositionCommands):
    """RobotTopics of the D'Claw. Efforts are in N m."""

    command = PositionCommands.message, topics.DCLAW_COMMAND
    trajectory = topics.DCLAW_TRAJECTORY

    def __init__(self, node: Node, simulation: DClawSimulation) -> None:
        """Offer the topics and the service that switches the servos."""
        super().__init__(simulation)
        self._node, self._hand = node, simulation
        spec = simulation.robot
        self._clock = ClockTopic(node)
        self._joint_state = JointState(name=list(spec.joint_names))
        self._valve_state = JointState(name=[VALVE])
        self._joints = node.create_publisher(JointState, topics.DCLAW_JOINT_STATES, qos.RECORDED)
        self._goal = node.create_publisher(Float64, topics.DCLAW_VALVE_GOAL, qos.LATCHED)
        self._schedule = Schedule()
        image_rate = NANOSECONDS / spec.policy_period_ns
        for kind, name, rate, build in (
            (JointState, topics.DCLAW_VALVE, RATE, self._valve),
            (JointState, 'joint_states', RATE, lambda _now: self._joint_state),
            (Image, topics.DCLAW_IMAGE, image_rate, self._image),
            (CameraInfo, topics.DCLAW_CAMERA_INFO, image_rate, self._camera_info),
        ):
            self._schedule.add(node.create_publisher(kind, name, qos.RECORDED), rate, build)

    def listen(self, lock: RLock) -> None:
        """Offer the service that switches the servos."""

        def engage(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
            with lock:
                self._hand.enable(request.data)
            response.success = True
            return response

        self._node.create_service(SetBool, topics.DCLAW_ENGAGE, engage)

    def publish(self, *, every_state: bool) -> None:
        """Publish what is due: joint states at each tick, the camera ten times a second."""
        del every_state  # a tick is as long as the period of the joint states
        self._publish(every=False)

    def republish(self) -> None:
        """Publish everything again."""
        self._publish(every=True)

    def restarted(self) -> None:
        """Take the next picture at once."""
        self._schedule.restart(self._hand.time_ns)

    def goal_shown(self, point: Vector) -> None:
        """Tell the angle to which the valve shall be turned."""
        self._goal.publish(Float64(data=math.atan2(point[1], point[0])))

    def _publish(self, *, every: bool) -> None:
        now = self._hand.time_ns
        fill_joint_state(self._joint_state, self._hand.joint_sample())
        self._schedule.publish(now, every=every)
        self._joints.publish(self._joint_state)
        self._clock.publish(now)

    def _valve(self, now_ns: int) -> JointState:
        angle, speed = self._hand.signal('valve').tolist()
        self._valve_state.header.stamp = to_stamp(now_ns)
        self._valve_state.position = to_doubles([angle])
        self._valve_state.velocity = to_doubles([speed])
        return self._valve_state

    def _image(self, now_ns: int) -> Image:
        message = Image(
            height=HEIGHT,
            width=WIDTH,
            encoding='rgb8',
            step=3 * WIDTH,
            data=to_bytes(self._hand.signal('camera').tobytes()),
        )
        message.header.stamp, message.header.frame_id = to_stamp(now_ns), FRAME
        return message

    def _camera_info(self, now_ns: int) -> CameraInfo:
        angle = math.radians(float(self._hand.model.camera('camera').fovy[0]))
        focal = 0.5 * HEIGHT / math.tan(0.5 * angle)
        message = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob')
        message.header.stamp, message.header.frame_id = to_stamp(now_ns), FRAME
        message.d = [0.0] * 5
        message.k = [focal, 0.0, WIDTH / 2, 0.0, focal, HEIGHT / 2, 0.0, 0.0, 1.0]
        message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        message.p = [focal, 0.0, WIDTH / 2, 0.0, 0.0, focal, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
        return message
