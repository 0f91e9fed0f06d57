# SPDX-License-Identifier: Apache-2.0
"""Finds out when a recorder hears all that an episode consists of, so that no bag lacks its start.

Discovery takes its time: without this, the first steps of a simulation in lock-step are over
before the recorder has subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from maxent_ros import node_names, topics

PERIOD_S = 0.1
SETTLED = 3  # looks in a row: the graph knows a reader shortly before its writers do
TOPICS = (topics.STEP, topics.POLICY_ACTION, topics.GOAL, topics.APPLIED_COMMAND)


class RecorderWatch:
    """Looks until the recorder has subscribed, then tells once."""

    def __init__(self, node: Node, on_ready: Callable[[], None]) -> None:
        """Begin to look; `on_ready` is called from the node's executor."""
        self._node, self._on_ready = node, on_ready
        self._seen = 0
        self.ready = False
        self._timer = node.create_timer(
            PERIOD_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def close(self) -> None:
        """Stop looking."""
        self._node.destroy_timer(self._timer)

    def _look(self) -> None:
        deaf = self._unheard(TOPICS)
        self._seen = 0 if deaf else self._seen + 1
        if self._seen < SETTLED:
            if deaf:
                self._node.get_logger().info(
                    f'waiting for the recorder to hear {", ".join(deaf)}',
                    throttle_duration_sec=5.0,
                )
            return
        self.close()
        self.ready = True
        self._on_ready()

    def _unheard(self, wanted: Sequence[str]) -> list[str]:
        return [topic for topic in wanted if not self._hears(topic)]

    def _hears(self, topic: str) -> bool:
        name = self._node.resolve_topic_name(topic)
        space = self._node.get_namespace()
        return any(
            (info.node_name, info.node_namespace) == (node_names.RECORDER, space)
            for info in self._node.get_subscriptions_info_by_topic(name)
        )
