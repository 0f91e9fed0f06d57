# SPDX-License-Identifier: Apache-2.0
"""C1: versions of weights that may not act, by the thousand, while the arm moves in real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lateness_watch import LatenessWatch
from maxent_msgs.msg import PolicyChunk, Step
import numpy as np
from running_system import running, wait
import torch

from maxent_bringup.monitor import Monitor
from maxent_bringup.system import SystemConfig
from maxent_rl.acceptance import PolicySpec
from maxent_rl.networks import prefixed_state
from maxent_rl.weights import encode
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task
from maxent_ros import qos, topics
from maxent_ros.weights_transport import split

Chunks = list[PolicyChunk]
HIDDEN = (64, 64)
APART_S = 0.02  # between two versions: each is judged before the next one comes


def mutated_messages(count: int, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """Publish damaged versions as a learner would, and sound ones at both ends."""
    config = SystemConfig(
        purpose='train',
        pacing='realtime',
        algorithm_options=(f'hidden={list(HIDDEN)}',),
        name='c1_messages',
    )
    steps: list[Step] = []
    nodes = ('sim_bridge', 'guard', 'policy')
    parameters = {'policy': {'wait_for_learner': 'off'}}
    with running(config, only=nodes, parameters=parameters, on_step=steps.append) as (
        system,
        monitor,
    ):
        learner = _Learner(monitor)
        wait(system, monitor, learner.heard, 60.0, 'the policy node')
        learner.send(learner.sound(1))
        lateness = LatenessWatch(system, monitor, lambda: len(steps) > 20)
        mutations = learner.mutations()
        for tried in range(count):
            learner.send(next(mutations)(tried + 2))
            monitor.spin(APART_S)
            lateness.look()
            tell(tried + 1, count)
        figures = lateness.figures()
        last = count + 2
        learner.send(learner.sound(last))
        wait(system, monitor, lambda: steps[-1].policy_version == last, 10.0, 'the last version')
    acted = {step.policy_version for step in steps} - {1, last}
    return {'tried': count, 'accepted': len(acted), 'sound_one_after_them_accepted': True,
            **figures}  # fmt: skip


class _Learner:
    """Publishes weights that no learner would."""

    def __init__(self, monitor: Monitor) -> None:
        task = make_task(SAWYER, 'reach')
        self._node = monitor.node
        self._publisher = self._node.create_publisher(
            PolicyChunk, topics.POLICY_CHUNK, qos.WEIGHTS
        )
        self._layout_hash = task.layout.hash
        self._spec = PolicySpec(task.layout.size, task.mapping.size, HIDDEN)
        self._rng = np.random.default_rng(0)

    def heard(self) -> bool:
        """Whether somebody listens."""
        return self._publisher.get_subscription_count() > 0

    def send(self, chunks: Chunks) -> None:
        """Publish all chunks of a version."""
        for chunk in chunks:
            self._publisher.publish(chunk)

    def sound(self, version: int, payload: bytes | None = None, **fields: str) -> Chunks:
        """Return a version of untrained weights, or of a payload."""
        about = {'run_id': 'run', 'layout_hash': self._layout_hash, **fields}
        stamp = self._node.get_clock().now().to_msg()
        return split(
            payload or self._payload(self._spec),
            about['run_id'],
            version,
            about['layout_hash'],
            stamp,
        )

    def mutations(self) -> Iterator[Callable[[int], Chunks]]:
        """Yield ways to make a bad version of a number, for ever."""
        kinds = (
            self._flipped,
            self._poisoned,
            self._cut,
            self._misshapen,
            self._of_the_past,
            lambda version: self.sound(version, layout_hash='0' * 16),
            lambda version: self.sound(version, run_id='another'),
            lambda version: self.sound(version, b'\x80\x04N.' * version),
        )
        while True:
            yield kinds[self._rng.integers(len(kinds))]

    def _payload(self, spec: PolicySpec) -> bytes:
        return encode(prefixed_state('policy', spec.make_policy()))

    def _flipped(self, version: int) -> Chunks:
        chunks = self.sound(version)
        data = chunks[self._rng.integers(len(chunks))].data
        data[self._rng.integers(len(data))] ^= 1 << int(self._rng.integers(8))
        return chunks

    def _poisoned(self, version: int) -> Chunks:
        tensors = prefixed_state('policy', self._spec.make_policy())
        tensor = tensors[sorted(tensors)[self._rng.integers(len(tensors))]].view(-1)
        with torch.no_grad():
            tensor[self._rng.integers(len(tensor))] = float('nan')
        return self.sound(version, encode(tensors))

    def _cut(self, version: int) -> Chunks:
        payload = self._payload(self._spec)
        return self.sound(version, payload[: self._rng.integers(1, len(payload))])

    def _misshapen(self, version: int) -> Chunks:
        width = int(self._rng.integers(1, 60))
        task = self._spec
        return self.sound(
            version, self._payload(PolicySpec(task.obs_dim, task.act_dim, (width, 64)))
        )

    def _of_the_past(self, version: int) -> Chunks:
        return self.sound(1)  # acts already; the number is for versions to come
