# SPDX-License-Identifier: Apache-2.0
"""Shaping of the wish before all limits (P4 blend, P5 low-pass) and the usable time step."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, pi

from maxent_robot.safety.flags import Flag


def usable_step(dt: float, period: float) -> tuple[float, int]:
    """Time step clipped to [T/2, 2T]; T itself for NaN, infinity, zero and less. And flags.

    Limits are never skipped for a bad clock (ros2_control's joint_limits does skip them).
    """
    if not (isfinite(dt) and dt > 0.0):
        return period, int(Flag.PERIOD)
    if dt < 0.5 * period:
        return 0.5 * period, int(Flag.PERIOD)
    if dt > 2.0 * period:
        return 2.0 * period, int(Flag.PERIOD)
    return dt, 0


def smoothstep(share: float) -> float:
    """3 s^2 - 2 s^3 for a share clipped to [0, 1]."""
    if share <= 0.0:
        return 0.0
    if share >= 1.0:
        return 1.0
    return share * share * (3.0 - 2.0 * share)


def blend(old: Sequence[float], new: Sequence[float], share: float) -> list[float]:
    """Mix (1 - share) old + share new, joint by joint (P4)."""
    return [(1.0 - share) * a + share * b for a, b in zip(old, new, strict=True)]


def low_pass(
    last: Sequence[float] | None, wish: Sequence[float], dt: float, cutoff_hz: float
) -> list[float]:
    """First-order low-pass with gain dt / (dt + 1 / (2 pi f)) (P5, libfranka's form).

    Starts from the wish itself where `last` is None; a value that is not finite passes as it is,
    to be caught by the limits.
    """
    if last is None:
        return list(wish)
    gain = dt / (dt + 1.0 / (2.0 * pi * cutoff_hz))
    return [
        b if not (isfinite(a) and isfinite(b)) else a + gain * (b - a)
        for a, b in zip(last, wish, strict=True)
    ]
