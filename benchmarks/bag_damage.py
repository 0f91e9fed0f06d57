# SPDX-License-Identifier: Apache-2.0
"""Damaged copies of a bag, and how many wrong values a reader takes from one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
import shutil

from maxent_learner.bag_reader import BagReader


def size_of(bag: Path) -> int:
    """Return how many bytes the files of a bag have together."""
    return sum(path.stat().st_size for path in BagReader(bag).files)


def cut_at(bag: Path, offset: int, folder: Path) -> Path:
    """Copy a bag as a recorder leaves it that dies after `offset` bytes of all files together.

    Files that were begun later and metadata.yaml are not there.
    """
    folder.mkdir(parents=True)
    for path in BagReader(bag).files:
        content = path.read_bytes()
        (folder / path.name).write_bytes(content[:offset])
        if offset < len(content):
            break
        offset -= len(content)
    return folder


def flip_at(bag: Path, offset: int, bit: int, folder: Path) -> Path:
    """Copy a bag with one bit changed at a byte, counted over all files together."""
    files = BagReader(bag).files
    if bag.is_dir():
        shutil.copytree(bag, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(bag, folder)
    for path in files:
        content = bytearray(path.read_bytes())
        if offset < len(content):
            content[offset] ^= 1 << bit
            (folder / path.name).write_bytes(content)
            break
        offset -= len(content)
    return folder


def wrong_values(intact: Path, damaged: Path) -> int:
    """Return how many messages of the damaged bag the intact one does not hold just so."""
    found, true = Counter(BagReader(damaged).messages()), Counter(BagReader(intact).messages())
    return (found - true).total()
