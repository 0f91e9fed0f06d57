# SPDX-License-Identifier: Apache-2.0
"""Options given as 'name=value' texts: for tasks and algorithms, which each have their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import json
from typing import Any


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """Return {'value': 0.6, 'axis': 'x'} for ('value=0.6', 'axis=x').

    A value that is JSON is taken as JSON, any other as text. Empty texts are left out, for a
    ROS launch argument cannot be an empty list.

    Raises:
        ValueError: a text has no '=', or a name comes twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        if not text:
            continue
        name, separator, value = text.partition('=')
        if not separator or not name:
            raise ValueError(f"option {text!r} must have the form 'name=value'")
        if name in options:
            raise ValueError(f'option {name!r} is given twice')
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


def format_options(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that `parse_options` turns into `options` again.

    Lists are written without blanks, which part options on the command line.
    """
    compact = (',', ':')
    return tuple(f'{k}={json.dumps(v, separators=compact)}' for k, v in options.items())
