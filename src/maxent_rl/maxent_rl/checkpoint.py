# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a training run that survive kill -9, power loss and a full disk.

A checkpoint is a folder `checkpoint-<serial>` with `tensors.safetensors`, `scalars.json` and
`manifest.json` (step, schema, size and SHA-256 of the others). It is written whole under another
name, flushed, then renamed; a reader takes the newest whose manifest agrees with its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json
import logging
from pathlib import Path
import re
import shutil
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from maxent_rl.durable import make_folder, remove_leftovers, write_folder

SCHEMA = 3  # 1 held the replay buffer, too; 2 knew no unit of reward

_TENSORS = 'tensors.safetensors'
_SCALARS = 'scalars.json'
_MANIFEST = 'manifest.json'
_NAME = re.compile(r'checkpoint-(\d{8})')

_logger = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or read; the message says which and why."""


@dataclass(frozen=True)
class Checkpoint:
    """One verified checkpoint, in memory."""

    folder: Path
    step: int
    tensors: dict[str, Tensor]
    scalars: dict[str, Any]  # as given to save_checkpoint, through JSON


def save_checkpoint(
    root: Path,
    step: int,
    tensors: Mapping[str, Tensor],
    scalars: Mapping[str, object],
    keep: int = 2,
) -> Path:
    """Write a checkpoint, then remove all but the newest `keep` that verify.

    Args:
        root: folder of the run's checkpoints; the caller is its only writer.
        step: environment steps so far, for people and for `Checkpoint.step`.
        tensors: by name; any dtype.
        scalars: whatever JSON can hold exactly (state of a numpy generator included).
        keep: how many to keep, at least 2.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: for instance a full disk; the earlier checkpoints are untouched.
        CheckpointError: scalars that JSON cannot hold (NaN included), or keep below 2.
    """
    if keep < 2:
        raise CheckpointError(f'keep must be at least 2, got {keep}: a lone one may be damaged')
    make_folder(root)
    remove_leftovers(root)
    try:
        text = json.dumps(dict(scalars), allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f'scalars of step {step} do not fit into JSON: {error}') from error
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    files = {_TENSORS: save_tensors(copies), _SCALARS: text.encode()}
    entries = {
        name: {'size': len(content), 'sha256': hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    manifest = json.dumps({'schema': SCHEMA, 'step': step, 'files': entries}, indent=2)
    existing = _folders(root)
    serial = _serial(existing[0]) + 1 if existing else 1
    folder = root / f'checkpoint-{serial:08d}'
    write_folder(folder, {**files, _MANIFEST: manifest.encode()})
    _prune(root, keep)
    return folder


def load_newest_checkpoint(root: Path) -> Checkpoint | None:
    """Read the newest checkpoint that verifies; damaged ones are skipped with a warning.

    Returns:
        None where no checkpoint was ever written.

    Raises:
        CheckpointError: there are checkpoints, but none of them verifies.
    """
    reasons = []
    for folder in _folders(root):
        try:
            return _read(folder)
        except CheckpointError as error:
            _logger.warning('checkpoint skipped: %s', error)
            reasons.append(str(error))
    if reasons:
        raise CheckpointError(f'no checkpoint in {root} verifies: ' + '; '.join(reasons))
    return None


def saved_scalars(root: Path) -> list[dict[str, Any]]:
    """Return the scalars of all checkpoints in `root`, newest first, as far as they are JSON.

    Nothing is verified: this is for what must be kept as long as a checkpoint may need it.
    """
    found = []
    for folder in _folders(root):
        try:
            found.append(dict(json.loads((folder / _SCALARS).read_bytes())))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            _logger.info('no scalars in %s, damaged or half removed: %s', folder, error)
    return found


def _folders(root: Path) -> list[Path]:
    """Checkpoints in `root`, newest first."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=_serial, reverse=True)


def _serial(folder: Path) -> int:
    return int(folder.name.rpartition('-')[2])


def _verified_files(folder: Path) -> tuple[int, dict[str, bytes]]:
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest['schema'] != SCHEMA:
            raise CheckpointError(
                f'{folder}: schema {manifest["schema"]}, this reads {SCHEMA}: another version of '
                'this software wrote it; go on with that one, or start the run anew'
            )
        step = int(manifest['step'])
        entries = {name: manifest['files'][name] for name in (_TENSORS, _SCALARS)}
        files = {name: (folder / name).read_bytes() for name in entries}
        for name, entry in entries.items():
            if hashlib.sha256(files[name]).hexdigest() != entry['sha256']:
                raise CheckpointError(f'{folder}: {name} differs from its SHA-256')
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f'{folder}: {type(error).__name__}: {error}') from error
    return step, files


def _read(folder: Path) -> Checkpoint:
    step, files = _verified_files(folder)
    try:
        tensors: dict[str, Tensor] = load_tensors(files[_TENSORS])
        scalars: dict[str, Any] = json.loads(files[_SCALARS])
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f'{folder}: {error}') from error
    return Checkpoint(folder, step, tensors, scalars)


def _prune(root: Path, keep: int) -> None:
    """Remove what is older than the newest `keep` checkpoints that verify."""
    verified = 0
    for folder in _folders(root):
        if verified >= keep:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        try:
            _verified_files(folder)
        except CheckpointError as error:
            _logger.warning('damaged checkpoint kept for inspection: %s', error)
        else:
            verified += 1
