# SPDX-License-Identifier: Apache-2.0
"""Algorithms by name, made from plain options as they come from a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from maxent_rl.sac import SAC
from maxent_rl.sac_config import SACConfig

ALGORITHMS: dict[str, Callable[[int, int, Mapping[str, object], int], SAC]] = {
    'sac': lambda obs_dim, act_dim, options, seed: SAC(
        obs_dim, act_dim, sac_config(options), seed
    ),
}


def make_algorithm(
    name: str, obs_dim: int, act_dim: int, options: Mapping[str, object], seed: int
) -> SAC:
    """Make the learner called `name` for observations (n,) and actions (m,).

    Raises:
        ValueError: unknown algorithm or option, or a value of wrong type or range.
    """
    if name not in ALGORITHMS:
        raise ValueError(f'unknown algorithm {name!r}; known: {sorted(ALGORITHMS)}')
    return ALGORITHMS[name](obs_dim, act_dim, options, seed)


def sac_config(options: Mapping[str, object]) -> SACConfig:
    """Make the configuration of SAC from options by name; absent ones keep their defaults.

    Raises:
        ValueError: unknown option, or a value of wrong type or range.
    """
    known = {spec.name: spec.default for spec in fields(SACConfig)}
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ValueError(f'unknown SAC options {unknown}; known: {sorted(known)}')
    values: dict[str, Any] = {k: _as_type_of(k, v, known[k]) for k, v in options.items()}
    return SACConfig(**values)


def _as_type_of(name: str, value: object, default: object) -> object:
    """Accept int for float and list for tuple, as YAML and JSON write them; nothing else."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        if all(type(item) is int for item in value):
            return tuple(value)
    elif isinstance(default, float) and type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]
    elif type(value) is type(default):
        return value
    raise ValueError(f'SAC option {name} must be like {default!r}, got {value!r}')
