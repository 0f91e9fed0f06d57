# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters of soft actor-critic: defaults, ranges and their meaning in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
import math

from maxent_rl.option_ranges import check_options


@dataclass(frozen=True)
class SACConfig:
    """Settings of SAC; defaults after Haarnoja et al. 2018, table 1, where not said otherwise.

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
    learning_rate: float = field(
        default=1e-3,
        metadata={
            'doc': 'step size of Adam for all parameters (paper: 3e-4; layer-normalised '
            'Q-functions bear more, and learn Sawyer reach in half the steps)',
            'min': 1e-8,
            'max': 1.0,
        },
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
        metadata={'doc': 'share of the new parameters in the target', 'min': 1e-6, 'max': 1.0},
    )
    initial_temperature: float = field(
        default=0.05,
        metadata={
            'doc': 'temperature before the first update (paper: 1; small starts learn sooner), '
            'in the unit of reward (reward_unit), which is 1 if not automatic',
            'min': 1e-8,
            'max': 1e3,
        },
    )
    automatic_temperature: bool = field(
        default=True, metadata={'doc': 'adapt the temperature to the entropy target (eq. 18)'}
    )
    target_entropy_per_dim: float = field(
        default=-1.0,
        metadata={
            'doc': 'entropy target in nats per action dimension: -1 gives -dim(A)',
            'min': -20.0,
            'max': math.log(2.0),  # of the uniform distribution on [-1, 1]: none is higher
        },
    )
    imitation_weight: float = field(
        default=0.0,
        metadata={
            'doc': 'weight of imitating the recorded actions, for learning from bags (Fujimoto '
            'and Gu 2021; not in the paper); above 0, entropy is not backed up',
            'min': 0.0,
            'max': 1e6,
        },
    )

    def __post_init__(self) -> None:
        """Check every value against its range."""
        check_options(self, 'SAC')
