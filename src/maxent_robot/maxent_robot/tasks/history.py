# SPDX-License-Identifier: Apache-2.0
"""The state out of the newest frames and actions, for robots that are not Markovian.

Latencies and contacts hide part of the state from a single frame (Haarnoja et al. 2018, "Soft
Actor-Critic Algorithms and Applications", section 7.2).
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from maxent_robot.types import Vector


class History:
    """The present frame (k,), and the frames and actions (m,) of the `length` steps before.

    At the start of an episode the first frame stands for those before it, with no action.
    """

    def __init__(self, length: int, action_size: int) -> None:
        """Remember this many steps of the past."""
        self._length, self._action_size = length, action_size
        self._past: deque[tuple[Vector, Vector]] = deque(maxlen=length)
        self._frame: Vector | None = None

    def forget(self) -> None:
        """Begin an episode."""
        self._past.clear()
        self._frame = None

    def see(self, frame: Vector) -> None:
        """Take the present frame; another one before the next action replaces it."""
        self._frame = frame
        if not self._past:
            still = np.zeros(self._action_size)
            self._past.extend([(frame, still)] * self._length)

    def act(self, action: NDArray[np.floating]) -> None:
        """Take the action chosen at the present frame; ValueError before the first frame."""
        if self._frame is None:
            raise ValueError('an action was chosen before anything was observed')
        self._past.appendleft((self._frame, np.asarray(action, dtype=np.float64)))

    def frames(self) -> Vector:
        """Return the past frames (length * k,), newest first."""
        return np.concatenate([frame for frame, _ in self._past])

    def actions(self) -> Vector:
        """Return the past actions (length * m,), newest first."""
        return np.concatenate([action for _, action in self._past])
