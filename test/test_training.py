# SPDX-License-Identifier: Apache-2.0
"""`maxent train`: the whole graph learns, can be interrupted, and goes on."""

from __future__ import annotations

import json
from pathlib import Path
import re
import signal
import time
from typing import Any

import pytest

from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.skill import load_skill

pytestmark = pytest.mark.system


def progress(run: Path) -> list[dict[str, Any]]:
    path = run / 'progress.jsonl'
    text = path.read_text() if path.exists() else ''
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith('\n')]


def wait_for_episode(run: Path, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not progress(run):
        assert time.monotonic() < deadline, 'no episode was finished in time'
        time.sleep(0.05)


def test_training_leaves_a_skill_a_curve_logs_and_a_sentence(trained) -> None:
    skill = load_skill(trained.skills / 'mine')
    assert skill.metadata.provenance['steps'] == 300
    assert skill.metadata.metrics['episodes'] == 20
    assert skill.states is not None
    run = trained.folder / 'runs' / 'mine'
    assert (run / 'curve.png').stat().st_size > 0
    assert list((run / 'tensorboard').iterdir())
    for name in ('sim_bridge', 'guard', 'policy', 'learner', 'recorder'):
        assert (run / 'logs' / f'{name}.log').exists()
    assert list((run / 'bag').glob('*.mcap'))
    last = trained.output.splitlines()[-1]
    assert re.search(
        r'mine succeeded in \d+ of 20 test episodes; distance to .*: \d+\.\d cm', last
    )
    assert str(trained.skills / 'mine') in last


def test_no_step_is_lost_in_lock_step(trained) -> None:
    rows = progress(trained.folder / 'runs' / 'mine')
    assert [(row['episode'], row['length'], row['whole']) for row in rows] == [
        (episode, 100, True) for episode in range(3)
    ]


def test_a_run_that_was_interrupted_continues_where_it_stopped(maxent) -> None:
    run = maxent.folder / 'runs' / 'broken'
    process = maxent.start('train', '--name', 'broken', '--skill', 'mine', '--steps', '350')
    try:
        wait_for_episode(run)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30.0)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert 'maxent train --name broken --resume' in output
    assert not (maxent.folder / 'skills' / 'mine').exists()
    stopped_at = load_newest_checkpoint(run / 'checkpoint').step
    assert 100 <= stopped_at < 350
    before = progress(run)

    maxent.run('train', '--name', 'broken', '--resume')
    after = progress(run)
    assert after[: len(before)] == before
    counts = [row['steps'] for row in after]
    assert counts == sorted(set(counts))
    assert load_skill(maxent.folder / 'skills' / 'mine').metadata.provenance['steps'] == 350
