# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters of soft Q-learning: defaults, ranges and their meaning in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from typing import Any

from maxent_rl.option_ranges import check_options


def _setting(default: Any, doc: str, minimum: float, maximum: float) -> Any:
    return field(default=default, metadata={'doc': doc, 'min': minimum, 'max': maximum})


@dataclass(frozen=True)
class SoftQConfig:
    """Settings of soft Q-learning; in brackets those of the thesis (Haarnoja 2018, app. C.1).

    Raises:
        ValueError: a value outside its range (metadata `min` and `max`, both allowed values).
    """

    hidden: tuple[int, ...] = field(
        default=(256, 256), metadata={'doc': 'units of each hidden layer [200, 200]'}
    )
    layer_norm: bool = field(
        default=True, metadata={'doc': 'layer normalisation in the Q-functions [none]'}
    )
    batch_size: int = _setting(128, 'transitions per update [64]', 1, 65536)
    learning_rate: float = _setting(1e-3, 'step size of Adam for the Q-functions', 1e-8, 1.0)
    policy_learning_rate: float = _setting(
        1e-3, 'step size of Adam for the sampling network [1e-4]', 1e-8, 1.0
    )
    discount: float = _setting(0.98, 'discount per step [0.99]', 0.0, 0.99999)
    temperature: float = _setting(0.05, 'weight of the entropy', 1e-8, 1e3)
    final_temperature: float = _setting(
        0.0, 'weight of the entropy after annealing; 0: no annealing', 0.0, 1e3
    )
    annealing_updates: int = _setting(
        10_000, 'updates in which the temperature falls, log-linearly', 1, 10**9
    )
    particles: int = _setting(16, 'actions per state in the update of the policy [32]', 2, 1024)
    value_samples: int = _setting(32, 'actions per state in the soft value [50]', 2, 4096)
    value_width: float = _setting(
        0.1,
        'half of the value samples are drawn this close (standard deviation) around samples of '
        'the policy; 0: all are uniform [0]',
        0.0,
        10.0,
    )
    target_period: int = _setting(1, 'updates between two moves of the target [1000]', 1, 10**6)
    target_smoothing: float = _setting(
        0.005, 'share of the new parameters in the target at each move [1]', 1e-6, 1.0
    )
    conservative_weight: float = _setting(
        0.0,
        'weight of the penalty on Q of actions that the data lack, for learning from bags '
        '(Kumar et al. 2020) [none]',
        0.0,
        1e3,
    )

    def __post_init__(self) -> None:
        """Check every value against its range."""
        check_options(self, 'soft_q')

    def temperature_at(self, updates: int) -> float:
        """Return the weight of the entropy after so many updates."""
        if self.final_temperature == 0.0:
            return self.temperature
        share = min(updates / self.annealing_updates, 1.0)
        ratio = self.final_temperature / self.temperature
        return self.temperature * math.exp(share * math.log(ratio))
