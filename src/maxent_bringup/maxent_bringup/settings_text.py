# SPDX-License-Identifier: Apache-2.0
"""A SystemConfig from texts, as launch arguments and the command line give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
import shlex
from typing import Any

from maxent_bringup.system import SystemConfig, SystemConfigError

TRUTH = {'true': True, 'false': False}
COMMON = (
    'robot',
    'task',
    'task_options',
    'mode',
    'world',
    'skill',
    'seed',
    'record',
    'namespace',
    'pacing',
    'real_time_factor',
    'runs',
    'skills',
    'name',
)
SETTINGS = {
    'train': (
        *COMMON,
        'algorithm',
        'algorithm_options',
        'max_steps',
        'updates_per_step',
        'max_steps_ahead',
        'bags',
        'bag_share',
        'resume',
    ),
    'run': (*COMMON, 'episodes', 'deterministic'),
}  # what a user may say, by purpose


def default_text(name: str) -> str:
    """Return the default of a setting as a user would write it."""
    default = next(item.default for item in fields(SystemConfig) if item.name == name)
    if isinstance(default, bool):
        return str(default).lower()
    return ' '.join(default) if isinstance(default, tuple) else str(default)


def choices(name: str) -> tuple[str, ...]:
    """Return the texts that a setting may have; empty if that is not a list."""
    item = next(item for item in fields(SystemConfig) if item.name == name)
    return tuple(TRUTH) if isinstance(item.default, bool) else item.metadata['choices']


def is_list(name: str) -> bool:
    """Return whether a setting is a list of texts."""
    return isinstance(
        next(item.default for item in fields(SystemConfig) if item.name == name), tuple
    )


def doc(name: str) -> str:
    """Return what a setting means."""
    item = next(item for item in fields(SystemConfig) if item.name == name)
    return str(item.metadata['doc'])


def config_from_text(purpose: str, texts: Mapping[str, str], **given: Any) -> SystemConfig:
    """Return the configuration that the texts ask for; settings not named keep their default.

    Args:
        purpose: `train` or `run`.
        texts: Setting -> text. Those that are lists are parted by blanks, as a shell does: what
            has a blank in it stands in quotes.
        given: Settings that are no texts.

    Raises:
        SystemConfigError: a text cannot be read, or the combination cannot be.
    """
    defaults = {item.name: item.default for item in fields(SystemConfig)}
    values = {name: _read(name, text, defaults[name]) for name, text in texts.items()}
    return SystemConfig(purpose=purpose, **values, **given)


def _parts(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:  # a quote that is not closed
        raise SystemConfigError(f'{name} cannot be read: {error} in {text!r}') from None


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in TRUTH:
            raise SystemConfigError(f"{name} must be true or false, got '{text}'")
        return TRUTH[text.lower()]
    if isinstance(default, tuple):
        return _parts(name, text)
    if isinstance(default, Path):
        return Path(text).expanduser().resolve()
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            kind = 'a whole number' if isinstance(default, int) else 'a number'
            raise SystemConfigError(f"{name} must be {kind}, got '{text}'") from None
    return text
