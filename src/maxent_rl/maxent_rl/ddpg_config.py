# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters of DDPG: defaults, ranges and their meaning in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from maxent_rl.option_ranges import check_options


@dataclass(frozen=True)
class DDPGConfig:
    """Settings of DDPG; learning rates after Haarnoja 2018 (thesis), app. C.1, the rest as SAC's.

    Raises:
        ValueError: a value outside its range (metadata `min` and `max`, both allowed values).
    """

    hidden: tuple[int, ...] = field(
        default=(256, 256), metadata={'doc': 'units of each hidden layer of every network'}
    )
    layer_norm: bool = field(
        default=True, metadata={'doc': 'layer normalisation in the Q-functions (not in the paper)'}
    )
    batch_size: int = field(
        default=256, metadata={'doc': 'transitions per update', 'min': 1, 'max': 65536}
    )
    critic_learning_rate: float = field(
        default=1e-3,
        metadata={'doc': 'step size of Adam for the Q-functions', 'min': 1e-8, 'max': 1.0},
    )
    actor_learning_rate: float = field(
        default=1e-4,
        metadata={'doc': 'step size of Adam for the policy', 'min': 1e-8, 'max': 1.0},
    )
    discount: float = field(
        default=0.98,
        metadata={
            'doc': 'discount per step (paper: 0.99; at 20 Hz 0.98 looks 2.5 s ahead)',
            'min': 0.0,
            'max': 0.99999,
        },
    )
    target_smoothing: float = field(
        default=0.005,
        metadata={
            'doc': 'share of the new parameters in the targets (paper: 0.001)',
            'min': 1e-6,
            'max': 1.0,
        },
    )

    def __post_init__(self) -> None:
        """Check every value against its range."""
        check_options(self, 'DDPG')
