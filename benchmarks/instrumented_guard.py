#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guard node as it is, noting two things in its log.

`ticks`: how many pass from an emergency stop to its effect. `slew_ratio`, every 200 ticks: the
largest step of a joint's torque between two ticks, as a share of the fastest that the guard's
limits allow for the time between them.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from maxent_policy_node.guard_node import GuardNode
from maxent_robot.robots import get_robot
from maxent_robot.safety.guard import TickResult
from maxent_robot.safety.shaping import usable_step
from maxent_robot.types import CommandMode, Level
from maxent_ros.runtime import run_node

WINDOW = 200  # ticks


class InstrumentedGuard(GuardNode):
    """Counts the ticks from a stop to the one that commands it, and measures torque steps."""

    _asked_at: int | None = None

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        spec = get_robot(self.config.robot)
        rate = self.get_parameter('safety.slew_rate').value  # 1/s
        ratio = self.get_parameter('safety.release_ratio').value
        self._fastest = ratio * rate * spec.limits.command_effort  # N m/s
        self._period_ns = spec.guard_period_ns
        self._last = np.zeros(len(spec.joint_names))
        self._last_ns: int | None = None
        self._slews: list[float] = []
        self._tick, self._guard.tick = self._guard.tick, self._measured

    def _measured(self, now_ns: int) -> TickResult:
        result = self._tick(now_ns)
        since_ns = self._period_ns if self._last_ns is None else now_ns - self._last_ns
        self._last_ns = now_ns
        if result.command is None or result.command.mode is not CommandMode.TORQUE:
            self._last = np.zeros_like(self._last)  # episodes begin with a motion by positions
        else:
            dt, _ = usable_step(1e-9 * since_ns, 1e-9 * self._period_ns)
            steps = np.abs(result.command.values - self._last) / (self._fastest * dt)
            self._slews.append(float(steps.max()))
            self._last = result.command.values
        if len(self._slews) == WINDOW:
            note({'slew_ratio': max(self._slews)})
            self._slews.clear()
        return result

    def _stop(self, source: str) -> None:
        if self._asked_at is None:
            self._asked_at = self._guard.counters.ticks
        super()._stop(source)

    def _emit(self, result: TickResult) -> None:
        super()._emit(result)
        if self._asked_at is not None and result.level is Level.ESTOP:
            note({'ticks': self._guard.counters.ticks - self._asked_at})
            self._asked_at = None


def note(figures: dict[str, float]) -> None:
    """Write what `running_system.notes` reads."""
    print('NOTE ' + json.dumps(figures), flush=True)


if __name__ == '__main__':
    sys.exit(run_node(InstrumentedGuard))
