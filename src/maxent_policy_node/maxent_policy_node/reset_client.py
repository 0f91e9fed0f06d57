# SPDX-License-Identifier: Apache-2.0
"""Asks the simulation for a reset until it has happened, without ever blocking."""

from __future__ import annotations

from collections.abc import Callable
import time

from maxent_msgs.srv import ResetSimulation
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from maxent_robot.episode import RequestReset
from maxent_ros import conversions, topics

ANSWER_S = 5.0  # without an answer for so long the reset is asked for again; it is idempotent
RETRY_S = 0.25


class ResetClient:
    """Carries one reset at a time; a newer one replaces it."""

    def __init__(
        self, node: Node, joint_names: tuple[str, ...], on_done: Callable[[int], None]
    ) -> None:
        """Take the order of positions and who hears the stamp (ns) of the first state after."""
        self._node, self._names, self._on_done = node, list(joint_names), on_done
        self._client = node.create_client(ResetSimulation, topics.RESET_SIMULATION)
        self._wanted: RequestReset | None = None
        self._call: Future | None = None
        self._called_s = 0.0
        self._timer = node.create_timer(
            RETRY_S, self._ask, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def request(self, reset: RequestReset) -> None:
        """Ask for a reset, now or as soon as the service is there."""
        self._wanted, self._call = reset, None
        self._ask()

    def cancel(self) -> None:
        """Stop asking; an answer under way is ignored."""
        self._wanted, self._call = None, None

    def close(self) -> None:
        """Release the client."""
        self.cancel()
        self._node.destroy_timer(self._timer)
        self._node.destroy_client(self._client)

    def _ask(self) -> None:
        now_s = time.monotonic()
        waiting = self._call is not None and now_s - self._called_s < ANSWER_S
        if self._wanted is None or waiting:
            return
        if not self._client.service_is_ready():
            self._node.get_logger().info(
                f'waiting for the service {self._client.srv_name}', throttle_duration_sec=5.0
            )
            return
        request = ResetSimulation.Request(
            seed=self._wanted.seed,
            joint_names=[*self._names, *self._wanted.objects],
            joint_positions=conversions.to_doubles(
                [*self._wanted.positions, *self._wanted.objects.values()]
            ),
        )
        self._called_s = now_s
        self._call = self._client.call_async(request)
        self._call.add_done_callback(self._on_answer)

    def _on_answer(self, answer: Future) -> None:
        if answer is not self._call:
            return
        self._call = None
        response = answer.result()
        if response is None or not response.success:
            reason = 'no answer' if response is None else response.message
            self._node.get_logger().warning(
                f'the simulation refused a reset: {reason}', throttle_duration_sec=5.0
            )
            return
        self._wanted = None
        self._on_done(conversions.to_ns(response.stamp))
