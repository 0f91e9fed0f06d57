# SPDX-License-Identifier: Apache-2.0
"""Streams versions of the policy as chunks, and serves single chunks to those who missed some."""

from __future__ import annotations

from collections import deque

from maxent_msgs.msg import PolicyChunk
from maxent_msgs.srv import GetLatestPolicy
from rclpy.node import Node

from maxent_ros import qos, topics
from maxent_ros.weights_transport import split

KEPT_VERSIONS = 4  # a pull in progress can still end when newer versions are published meanwhile


class WeightsPublisher:
    """Publishes from the training thread; serves GetLatestPolicy in the ROS thread."""

    def __init__(self, node: Node, run_id: str, layout_hash: str) -> None:
        """Offer the topic and the service; the service refuses until the first version."""
        self._node = node
        self._run_id = run_id
        self._layout_hash = layout_hash
        self._kept: deque[tuple[int, list[PolicyChunk]]] = deque(maxlen=KEPT_VERSIONS)
        self._publisher = node.create_publisher(PolicyChunk, topics.POLICY_CHUNK, qos.WEIGHTS)
        self._service = node.create_service(GetLatestPolicy, topics.GET_LATEST_POLICY, self._serve)

    def publish(self, version: int, payload: bytes) -> None:
        """Publish a version.

        Raises:
            ValueError: the payload is larger than receivers take.
        """
        stamp = self._node.get_clock().now().to_msg()
        chunks = split(payload, self._run_id, version, self._layout_hash, stamp)
        self._kept.append((version, chunks))
        for chunk in chunks:
            self._publisher.publish(chunk)

    def _serve(
        self, request: GetLatestPolicy.Request, response: GetLatestPolicy.Response
    ) -> GetLatestPolicy.Response:
        kept = list(self._kept)
        if not kept:
            response.message = 'no version has been published yet: ask again'
            return response
        newest = kept[-1][0]
        wanted = newest if request.version == 0 else request.version
        chunks = dict(kept).get(wanted)
        if chunks is None:
            response.message = f'version {wanted} is not kept; the newest is {newest}'
        elif request.index >= len(chunks):
            response.message = f'version {wanted} has {len(chunks)} chunks, no {request.index}'
        else:
            response.success = True
            response.chunk = chunks[request.index]
        return response
