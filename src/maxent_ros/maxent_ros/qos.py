# SPDX-License-Identifier: Apache-2.0
"""Quality-of-service profiles by purpose; the table of docs/design.md says who uses which."""

from __future__ import annotations

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)


def _profile(depth: int, *, reliable: bool = True, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        liveliness=LivelinessPolicy.AUTOMATIC,
    )


COMMAND = _profile(1)  # only the newest state or command is of use
# As COMMAND, offered where a recorder shall miss none; readers that want the newest only keep one.
# Not for commands to hardware: there, what was lost must not hold up what is new.
RECORDED = _profile(200)
EVENTS = _profile(10)  # each one matters, none to late joiners
LATCHED = _profile(1, latched=True)  # the present value, also to late joiners
EXPERIENCE = _profile(1000)  # transitions: a burst must not lose any
WEIGHTS = _profile(32, latched=True)  # all chunks of one version
SENSOR = _profile(5, reliable=False)
CLOCK = _profile(1, reliable=False)
