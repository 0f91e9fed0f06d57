# SPDX-License-Identifier: Apache-2.0
"""Settings of the extraction of a policy: defaults, ranges and their meaning in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from maxent_rl.option_ranges import check_options


@dataclass(frozen=True)
class ExtractionConfig:
    """Settings of an extraction.

    Raises:
        ValueError: a value outside its range (metadata `min` and `max`, both allowed values).
    """

    steps: int = field(default=1000, metadata={'doc': 'gradient steps', 'min': 1, 'max': 10**8})
    batch_size: int = field(
        default=128, metadata={'doc': 'states per step', 'min': 1, 'max': 65536}
    )
    particles: int = field(
        default=16, metadata={'doc': 'actions per state (sampling network)', 'min': 2, 'max': 1024}
    )
    temperature: float = field(
        default=1.0,
        metadata={
            'doc': 'of the policy, as a share of that of the composition: below 1 it is more '
            'decided than exp(Q), and the sum of n skills, not their mean, has 1 / n',
            'min': 1e-3,
            'max': 1e3,
        },
    )
    learning_rate: float = field(
        default=1e-3, metadata={'doc': 'step size of Adam', 'min': 1e-8, 'max': 1.0}
    )
    decay: float = field(
        default=1.0,
        metadata={
            'doc': 'share of the step size that is left after `steps`, reached log-linearly',
            'min': 1e-6,
            'max': 1.0,
        },
    )
    hidden: tuple[int, ...] = field(
        default=(256, 256), metadata={'doc': 'units of each hidden layer of the policy'}
    )

    def __post_init__(self) -> None:
        """Check every value against its range."""
        check_options(self, 'extraction')
