# SPDX-License-Identifier: Apache-2.0
"""Copies the log files of several nodes to one terminal, each line with its node's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO


class LogFollower:
    """Prints what is appended to log files from now on. Lines stay whole."""

    def __init__(self, logs: Mapping[str, Path], out: TextIO) -> None:
        self._out = out
        self._width = max((len(name) for name in logs), default=0)
        self._files = dict(logs)
        self._read = {
            name: path.stat().st_size if path.exists() else 0 for name, path in logs.items()
        }

    def poll(self) -> None:
        """Print every complete line that was written since the last call."""
        for name, path in self._files.items():
            if not path.exists():
                continue
            with path.open('rb') as log:
                log.seek(self._read[name])
                new = log.read()
            whole = new[: new.rfind(b'\n') + 1]
            self._read[name] += len(whole)
            for line in whole.decode('utf-8', errors='replace').splitlines():
                self._out.write(f'{name:<{self._width}} | {line}\n')
        self._out.flush()
