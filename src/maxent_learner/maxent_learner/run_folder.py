# SPDX-License-Identifier: Apache-2.0
"""The folder of a training run: config.json, checkpoint/, replay/, number of the last version."""

from __future__ import annotations

from collections.abc import Mapping
import json
import os
from pathlib import Path
from typing import Any
import uuid

from maxent_rl.durable import write_file

OWN_FILES = (
    'config.json',
    'checkpoint',
    'replay',
    'last_version',
    'progress.jsonl',
    'tensorboard',
    'curve.png',
)


class RunFolder:
    """Files of one run. Methods raise OSError if the folder cannot be written."""

    def __init__(self, path: Path) -> None:
        """Take the folder, which need not exist."""
        self.path = path
        self.checkpoints = path / 'checkpoint'
        self._config = path / 'config.json'
        self._version = path / 'last_version'

    @property
    def run_id(self) -> str | None:
        """Identity of the run in the folder; None if there is no run yet."""
        try:
            content = json.loads(self._config.read_text(encoding='utf-8'))
        except (OSError, json.JSONDecodeError):
            return None
        return str(content['run_id']) if 'run_id' in content else None

    def set_aside(self) -> Path | None:
        """Move what an earlier run left into a sub-folder and returns that; None if nothing.

        Logs of the processes lie in the same folder and stay, for they are being written.
        """
        if not self.path.is_dir():
            return None
        found = [self.path / name for name in OWN_FILES if (self.path / name).exists()]
        if not found:
            return None
        target = self.path / f'earlier-{self.run_id or new_run_id()}'
        target.mkdir(exist_ok=True)
        for item in found:
            os.replace(item, target / item.name)
        return target

    def describe(self, run_id: str, content: Mapping[str, Any]) -> None:
        """Write config.json."""
        text = json.dumps({'run_id': run_id, **content}, indent=2) + '\n'
        write_file(self._config, text.encode())

    def note_version(self, version: int) -> None:
        """Remember the newest published version, so that no number is ever used twice.

        Policy nodes refuse a version that is not newer than theirs; after a crash the newest
        checkpoint may be older than the newest published version.
        """
        write_file(self._version, f'{version}\n'.encode())

    def last_version(self) -> int:
        """Return the number kept by `note_version`, 0 if there is none."""
        try:
            return int(self._version.read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return 0


def new_run_id() -> str:
    """Return an identity that no other run has."""
    return uuid.uuid4().hex[:12]
