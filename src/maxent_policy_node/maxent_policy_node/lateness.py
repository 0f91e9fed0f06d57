# SPDX-License-Identifier: Apache-2.0
"""How late the ticks of a control loop came, over a sliding window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LatenessSummary:
    """Percentiles in microseconds of the ticks in the window."""

    p50_us: float = 0.0
    p99_us: float = 0.0
    p99_9_us: float = 0.0
    max_us: float = 0.0
    ticks: int = 0


class LatenessWindow:
    """Ring of the newest lateness values; `add` allocates nothing.

    One thread adds, another may summarise: at worst a value is one tick too new.
    """

    def __init__(self, size: int) -> None:
        """Remember `size` ticks (at least 1)."""
        self._values = np.zeros(size, dtype=np.int64)
        self._count = 0

    def add(self, lateness_ns: int) -> None:
        """Record one tick."""
        self._values[self._count % len(self._values)] = lateness_ns
        self._count += 1

    def summary(self) -> LatenessSummary:
        """Return the percentiles; all 0 before the first tick."""
        filled = min(self._count, len(self._values))
        if filled == 0:
            return LatenessSummary()
        values = self._values[:filled] / 1e3
        p50, p99, p99_9 = (float(v) for v in np.percentile(values, (50.0, 99.0, 99.9)))
        return LatenessSummary(p50, p99, p99_9, float(values.max()), filled)
