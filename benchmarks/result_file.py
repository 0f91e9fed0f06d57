# SPDX-License-Identifier: Apache-2.0
"""Writes benchmarks/results/<row>.json: what was measured, by which command, on which machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
import os
from pathlib import Path
import platform
from typing import Any

from maxent_learner.skill_export import versions
from maxent_learner.software import commit

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'


def write_result(
    row: str,
    command: str,
    seeds: Sequence[int],
    budget: Mapping[str, float],
    figures: Mapping[str, Any],
    falls_short: Sequence[str],
) -> Path:
    """Write one row of the results table and return its path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f'{row}.json'
    content = {
        'row': row,
        'command': command,
        'commit': commit(),
        'versions': versions(),
        'machine': machine(),
        'seeds': list(seeds),
        'budget': dict(budget),
        'figures': dict(figures),
        'falls_short': list(falls_short),
    }
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=1) + '\n')
    temporary.replace(path)
    return path


def machine() -> str:
    """Return processor, cores and kernel in one line."""
    model = 'unknown processor'
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            model = line.partition(':')[2].strip()
            break
    return f'{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}'
