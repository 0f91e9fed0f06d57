# SPDX-License-Identifier: Apache-2.0
"""Command-line arguments for the settings of a system, made from SystemConfig."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
import shlex

from maxent_bringup.settings_text import SETTINGS, choices, default_text, doc, is_list

ALIASES = {'max_steps': '--steps'}


def add_settings(
    parser: argparse.ArgumentParser, purpose: str, without: Iterable[str] = ()
) -> None:
    """Add one argument per setting of a purpose; the result lacks those that are not given."""
    group = parser.add_argument_group('system')
    for name in SETTINGS[purpose]:
        if name in without:
            continue
        flag = ALIASES.get(name, '--' + name.replace('_', '-'))
        allowed = choices(name)
        if allowed == ('true', 'false'):
            _add_switch(group, name, flag)
            continue
        text = doc(name) + (f' ({", ".join(allowed)})' if allowed else '')
        group.add_argument(
            flag,
            dest=name,
            default=argparse.SUPPRESS,
            metavar=name.upper(),
            nargs='*' if is_list(name) else None,
            help=f'{text}; default: {default_text(name) or "none"}',
        )


def given_settings(
    arguments: argparse.Namespace, purpose: str, without: Iterable[str] = ()
) -> dict[str, str]:
    """Return setting -> text for the settings that were given."""
    given = vars(arguments)
    names = [name for name in SETTINGS[purpose] if name in given and name not in without]
    return {
        name: shlex.join(given[name]) if isinstance(given[name], list) else given[name]
        for name in names
    }


def _add_switch(group: argparse._ArgumentGroup, name: str, flag: str) -> None:
    is_on = default_text(name) == 'true'
    group.add_argument(
        flag.replace('--', '--no-') if is_on else flag,
        dest=name,
        action='store_const',
        const='false' if is_on else 'true',
        default=argparse.SUPPRESS,
        help=f'{"not: " if is_on else ""}{doc(name)}',
    )
