# SPDX-License-Identifier: Apache-2.0
"""The service that asks for a checkpoint, which only the training thread may save."""

from __future__ import annotations

from collections.abc import Callable
import queue
import threading

from rclpy.node import Node
from std_srvs.srv import Trigger

from maxent_ros import topics

POLL_S = 0.1


class _Request:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.success = False
        self.message = ''


class CheckpointService:
    """Hands requests to the training thread, for only that one may touch the networks.

    The callback waits, so steps queue up in the middleware meanwhile (depth 1000); saving takes
    a fraction of a second.
    """

    def __init__(self, node: Node) -> None:
        """Offer the service."""
        self._requests: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._service = node.create_service(Trigger, topics.SAVE_CHECKPOINT, self._on_request)

    def serve(self, save: Callable[[], tuple[bool, str]]) -> None:
        """Answer what has been asked, in the training thread, by one call of `save`."""
        waiting = []
        while not self._requests.empty():
            waiting.append(self._requests.get())
        if not waiting:
            return
        success, message = save()
        for request in waiting:
            request.success, request.message = success, message
            request.done.set()

    def close(self) -> None:
        """Refuse whatever is asked from now on."""
        self._closed.set()

    def _on_request(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        request = _Request()
        self._requests.put(request)
        while not request.done.wait(POLL_S):
            if self._closed.is_set():
                response.message = 'the learner is ending; it saves a checkpoint by itself'
                return response
        response.success, response.message = request.success, request.message
        return response
