# SPDX-License-Identifier: Apache-2.0
"""Checks weights in a thread of its own, off the control path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
import threading

import numpy as np
from numpy.typing import NDArray

from maxent_rl.acceptance import PolicySpec, VersionGate, accept_policy
from maxent_rl.policy import Policy
from maxent_rl.verification import Verifier, verify_nothing
from maxent_rl.weights import WeightsRejected
from maxent_ros.weights_transport import CompletePolicy


@dataclass(frozen=True)
class Verdict:
    """What became of one version of the weights; `policy` is None if it was rejected."""

    run_id: str
    version: int
    policy: Policy | None
    reason: str = ''


class WeightsWorker:
    """Judges the newest weights handed in; older ones that still wait are dropped."""

    def __init__(
        self,
        spec: PolicySpec,
        layout_hash: str,
        probes: Callable[[], NDArray[np.float32]],
        notify: Callable[[], None],
        verify: Verifier = verify_nothing,
    ) -> None:
        """Start the thread.

        Args:
            spec: Shape that the policy must have.
            layout_hash: Of the observations that the policy will see.
            probes: Returns recent observations (k, n) for a trial run.
            notify: Called from the thread when `results` has a new entry.
            verify: Rule W4.
        """
        self.results: deque[Verdict] = deque()
        self._spec, self._layout_hash = spec, layout_hash
        self._probes, self._notify, self._verify = probes, notify, verify
        self._gate = VersionGate()  # the first run offered since activation is adopted
        self._waiting: deque[CompletePolicy] = deque(maxlen=1)
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name='weights', daemon=True)
        self._thread.start()

    def submit(self, weights: CompletePolicy) -> None:
        """Hand in a version."""
        self._waiting.append(weights)
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._ending:
                return
            while self._waiting:
                self.results.append(self._judge(self._waiting.popleft()))
                self._notify()

    def _judge(self, weights: CompletePolicy) -> Verdict:
        run_id, version = weights.run_id, weights.version
        try:
            if weights.layout_hash != self._layout_hash:
                raise WeightsRejected(
                    'W6',
                    f'trained on observation layout {weights.layout_hash}, this task has '
                    f'{self._layout_hash}',
                )
            self._gate.check(run_id, version)
            policy = accept_policy(
                weights.payload,
                weights.sha256,
                self._spec,
                self._probes(),
                self._verify,
                f'run {run_id} version {version}',
            )
            self._gate.accept(run_id, version)
        except WeightsRejected as error:
            return Verdict(run_id, version, None, str(error))
        return Verdict(run_id, version, policy)
