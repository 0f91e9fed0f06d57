# SPDX-License-Identifier: Apache-2.0
"""The progress bar of commands that make gradient steps without a robot."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(console: Console | None = None, *, hidden: bool = False) -> Progress:
    """Make a bar whose tasks have a field `figures`, shown at the end of the line."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.fields[figures]}'),
        console=console,
        disable=hidden,
    )
