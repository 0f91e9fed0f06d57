# SPDX-License-Identifier: Apache-2.0
"""Which files a bag consists of, and what metadata.yaml and about.json say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path
import re
from typing import Any

import yaml

METADATA_FILE = 'metadata.yaml'
ABOUT_FILE = 'about.json'
# Metadata records in the MCAP files of our recorder.
ABOUT_RECORD = 'maxent_about'  # what about.json holds
REPEATED_RECORD = 'maxent_repeated'  # topic -> how many messages at the start are repeated
MCAP = '.mcap'
SQLITE = '.db3'


class BagError(ValueError):
    """A bag that cannot be used; names it, says what is wrong and what to do."""


@dataclass(frozen=True)
class BagFiles:
    """The files of a bag in the order in which they were written."""

    paths: tuple[Path, ...]
    counts: Mapping[str, int] = field(default_factory=dict)  # file name -> messages
    about: Mapping[str, str] = field(default_factory=dict)
    compression: str = ''  # 'file' or 'message' if whole files or each message are compressed
    damage: tuple[str, ...] = ()  # sentences

    @property
    def plain_mcap(self) -> bool:
        """Whether all files are MCAP as it is, with compressed chunks at most."""
        return not self.compression and all(path.suffix == MCAP for path in self.paths)


def find_files(path: Path) -> BagFiles:
    """Return the files of a rosbag2 folder, or the one file that the path names.

    Raises:
        BagError: there is no bag.
    """
    if not path.exists():
        raise BagError(f'there is no bag {path}: give a rosbag2 folder or an .mcap file')
    if path.is_file():
        return BagFiles((path,))
    damage: list[str] = []
    metadata = _read_metadata(path / METADATA_FILE, damage)
    listed = {Path(str(name)).name for name in metadata.get('relative_file_paths') or ()}
    compression = str(metadata.get('compression_mode') or '').lower()
    here = {p.name for p in path.iterdir() if p.suffix in (MCAP, SQLITE)}
    if compression == 'file':
        here = {name for name in listed if (path / name).exists()}
    if not here:
        raise BagError(
            f'{path} is no bag: it holds no {MCAP} or {SQLITE} file; give a folder that '
            '`maxent record` or `ros2 bag record` has written'
        )
    damage += [f'{name} is missing: {METADATA_FILE} names it' for name in _sorted(listed - here)]
    return BagFiles(
        paths=tuple(path / name for name in _sorted(here)),
        counts=_counts(metadata),
        about=_read_about(path / ABOUT_FILE, damage),
        compression='' if compression == 'none' else compression,
        damage=tuple(damage),
    )


def _sorted(names: set[str]) -> list[str]:
    """Sort as people count: bag_2 before bag_10."""
    return sorted(names, key=lambda name: [(int(d or 0), t) for t, d in _PARTS.findall(name)])


_PARTS = re.compile(r'(\D*)(\d*)')


def _read_metadata(path: Path, damage: list[str]) -> dict[str, Any]:
    if not path.exists():
        return {}  # a recorder that was killed has not written it: all that counts is in the files
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        found = content['rosbag2_bagfile_information']
        if isinstance(found, dict):
            return found
        reason = 'it holds no fields'
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
    damage.append(f'{METADATA_FILE} is not used, for it is damaged: {reason}')
    return {}


def _counts(metadata: Mapping[str, Any]) -> dict[str, int]:
    files = metadata.get('files')
    if not isinstance(files, list):
        return {}
    return {
        Path(str(entry.get('path'))).name: entry['message_count']
        for entry in files
        if isinstance(entry, dict) and isinstance(entry.get('message_count'), int)
    }


def _read_about(path: Path, damage: list[str]) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
        if isinstance(found, dict):
            return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}
        reason = 'it is no JSON object'
    except (OSError, ValueError) as error:
        reason = str(error)
    damage.append(f'{ABOUT_FILE} is not used, for it is damaged: {reason}')
    return {}
