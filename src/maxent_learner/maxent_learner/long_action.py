# SPDX-License-Identifier: Apache-2.0
"""An action that works for seconds to hours in threads of its own, one goal at a time."""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from maxent_rl.diverged import DivergedError
from maxent_ros.side_node import SideNode

FEEDBACK_S = 0.2


class CancelledError(Exception):
    """The work was to be stopped, and has stopped; nothing was saved."""


Stop = Callable[[], bool]
Work = Callable[[ServerGoalHandle, Stop], tuple[str, str]]


class LongAction:
    """Serves an action whose result has the fields success, message and sha256."""

    def __init__(self, node: Node, kind: Any, name: str, what: str, work: Work) -> None:
        """Offer the action beside `node`.

        Args:
            node: whose namespace and log are used.
            kind: type of the action.
            name: of the action.
            what: is done, one word, for the log and the name of the node that serves it.
            work: does it; returns SHA-256 and a message. It asks its second argument whether to
                stop, and then raises CancelledError. ValueError, OSError, RuntimeError and
                DivergedError become the message of a refusal.
        """
        self._kind, self._what, self._work = kind, what, work
        self._busy, self._closing = threading.Lock(), threading.Event()
        self._logger = node.get_logger()
        self._side = SideNode(node, f'{node.get_name()}_{what}', threads=2)
        self._server = ActionServer(
            self._side.node,
            kind,
            name,
            self._execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=lambda _goal: GoalResponse.ACCEPT,  # a refusal could not say why
            cancel_callback=lambda _handle: CancelResponse.ACCEPT,
        )
        self._side.start()

    def close(self) -> None:
        """Cancel what is under way and leave the graph."""
        self._closing.set()
        with self._busy:  # it ends within a step
            self._side.close()

    def _execute(self, handle: ServerGoalHandle) -> Any:
        result = self._kind.Result()
        if not self._busy.acquire(blocking=False):
            result.message = f'another {self._what} is under way: wait for it, or cancel it'
            handle.abort()
            return result

        def should_stop() -> bool:
            return bool(handle.is_cancel_requested) or self._closing.is_set()

        try:
            result.sha256, result.message = self._work(handle, should_stop)
            result.success = True
            handle.succeed()
        except CancelledError:
            result.message = 'cancelled; nothing was saved'
            if handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
        except (ValueError, OSError, RuntimeError, DivergedError) as error:
            result.message = str(error)  # skills, bags, settings, names, disk
            self._logger.warning(f'{self._what} refused: {error}')
            handle.abort()
        finally:
            self._busy.release()
        return result
