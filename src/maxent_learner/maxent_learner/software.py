# SPDX-License-Identifier: Apache-2.0
"""Which version of this software runs."""

from __future__ import annotations

from pathlib import Path
import subprocess

TIMEOUT_S = 5.0


def source_commit() -> str:
    """Return the git commit of the sources, '+' after it if they differ; empty if unknown."""
    folder = Path(__file__).resolve().parent
    command = ['git', '-C', str(folder), 'describe', '--always', '--abbrev=40', '--exclude=*']
    try:
        done = subprocess.run(
            [*command, '--dirty=+'], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout.strip() if done.returncode == 0 else ''
