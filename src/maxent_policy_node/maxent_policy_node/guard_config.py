# SPDX-License-Identifier: Apache-2.0
"""Parameters of the guard node; the figures of the guard itself are `safety.<name>`."""

from __future__ import annotations

from dataclasses import dataclass, field

from maxent_policy_node.robot_ports import ROBOT_PORTS


@dataclass(frozen=True)
class GuardNodeConfig:
    """Which robot is guarded and who sets the pace."""

    robot: str = field(
        default='sawyer', metadata={'doc': 'robot to guard', 'choices': tuple(ROBOT_PORTS)}
    )
    pacing: str = field(
        default='lockstep',
        metadata={
            'doc': 'lockstep: one tick per joint state; realtime: own thread, monotonic clock',
            'choices': ('lockstep', 'realtime'),
        },
    )
    real_time_factor: float = field(
        default=1.0,
        metadata={
            'doc': 'robot time per wall time under realtime pacing',
            'minimum': 0.01,
            'maximum': 20.0,
        },
    )
