# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run that hold on every path: over ROS and in one process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from maxent_rl.algorithms import ALGORITHMS, algorithm_config
from maxent_robot.option_texts import parse_options


def setting(
    default: Any, doc: str, minimum: float | None = None, choices: Iterable[str] | None = None
) -> Any:
    """Return a dataclass field with the metadata that becomes the ROS parameter's description."""
    allowed = None if choices is None else tuple(choices)
    metadata = {'doc': doc, 'minimum': minimum, 'choices': allowed}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TrainerConfig:
    """How much is learned from what. Raises ValueError naming the setting that cannot be."""

    algorithm: str = setting('sac', 'learning algorithm', choices=ALGORITHMS)
    algorithm_options: tuple[str, ...] = setting(
        (), "settings of the algorithm as 'name=value', such as 'discount=0.99'"
    )
    max_steps: int = setting(12_000, 'transitions to learn from before the run is finished', 1)
    updates_per_step: float = setting(1.0, 'gradient steps per transition', 0)
    learning_starts: int = setting(500, 'transitions to collect before the first update', 1)
    buffer_capacity: int = setting(1_000_000, 'observations kept, the oldest go first', 2)
    bag_share: float = setting(
        0.5, 'share of every batch that is drawn from bags, if there are any', 0.0
    )
    publish_every: int = setting(10, 'transitions from one published policy to the next', 1)
    checkpoint_every: int = setting(2_000, 'transitions from one checkpoint to the next', 1)
    seed: int = setting(0, 'of networks, exploration and sampling', 0)

    def __post_init__(self) -> None:
        for each in fields(self):
            minimum = each.metadata.get('minimum')
            value = getattr(self, each.name)
            if minimum is not None and not value >= minimum:
                raise ValueError(f'{each.name} is {value!r}; it must be at least {minimum}')
        algorithm_config(self.algorithm, self.options)

    @property
    def options(self) -> dict[str, Any]:
        """The algorithm's settings as values."""
        return parse_options(self.algorithm_options)
