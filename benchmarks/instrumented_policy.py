#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy node as it is, noting when it swaps weights: one JSON line per swap on stdout."""

from __future__ import annotations

import json
import sys
import time

from maxent_policy_node.policy_node import PolicyNode
from maxent_policy_node.weights_worker import Verdict
from maxent_ros.runtime import run_node


class InstrumentedPolicy(PolicyNode):
    """Adds the times of activation and of each swap to the real node."""

    def _activate(self) -> None:
        self._activated_s = time.monotonic()
        super()._activate()

    def _on_verdict(self, verdict: Verdict) -> None:
        super()._on_verdict(verdict)
        if verdict.policy is None:
            return
        swap = {
            'version': verdict.version,
            'wall_s': time.time(),
            'since_activation_s': time.monotonic() - self._activated_s,
        }
        print('NOTE ' + json.dumps(swap), flush=True)


if __name__ == '__main__':
    sys.exit(run_node(InstrumentedPolicy))
