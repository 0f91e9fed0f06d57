# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters of NAF: defaults, ranges and their meaning in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from maxent_rl.option_ranges import check_options


@dataclass(frozen=True)
class NAFConfig:
    """Settings of NAF; the paper searches them per task, the defaults are those of SAC.

    Raises:
        ValueError: a value outside its range (metadata `min` and `max`, both allowed values).
    """

    hidden: tuple[int, ...] = field(
        default=(256, 256), metadata={'doc': 'units of each hidden layer of every network'}
    )
    layer_norm: bool = field(
        default=True,
        metadata={
            'doc': 'layer normalisation in the network of value and precision (the paper '
            'normalises batches)'
        },
    )
    batch_size: int = field(
        default=256, metadata={'doc': 'transitions per update', 'min': 1, 'max': 65536}
    )
    learning_rate: float = field(
        default=1e-3,
        metadata={'doc': 'step size of Adam for all parameters', 'min': 1e-8, 'max': 1.0},
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
            'doc': 'share of the new parameters in the target (paper: 0.001)',
            'min': 1e-6,
            'max': 1.0,
        },
    )

    def __post_init__(self) -> None:
        """Check every value against its range."""
        check_options(self, 'NAF')
