# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: round trip, damage, full disk, and a writer killed at random moments."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch

from maxent_rl.checkpoint import (
    CheckpointError,
    load_newest_checkpoint,
    save_checkpoint,
    saved_scalars,
)

KILLS = 100

# Forks a writer per trial from a process that has torch loaded, kills it within the time of about
# two checkpoints and reads what is there. Prints the step that was read after each kill.
KILL_WRITERS = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
torch.set_num_threads(1)
root, kills = Path(sys.argv[1]), int(sys.argv[2])
random.seed(0)
def write_forever(step):
    while True:
        step += 1
        save_checkpoint(root, step, {'w': torch.full((20_000,), float(step))}, {'step': step})
step = 0
start = time.monotonic()
for _ in range(5):
    save_checkpoint(root, 0, {'w': torch.zeros(20_000)}, {'step': 0})
duration = (time.monotonic() - start) / 5
for _ in range(kills):
    child = os.fork()
    if child == 0:
        write_forever(step)
    time.sleep(random.uniform(0.0, 3.0 * duration))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = load_newest_checkpoint(root)
    assert found.scalars['step'] == found.step
    assert bool((found.tensors['w'] == found.step).all())
    step = found.step
    print(step)
"""


def save(root, step, **arguments):
    return save_checkpoint(root, step, {'w': torch.full((3,), float(step))}, {}, **arguments)


def steps(root):
    paths = sorted(root.glob('checkpoint-*/manifest.json'))
    return [json.loads(path.read_text())['step'] for path in paths]


def test_tensors_of_any_dtype_and_scalars_come_back_exactly(tmp_path):
    tensors = {
        'f': torch.randn(3, 4),
        'b': torch.tensor([True, False]),
        'u': torch.Generator().manual_seed(1).get_state(),
        'i': torch.tensor(2**60),
        'view': torch.arange(6).view(2, 3).t(),
    }
    scalars = {'x': 0.1 + 0.2, 'rng': np.random.default_rng(7).bit_generator.state, 'n': None}
    folder = save_checkpoint(tmp_path / 'run', 42, tensors, scalars)
    found = load_newest_checkpoint(tmp_path / 'run')
    assert (found.step, found.folder, found.scalars) == (42, folder, scalars)
    assert found.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


def test_there_is_none_before_the_first(tmp_path):
    assert load_newest_checkpoint(tmp_path) is None
    assert load_newest_checkpoint(tmp_path / 'nowhere') is None


def test_the_newest_two_are_kept_also_when_a_step_repeats(tmp_path):
    for step in (10, 20, 20, 30):
        save(tmp_path, step)
    assert steps(tmp_path) == [20, 30]
    assert load_newest_checkpoint(tmp_path).step == 30


@pytest.mark.parametrize('name', ['tensors.safetensors', 'scalars.json', 'manifest.json'])
@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'missing', 'empty'])
def test_a_damaged_checkpoint_is_skipped_with_a_warning(tmp_path, caplog, name, damage):
    save(tmp_path, 1)
    path = save(tmp_path, 2) / name
    whole = path.read_bytes()
    if damage == 'missing':
        path.unlink()
    else:
        flipped = bytes([whole[0] ^ 1]) + whole[1:]
        path.write_bytes({'truncated': whole[:-1], 'flipped': flipped, 'empty': b''}[damage])
    with caplog.at_level(logging.WARNING):
        assert load_newest_checkpoint(tmp_path).step == 1
    assert 'checkpoint-00000002' in caplog.text


def test_a_damaged_checkpoint_does_not_push_out_a_good_one(tmp_path):
    for step in (1, 2):
        save(tmp_path, step)
    (save(tmp_path, 3) / 'scalars.json').write_bytes(b'')
    save(tmp_path, 4)
    assert steps(tmp_path) == [2, 3, 4]
    save(tmp_path, 5)
    assert steps(tmp_path) == [4, 5]


def test_if_none_verifies_training_does_not_silently_start_anew(tmp_path):
    (save(tmp_path, 1) / 'scalars.json').write_bytes(b'')
    with pytest.raises(CheckpointError, match=r'scalars\.json differs'):
        load_newest_checkpoint(tmp_path)


def test_a_checkpoint_of_another_schema_is_refused_with_both_versions(tmp_path):
    path = save(tmp_path, 1) / 'manifest.json'
    path.write_text(path.read_text().replace('"schema": 3', '"schema": 2'))
    with pytest.raises(CheckpointError, match='schema 2, this reads 3: another version'):
        load_newest_checkpoint(tmp_path)


def test_scalars_are_listed_newest_first_and_damaged_ones_left_out(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {}, {'value': step})
    assert saved_scalars(tmp_path) == [{'value': 2}, {'value': 1}]
    (tmp_path / 'checkpoint-00000002' / 'scalars.json').write_bytes(b'{"value"')
    assert saved_scalars(tmp_path) == [{'value': 1}]
    assert saved_scalars(tmp_path / 'nowhere') == []


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), object(), b'bytes'])
def test_scalars_that_json_cannot_hold_are_refused_before_anything_is_written(tmp_path, bad):
    with pytest.raises(CheckpointError, match='JSON'):
        save_checkpoint(tmp_path, 1, {}, {'value': bad})
    assert list(tmp_path.iterdir()) == []


def test_keeping_one_only_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='at least 2'):
        save(tmp_path, 1, keep=1)


def test_fault_17_killing_the_writer_at_random_moments_never_loses_a_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', KILL_WRITERS, str(tmp_path), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    read = [int(line) for line in done.stdout.split()]
    assert len(read) == KILLS
    assert read == sorted(read)
    assert read[-1] > 0  # how many get through depends on the disk
