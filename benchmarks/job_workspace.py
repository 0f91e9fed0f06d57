# SPDX-License-Identifier: Apache-2.0
"""The folder of one job of a benchmark: how far it is, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import time
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a job returned, and how long it worked for that, interrupted attempts included."""

    result: Any
    wall_s: float


class Workspace:
    """What a job knows of the pool: its folder, whom to tell how far it is, its forerunners."""

    def __init__(self, folder: Path) -> None:
        """Go on with the time spent in `folder` before."""
        self.folder = folder
        self._begin = time.monotonic() - read(folder / 'progress.json').get('spent_s', 0.0)

    @property
    def spent_s(self) -> float:
        """Seconds worked so far, as far as earlier attempts told of their progress."""
        return time.monotonic() - self._begin

    def progress(self, done: float, total: float) -> None:
        """Say how much is done; call it as often as you like up to some ten times a second."""
        content = {'done': done, 'total': total, 'spent_s': self.spent_s}
        write(self.folder / 'progress.json', content)

    def outcome(self, name: str) -> Outcome:
        """Return what a job found that this one needs; LookupError if it is not done."""
        outcome = outcome_in(self.folder.parent / name)
        if outcome is None:
            raise LookupError(f'job {name} is not done: name it among what this job needs')
        return outcome


def outcome_in(folder: Path) -> Outcome | None:
    """Return what the job in `folder` found, None if it is not done."""
    content = read(folder / 'outcome.json')
    return Outcome(**content) if content else None


def read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, an empty one if there is no such file."""
    return dict(json.loads(path.read_text(encoding='utf-8'))) if path.is_file() else {}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole."""
    partial = path.with_suffix('.tmp')
    partial.write_text(json.dumps(content), encoding='utf-8')
    partial.replace(path)
