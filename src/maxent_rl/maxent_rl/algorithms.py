# SPDX-License-Identifier: Apache-2.0
"""Algorithms by name, made from plain options as they come from a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from maxent_rl.ddpg import DDPG
from maxent_rl.ddpg_config import DDPGConfig
from maxent_rl.naf import NAF
from maxent_rl.naf_config import NAFConfig
from maxent_rl.policies import check_image
from maxent_rl.policy import Policy
from maxent_rl.replay_buffer import Batch
from maxent_rl.sac import SAC
from maxent_rl.sac_config import SACConfig
from maxent_rl.soft_q import SoftQ
from maxent_rl.soft_q_config import SoftQConfig


class AlgorithmConfig(Protocol):
    """What the settings of every algorithm tell those who use it."""

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer of every network."""

    @property
    def layer_norm(self) -> bool:
        """Whether the Q-functions normalise their layers."""

    @property
    def batch_size(self) -> int:
        """Transitions per update."""

    @property
    def discount(self) -> float:
        """Discount per step."""


class Algorithm(Protocol):
    """A learner: networks, optimiser and noise; knows no environment and no files."""

    obs_dim: int
    act_dim: int
    updates: int

    @property
    def config(self) -> AlgorithmConfig:
        """Its settings."""

    @property
    def policy(self) -> Policy:
        """The policy that is being trained, changed in place by `update`."""

    @property
    def temperature(self) -> float:
        """Current weight of the entropy, 0 where it plays no part."""

    def update(self, batch: Batch) -> dict[str, float]:
        """Make one gradient step; returns figures by name, all finite.

        Raises:
            DivergedError: a figure is not finite; no parameter was changed.
            ValueError: the batch has other dimensions than this learner.
        """

    def policy_tensors(self) -> dict[str, Tensor]:
        """Copy what acting needs: `policy.*`."""

    def skill_tensors(self) -> dict[str, Tensor]:
        """Copy what a skill holds: `policy.*` and the Q-functions."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Copy everything that exact resume needs: tensors by name, and JSON-ready scalars."""

    def load_state(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, object]) -> None:
        """Continue exactly where `state` was taken from a learner of the same shape.

        Raises:
            ValueError: another algorithm, or tensors missing, unknown or of another shape.
        """


class _Entry(NamedTuple):
    config: Callable[..., AlgorithmConfig]  # a dataclass with a default for every field
    learner: Callable[..., Algorithm]  # obs_dim, act_dim, config, seed, image if there is one


ALGORITHMS: Mapping[str, _Entry] = {
    'sac': _Entry(SACConfig, SAC),
    'soft_q': _Entry(SoftQConfig, SoftQ),
    'ddpg': _Entry(DDPGConfig, DDPG),
    'naf': _Entry(NAFConfig, NAF),
}


def make_algorithm(
    name: str,
    obs_dim: int,
    act_dim: int,
    options: Mapping[str, object],
    seed: int,
    image: Sequence[int] = (),
) -> Algorithm:
    """Make the learner called `name` for observations (n,) and actions (m,).

    `image` is the shape (h, w, c) of the image that ends an observation, () without one.

    Raises:
        ValueError: unknown algorithm or option, a value of wrong type or range, or an image for
            an algorithm that sees none.
    """
    config = algorithm_config(name, options)
    check_image(name, image)
    seen = (image,) if image else ()
    return ALGORITHMS[name].learner(obs_dim, act_dim, config, seed, *seen)


def algorithm_config(name: str, options: Mapping[str, object]) -> AlgorithmConfig:
    """Make the settings of an algorithm from options by name; absent ones keep their defaults.

    Raises:
        ValueError: unknown algorithm or option, or a value of wrong type or range.
    """
    if name not in ALGORITHMS:
        raise ValueError(f'unknown algorithm {name!r}; known: {sorted(ALGORITHMS)}')
    config: Any = ALGORITHMS[name].config
    known = {spec.name: spec.default for spec in fields(config)}
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ValueError(f'unknown options {unknown} of {name}; known: {sorted(known)}')
    values = {k: _as_type_of(f'{name} option {k}', v, known[k]) for k, v in options.items()}
    made: AlgorithmConfig = config(**values)
    return made


def _as_type_of(name: str, value: object, default: object) -> object:
    """Accept int for float and list for tuple, as YAML and JSON write them; nothing else."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        if all(type(item) is int for item in value):
            return tuple(value)
    elif isinstance(default, float) and type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]
    elif type(value) is type(default):
        return value
    raise ValueError(f'{name} must be like {default!r}, got {value!r}')
