# SPDX-License-Identifier: Apache-2.0
"""Tools for tests over real DDS: a domain of one's own, and waiting without sleeping.

In a package's test/conftest.py: `from maxent_ros.testing import ros  # noqa: F401`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import contextlib
import gc
import itertools
import os
import socket
import time
import traceback
from typing import Any, TypeVar

import pytest
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

AnyNode = TypeVar('AnyNode', bound=Node)

_LOCK_PORT = 21100  # + domain; below Linux's ephemeral ports, apart from DDS's own (7400 + 250 id)
_DOMAINS = range(1, 101)  # Linux keeps these domains' ports below its ephemeral ones
# Another domain for each test: nodes that were killed stay visible in the old one for 20 s.
_FIRST = itertools.count(os.getpid())


@contextlib.contextmanager
def isolated_domain() -> Iterator[int]:
    """Yield a ROS domain that no other test on this machine uses meanwhile.

    Raises:
        RuntimeError: every domain is taken.
    """
    first = next(_FIRST)
    order = [_DOMAINS[(first + k) % len(_DOMAINS)] for k in range(len(_DOMAINS))]
    for domain in order:
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind(('127.0.0.1', _LOCK_PORT + domain))
        except OSError:
            lock.close()
            continue
        with lock:
            yield domain
            return
    raise RuntimeError('all ROS domains from 1 to 100 are in use by other tests')


def spin_until(
    executor: SingleThreadedExecutor,
    predicate: Callable[[], object],
    timeout_s: float = 10.0,
    reason: str = '',
) -> None:
    """Serve callbacks until `predicate()` is true.

    Raises:
        TimeoutError: it did not become true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {timeout_s} s: {reason or predicate}')
        executor.spin_once(timeout_sec=0.02)


class RosFixture:
    """A context in a domain of its own, and one executor for all nodes of a test."""

    def __init__(self, domain: int) -> None:
        """Initialise rclpy for this context only."""
        self.domain = domain
        self.context = Context()
        self.context.init(domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._nodes: list[Node] = []

    def add(
        self,
        node_type: Callable[..., AnyNode],
        *args: Any,
        parameters: Mapping[str, Any] = {},
        **kwargs: Any,
    ) -> AnyNode:
        """Make a node with these parameters, in this domain, and serve its callbacks."""
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        try:
            node = node_type(*args, context=self.context, parameter_overrides=overrides, **kwargs)
        except Exception as error:
            # What its constructor has made would stay in the graph, for tests to come to see.
            traceback.clear_frames(error.__traceback__)
            gc.collect()
            raise
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def remove(self, node: Node) -> None:
        """Take a node out of the graph, as if its process had died."""
        self._nodes.remove(node)
        self.executor.remove_node(node)
        _end(node)

    def spin_until(
        self, predicate: Callable[[], object], timeout_s: float = 10.0, reason: str = ''
    ) -> None:
        """Serve callbacks until `predicate()` is true; TimeoutError after `timeout_s`."""
        spin_until(self.executor, predicate, timeout_s, reason)

    def environment(self) -> dict[str, str]:
        """Return the environment for a process that shall see this test's nodes."""
        return {**os.environ, 'ROS_DOMAIN_ID': str(self.domain)}

    def close(self) -> None:
        """End all nodes and the context."""
        for node in reversed(self._nodes):
            self.executor.remove_node(node)
            _end(node)
        self.executor.shutdown()
        self.context.try_shutdown()


def _end(node: Node) -> None:
    close = getattr(node, 'close', None)
    if close is not None:
        close()
    node.destroy_node()


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[RosFixture]:
    """Give a test its own ROS domain on this machine."""
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    with isolated_domain() as domain:
        fixture = RosFixture(domain)
        try:
            yield fixture
        finally:
            fixture.close()
