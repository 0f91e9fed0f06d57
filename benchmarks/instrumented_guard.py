#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guard node as it is, noting how many ticks pass from an emergency stop to its effect."""

from __future__ import annotations

import json
import sys

from maxent_policy_node.guard_node import GuardNode
from maxent_robot.safety.guard import TickResult
from maxent_robot.types import Level
from maxent_ros.runtime import run_node


class InstrumentedGuard(GuardNode):
    """Counts the ticks after a stop has come in, up to the one that commands it."""

    _asked_at: int | None = None

    def _stop(self, source: str) -> None:
        if self._asked_at is None:
            self._asked_at = self._guard.counters.ticks
        super()._stop(source)

    def _emit(self, result: TickResult) -> None:
        super()._emit(result)
        if self._asked_at is not None and result.level is Level.ESTOP:
            print('NOTE ' + json.dumps({'ticks': self._guard.counters.ticks - self._asked_at}))
            sys.stdout.flush()
            self._asked_at = None


if __name__ == '__main__':
    sys.exit(run_node(InstrumentedGuard))
