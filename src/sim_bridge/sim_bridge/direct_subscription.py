# SPDX-License-Identifier: Apache-2.0
"""A subscription that its owner polls, past the executor.

An rclpy executor spends some 0.15 ms to build a wait set and wake up for a message; the loop that
waits for one command per simulated tick takes it from the middleware itself.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

Message = TypeVar('Message')


class _NeverExecuted(CallbackGroup):
    """Keeps its entities out of the wait sets of all executors."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class DirectSubscription(Generic[Message]):
    """Messages of one topic, taken one by one."""

    def __init__(self, node: Node, kind: type[Message], topic: str, profile: QoSProfile) -> None:
        """Subscribe. The owner must take messages in time, or the middleware drops the oldest."""
        self._kind = kind
        self._subscription = node.create_subscription(
            kind, topic, lambda _message: None, profile, callback_group=_NeverExecuted()
        )

    def take(self) -> Message | None:
        """Return the next message that has arrived, None if there is none."""
        handle = self._subscription.handle
        with handle:
            taken = handle.take_message(self._kind, False)
        return None if taken is None else taken[0]
