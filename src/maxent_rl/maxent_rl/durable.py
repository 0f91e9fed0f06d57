# SPDX-License-Identifier: Apache-2.0
"""Folders and files that are on disk whole or not at all, power loss and kill -9 included."""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import shutil

_TEMPORARY = '.tmp-'
_REPLACED = '.replaced'


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files under a temporary name, flush it, then rename it.

    The caller is the only writer of that folder. An existing one is moved aside for the two
    renames and removed after them; until then `find_folder` finds it there, so some complete
    version exists at every moment.

    Raises:
        OSError: nothing was changed, and what had been written is removed.
    """
    make_folder(target.parent)
    remove_leftovers(target.parent, target.name)
    temporary = _temporary(target)
    try:
        temporary.mkdir()
        for name, content in files.items():
            _write_and_flush(temporary / name, content)
        flush_folder(temporary)
        _put_in_place(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush_folder(target.parent)
    shutil.rmtree(_aside(target), ignore_errors=True)


def write_file(target: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it, then rename it.

    The caller is its only writer.

    Raises:
        OSError: the earlier file is untouched, and what had been written is removed.
    """
    make_folder(target.parent)
    remove_leftovers(target.parent, target.name)
    temporary = _temporary(target)
    try:
        _write_and_flush(temporary, content)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, so that power loss takes none of them away again."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the names of what is in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_folder(target: Path) -> Path:
    """Return `target`, or its last version where a replacement was interrupted half-way."""
    aside = _aside(target)
    return aside if aside.is_dir() and not target.exists() else target


def remove_leftovers(parent: Path, name: str = '*') -> None:
    """Remove what killed writers of `name` left in `parent`; the caller is its only writer."""
    for path in parent.glob(f'.{name}{_TEMPORARY}*'):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _aside(target: Path) -> Path:
    return target.parent / f'.{target.name}{_REPLACED}'


def _temporary(target: Path) -> Path:
    return target.parent / f'.{target.name}{_TEMPORARY}{os.getpid()}'


def _write_and_flush(path: Path, content: bytes) -> None:
    with path.open('wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(temporary: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(_aside(target), ignore_errors=True)
        target.rename(_aside(target))
    os.replace(temporary, target)
