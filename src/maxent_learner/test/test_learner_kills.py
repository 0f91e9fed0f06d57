# SPDX-License-Identifier: Apache-2.0
"""Fault 17: a learner that is killed again and again loses no completed checkpoint."""

import importlib.util
import json
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / 'benchmarks' / 'learner_kills.py'
KILLS = 5


@pytest.fixture
def kill_and_resume():
    if not BENCHMARK.is_file():
        pytest.skip(f'{BENCHMARK} is not there: installed without the repository')
    spec = importlib.util.spec_from_file_location('learner_kills', BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.kill_and_resume


def test_fault_17_a_learner_killed_at_random_times_resumes_from_its_last_checkpoint(
    kill_and_resume, tmp_path
):
    figures = kill_and_resume(KILLS, tmp_path / 'run', seed=1)
    assert figures['tried'] == figures['resumed'] == figures['monotone'] == KILLS
    assert figures['steps'] > 0
    lines = (tmp_path / 'run' / 'progress.jsonl').read_text().splitlines()
    steps = [json.loads(line)['steps'] for line in lines[:-1]]  # the last one may be torn
    assert steps == sorted(steps)
