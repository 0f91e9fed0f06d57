# SPDX-License-Identifier: Apache-2.0
"""Gets the learner's weights into the policy node: by topic, and by asking for what is missing."""

from __future__ import annotations

from collections.abc import Callable
import time

from maxent_msgs.msg import PolicyChunk
from maxent_msgs.srv import GetLatestPolicy
import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from maxent_policy_node.weights_worker import Verdict, WeightsWorker
from maxent_rl.acceptance import PolicySpec
from maxent_rl.verification import Verifier, verify_nothing
from maxent_ros import qos, topics
from maxent_ros.weights_transport import ChunkAssembler, ChunkError

CHECK_S = 0.1  # how often missing chunks are looked for
# A pull without an answer is asked again, first soon, for the answer to a client that has just
# been discovered can be lost, then less and less often, for a slow learner must get time.
FIRST_ANSWER_S, LAST_ANSWER_S = 0.2, 2.0


class WeightsFeed:
    """Assembles chunks, has them judged in another thread and reports verdicts in the ROS thread.

    Works with the learner absent, late or restarted: latched chunks and pulls complete each other.
    """

    def __init__(
        self,
        node: Node,
        spec: PolicySpec,
        layout_hash: str,
        probes: Callable[[], NDArray[np.float32]],
        on_verdict: Callable[[Verdict], None],
        verify: Verifier = verify_nothing,
    ) -> None:
        """Subscribe and start asking; `on_verdict` is called between two other callbacks."""
        self._node, self._on_verdict = node, on_verdict
        self._assembler = ChunkAssembler()
        self._handed_in: tuple[str, int] | None = None  # newest whole version
        self._pull: Future | None = None
        self._pull_s = 0.0
        self._patience_s = FIRST_ANSWER_S
        self._ready = node.create_guard_condition(self._take_verdicts)
        self._worker = WeightsWorker(spec, layout_hash, probes, self._ready.trigger, verify)
        self._subscription = node.create_subscription(
            PolicyChunk, topics.POLICY_CHUNK, self._on_chunk, qos.WEIGHTS
        )
        self._client = node.create_client(GetLatestPolicy, topics.GET_LATEST_POLICY)
        self._timer = node.create_timer(
            CHECK_S, self._ask, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._ask()

    def close(self) -> None:
        """Stop; nothing is reported afterwards."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_client(self._client)
        self._worker.close()
        self._node.destroy_guard_condition(self._ready)

    def _on_chunk(self, chunk: PolicyChunk) -> None:
        try:
            whole = self._assembler.add(chunk, time.monotonic())
        except ChunkError as error:
            self._on_verdict(Verdict(chunk.run_id, chunk.version, None, str(error)))
            return
        if whole is not None:
            self._handed_in = (whole.run_id, whole.version)
            self._worker.submit(whole)

    def _take_verdicts(self) -> None:
        while self._worker.results:
            self._on_verdict(self._worker.results.popleft())

    def _ask(self) -> None:
        """Pull the newest version until there is one, later only what is missing."""
        now_s = time.monotonic()
        asking = self._pull is not None and now_s - self._pull_s < self._patience_s
        if asking or not self._client.service_is_ready():
            return
        if self._handed_in is None:
            self._request(0, 0)
        else:
            missing = self._assembler.missing(now_s)
            if missing:
                self._request(*missing[0])

    def _request(self, version: int, index: int) -> None:
        if self._pull is not None:
            self._client.remove_pending_request(self._pull)
            self._patience_s = min(2.0 * self._patience_s, LAST_ANSWER_S)
        self._pull_s = time.monotonic()
        self._pull = self._client.call_async(GetLatestPolicy.Request(version=version, index=index))
        self._pull.add_done_callback(self._on_answer)

    def _on_answer(self, answer: Future) -> None:
        if answer is not self._pull:
            return  # asked again meanwhile
        self._pull, self._patience_s = None, FIRST_ANSWER_S
        response = answer.result()
        if response is None or not response.success:
            return  # no version yet, or this one has been replaced: the timer asks again
        chunk = response.chunk
        self._on_chunk(chunk)
        whole = self._handed_in == (chunk.run_id, chunk.version)
        if not whole and chunk.index + 1 < chunk.total:
            self._request(chunk.version, chunk.index + 1)
