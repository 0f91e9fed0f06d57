# SPDX-License-Identifier: Apache-2.0
"""What the guard says of its lateness before and while something is done to the system."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

import numpy as np
from running_system import wait

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor

WINDOW_S = 10.0  # over which the guard counts its lateness


class LatenessWatch:
    """The guard's own figures, before and while bad weights come."""

    def __init__(
        self, system: Supervisor, monitor: Monitor, under_way: Callable[[], bool]
    ) -> None:
        self._monitor = monitor
        wait(system, monitor, under_way, 60.0, 'the first steps')
        monitor.spin(2.0 * WINDOW_S)
        assert monitor.safety is not None
        self._quiet = [(monitor.safety.lateness_p50_us, monitor.safety.lateness_p999_us)]
        for _ in range(2):
            monitor.spin(WINDOW_S)
            self._quiet.append((monitor.safety.lateness_p50_us, monitor.safety.lateness_p999_us))
        self._first = monitor.safety
        self._busy: list[tuple[float, float]] = []
        self._next_s = time.monotonic() + WINDOW_S

    def look(self) -> None:
        """Take the figures of a window that has ended."""
        if time.monotonic() >= self._next_s:
            self._next_s += WINDOW_S
            status = self._monitor.safety
            assert status is not None
            self._busy.append((status.lateness_p50_us, status.lateness_p999_us))

    def figures(self) -> dict[str, Any]:
        """Medians over the windows, in us, and the ticks missed."""
        status = self._monitor.safety
        assert status is not None
        self._busy.append((status.lateness_p50_us, status.lateness_p999_us))
        quiet, busy = (
            np.median(rows, axis=0).round(1).tolist() for rows in (self._quiet, self._busy)
        )
        return {
            'lateness_p50_us': {'before': quiet[0], 'during': busy[0]},
            'lateness_p999_us': {'before': quiet[1], 'during': busy[1]},
            'ticks': status.ticks - self._first.ticks,
            'ticks_missed': status.overruns - self._first.overruns,
        }
