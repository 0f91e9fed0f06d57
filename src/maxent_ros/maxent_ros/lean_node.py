# SPDX-License-Identifier: Apache-2.0
"""Nodes whose executor has less to look after, for hundreds of messages a second.

rclpy makes two or three QoS event handlers per publisher and subscription, to warn of mismatched
profiles, and walks through all of them at every wake-up: a third of the guard's time. Between our
own nodes profiles are taken from one table (qos.py) and cannot mismatch, so these nodes have none
unless asked: pass `event_callbacks=` where a foreign driver is at the other end.
"""

from __future__ import annotations

from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription


class _QuietEndpoints:
    """Makes publishers and subscriptions without default event handlers."""

    def create_publisher(self, *args: Any, **kwargs: Any) -> Publisher:
        """As Node.create_publisher."""
        if kwargs.get('event_callbacks') is None:
            kwargs['event_callbacks'] = PublisherEventCallbacks(use_default_callbacks=False)
        return super().create_publisher(*args, **kwargs)

    def create_subscription(self, *args: Any, **kwargs: Any) -> Subscription:
        """As Node.create_subscription."""
        if kwargs.get('event_callbacks') is None:
            kwargs['event_callbacks'] = SubscriptionEventCallbacks(use_default_callbacks=False)
        return super().create_subscription(*args, **kwargs)


class LeanNode(_QuietEndpoints, Node):
    """Node without default QoS event handlers."""


class LeanLifecycleNode(_QuietEndpoints, LifecycleNode):
    """Lifecycle node without default QoS event handlers."""
