# SPDX-License-Identifier: Apache-2.0
"""Watches a running system from outside: newest status of learner and guard, and the steps."""

from __future__ import annotations

from collections.abc import Callable
import time
from types import TracebackType

from maxent_msgs.msg import LearnerStatus, SafetyStatus, Step
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from maxent_ros import qos, topics

DISCOVERY_S = 0.7  # nodes on the same machine have found each other by then
NEWEST = 8  # entities that can be ready at once: a drained poll has seen the newest of each


class SystemRunsError(RuntimeError):
    """Nodes of the same names are on the graph; the text names them."""


class Monitor:
    """A node that only listens. Use as a context manager; one thread calls everything."""

    def __init__(self, namespace: str = '', on_step: Callable[[Step], None] | None = None) -> None:
        """Subscribe in a namespace; `on_step` gets every step of an episode."""
        self.learner: LearnerStatus | None = None
        self.safety: SafetyStatus | None = None
        self._context = Context()
        self._context.init()
        self.node = Node(
            'maxent_monitor',
            context=self._context,
            namespace=namespace,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_subscription(
            LearnerStatus, topics.LEARNER_STATUS, self._on_learner, qos.LATCHED
        )
        self.node.create_subscription(
            SafetyStatus, topics.SAFETY_STATUS, self._on_safety, qos.LATCHED
        )
        if on_step is not None:
            self.node.create_subscription(Step, topics.STEP, on_step, qos.EXPERIENCE)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def spin(self, duration_s: float) -> None:
        """Serve every message that comes within a time."""
        deadline = time.monotonic() + duration_s
        while (left := deadline - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def poll(self) -> None:
        """Take the newest messages and return at once: costs nothing between two polls."""
        for _ in range(NEWEST):
            self._executor.spin_once(timeout_sec=0.0)

    def until(
        self,
        predicate: Callable[[], object],
        timeout_s: float = 60.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve messages until `predicate()` is true; TimeoutError if that takes too long.

        `check` is called meanwhile and may raise, as Supervisor.check does.
        """
        deadline = time.monotonic() + timeout_s
        while not predicate():
            if time.monotonic() > deadline:
                raise TimeoutError(f'did not happen within {timeout_s:.0f} s')
            check()
            self.spin(0.05)

    def refuse_second_system(self, names: set[str]) -> None:
        """Raise SystemRunsError if a node of these full names is there: one guard per robot."""
        self.spin(DISCOVERY_S)
        found = self.node.get_node_names_and_namespaces()
        present = names & {f'{space.rstrip("/")}/{name}' for name, space in found}
        if present:
            raise SystemRunsError(
                f'running already: {", ".join(sorted(present))}. Stop that system, or give this '
                'one another --namespace or ROS_DOMAIN_ID'
            )

    def _on_learner(self, message: LearnerStatus) -> None:
        self.learner = message

    def _on_safety(self, message: SafetyStatus) -> None:
        self.safety = message
