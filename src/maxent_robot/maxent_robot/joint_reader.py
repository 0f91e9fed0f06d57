# SPDX-License-Identifier: Apache-2.0
"""Joint states by name: whatever order and extra joints a robot reports, one order inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from maxent_robot.types import JointSample, RobotState


class MissingJointError(ValueError):
    """A joint state lacks a joint of the robot; the message names it."""


class JointReader:
    """Turns received joint states into the order of the robot's joint names."""

    def __init__(
        self, joint_names: Sequence[str], signals: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Take the joint names in the order that is wanted, and the signals with their sizes."""
        self._wanted = tuple(joint_names)
        self._signals = dict(signals)
        self._names: tuple[str, ...] = ()
        self._index: list[int] = []

    def read(self, sample: JointSample) -> RobotState | None:
        """Pick the robot's joints; others are ignored.

        None if the sample is malformed: a name twice, arrays of another length than the names,
        a number that is not finite, a signal that is missing or of another size. Raises
        MissingJointError.
        """
        names = sample.names
        if len(set(names)) != len(names):
            return None
        missing = [name for name in self._wanted if name not in names]
        if missing:
            raise MissingJointError(
                f'the joint state lacks {", ".join(missing)}; it has {", ".join(names) or "none"}'
            )
        if sample.position.shape != (len(names),) or sample.velocity.shape != (len(names),):
            return None
        if names != self._names:
            self._names, self._index = names, [names.index(name) for name in self._wanted]
        position, velocity = sample.position[self._index], sample.velocity[self._index]
        if not (np.isfinite(position).all() and np.isfinite(velocity).all()):
            return None
        for name, size in self._signals.items():
            signal = sample.signals.get(name)
            if signal is None or signal.shape != (size,) or not np.isfinite(signal).all():
                return None
        return RobotState(sample.stamp_ns, position, velocity, sample.signals)
