# SPDX-License-Identifier: Apache-2.0
"""One state out of several topics: joint states, completed by the robot's other signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from maxent_robot.types import JointSample


class StateAssembler:
    """Hands each joint sample on together with one value of every wanted signal.

    Where time waits (`exact`), a sample waits for the signals of its own stamp, and a newer one
    takes its place; so every run has the same states. On a running robot a sample goes on at once
    with the newest signals, or not at all (`incomplete` counts) while one of them is older than it
    may be: guard and policy then see stale states and brake.
    """

    def __init__(
        self,
        oldest_ns: Mapping[str, int],
        deliver: Callable[[JointSample], None],
        *,
        exact: bool,
    ) -> None:
        """Take the wanted signals, each with its greatest age in ns, and who gets the samples."""
        self._oldest_ns = dict(oldest_ns)
        self._deliver, self._exact = deliver, exact
        self._newest: dict[str, tuple[int, NDArray[Any]]] = {}
        self._waiting: JointSample | None = None
        self.incomplete = 0

    def on_joints(self, sample: JointSample) -> None:
        """Take a joint sample."""
        if not self._oldest_ns:
            self._deliver(sample)
            return
        if self._complete(sample):
            self._waiting = None
        elif self._exact:
            self._waiting = sample
        else:
            self.incomplete += 1

    def on_signal(self, name: str, stamp_ns: int, values: NDArray[Any]) -> None:
        """Take what the robot says besides its joints."""
        self._newest[name] = (stamp_ns, values)
        if self._waiting is not None and self._complete(self._waiting):
            self._waiting = None

    def _complete(self, sample: JointSample) -> bool:
        signals = {}
        for name, oldest_ns in self._oldest_ns.items():
            if name not in self._newest:
                return False
            stamp_ns, values = self._newest[name]
            age_ns = sample.stamp_ns - stamp_ns
            if age_ns != 0 if self._exact else abs(age_ns) > oldest_ns:
                return False
            signals[name] = values
        self._deliver(replace(sample, signals=signals))
        return True
