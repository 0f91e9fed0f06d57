# SPDX-License-Identifier: Apache-2.0
"""Which version of this software runs. Imports no torch, for the recorder's sake."""

from __future__ import annotations

from pathlib import Path
import subprocess


def commit() -> str | None:
    """Return the git commit of these sources, with '-dirty' if changed; None outside of git."""
    here = Path(__file__).resolve().parent
    command = ['git', '-C', str(here), 'describe', '--always', '--dirty', '--abbrev=40']
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10.0, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
