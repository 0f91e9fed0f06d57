# SPDX-License-Identifier: Apache-2.0
"""A second node of a process, whose callbacks may take their time: they run in a thread apart.

Services that load files must not keep the control path waiting. Coroutine callbacks would not do:
while one waits, rclpy's single-threaded executor asks it again and again and serves little else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
import threading
import traceback
from typing import Any

from rclpy.executors import (
    ExternalShutdownException,
    MultiThreadedExecutor,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.task import Future

ANSWER_S = 2.0  # for the main thread to carry out what it is asked


@dataclass
class _Call:
    """Something that the main node's thread shall do."""

    job: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: Exception | None = None


class SideNode:
    """Owns `node`, a companion of the main node in its namespace, and a thread that serves it."""

    def __init__(self, main: Node, name: str, threads: int = 1) -> None:
        """Make the node; services are to be added to it before `start`.

        Args:
            main: whose context and namespace it shares.
            name: of the node.
            threads: callbacks served at once; an action that works on a goal and hears of its
                cancellation needs two.
        """
        self._main = main
        self.node = Node(
            name,
            context=main.context,
            namespace=main.get_namespace(),
            use_global_arguments=False,  # they name the main node
            start_parameter_services=False,
        )
        self._calls: deque[_Call] = deque()
        self._wake = main.create_guard_condition(self._carry_out)
        self._ended = Future()
        self._executor: SingleThreadedExecutor | MultiThreadedExecutor
        if threads == 1:
            self._executor = SingleThreadedExecutor(context=main.context)
        else:
            self._executor = MultiThreadedExecutor(threads, context=main.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def in_main_thread(self, job: Callable[[], Any]) -> Any:
        """Have the main node's thread do something between two of its callbacks; its result.

        Raises:
            TimeoutError: it is too busy; the job is not done later either.
            Exception: whatever the job raised.
        """
        call = _Call(job)
        self._calls.append(call)
        self._wake.trigger()
        if not call.done.wait(ANSWER_S):
            try:
                self._calls.remove(call)
            except ValueError:  # it is at it just now
                call.done.wait()
            else:
                raise TimeoutError(f'{self._main.get_name()} was busy for {ANSWER_S:.0f} s')
        if call.error is not None:
            raise call.error
        return call.result

    def close(self) -> None:
        """End the thread, after the callback in it; from the main thread."""
        if self._thread.is_alive():
            self._ended.set_result(None)
            while self._thread.is_alive():
                self._carry_out()  # a callback may still wait for it
                self._thread.join(0.01)
        self._executor.shutdown()
        self._main.destroy_guard_condition(self._wake)
        self.node.destroy_node()

    def _carry_out(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            try:
                call.result = call.job()
            except Exception as error:
                call.error = error
            call.done.set()

    def _spin(self) -> None:
        try:
            self._executor.spin_until_future_complete(self._ended)
        except ExternalShutdownException:
            pass
        except Exception:
            self.node.get_logger().fatal(traceback.format_exc())
