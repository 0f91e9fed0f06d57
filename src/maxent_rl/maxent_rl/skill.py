# SPDX-License-Identifier: Apache-2.0
"""Skills on disk: a folder with `skill.json` (what it is) and `weights.safetensors`.

The weights hold the policy (`policy.*`) and both soft Q-functions (`q1.*`, `q2.*`), so that a
skill can act and can be composed with others without its training run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
import json
import logging
from pathlib import Path

import torch
from torch import Tensor

from maxent_rl.acceptance import MAX_MAGNITUDE, PolicySpec
from maxent_rl.durable import find_folder, write_folder
from maxent_rl.networks import QFunction, TanhGaussianPolicy, load_prefixed_state
from maxent_rl.skill_metadata import SkillError, SkillMetadata, check_name
from maxent_rl.weights import WeightsRejected, check_tensors, decode, encode

__all__ = ['Skill', 'SkillError', 'SkillMetadata', 'list_skills', 'load_skill', 'save_skill']

METADATA_FILE = 'skill.json'
WEIGHTS_FILE = 'weights.safetensors'

_MAX_METADATA_BYTES = 2**20

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Skill:
    """A trained behaviour: what it is and its tensors.

    Raises:
        SkillError: tensors missing, unknown, of another shape than the metadata says, or with
            numbers that are not finite.
    """

    metadata: SkillMetadata
    tensors: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        """Check the tensors against the metadata."""
        try:
            check_tensors(self.tensors, _shapes(self.metadata), MAX_MAGNITUDE)
        except WeightsRejected as error:
            raise SkillError(f'skill {self.metadata.name}: {error}') from error

    def policy(self) -> TanhGaussianPolicy:
        """Make the skill's policy; it does not require gradients."""
        about = self.metadata
        policy = TanhGaussianPolicy(
            about.obs_dim, about.act_dim, about.hidden, torch.Generator().manual_seed(0)
        )
        own = {k: v for k, v in self.tensors.items() if k.startswith('policy.')}
        load_prefixed_state('policy', policy, own)
        return policy.requires_grad_(False)


def save_skill(folder: Path, skill: Skill) -> SkillMetadata:
    """Write a skill whole, replacing one of that name; `folder` must be called like the skill.

    Returns:
        The metadata as written, with the SHA-256 of the weights.

    Raises:
        SkillError: the folder has another name, or metrics and the like do not fit into JSON.
        OSError: for instance a full disk; an existing skill is untouched.
    """
    folder = Path(folder).absolute()
    if folder.name != skill.metadata.name:
        raise SkillError(
            f'skill {skill.metadata.name} must be saved in a folder of that name, got {folder}'
        )
    weights = encode(skill.tensors)
    metadata = replace(skill.metadata, sha256=hashlib.sha256(weights).hexdigest())
    write_folder(folder, {METADATA_FILE: metadata.to_json().encode(), WEIGHTS_FILE: weights})
    return metadata


def load_skill(folder: Path) -> Skill:
    """Read and check a skill.

    Raises:
        SkillError: not there, damaged, another schema, or not what its metadata says.
    """
    folder = find_folder(Path(folder).absolute())
    metadata = _read_metadata(folder)
    path = folder / WEIGHTS_FILE
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise SkillError(f'skill {folder}: cannot read its weights: {error}') from error
    digest = hashlib.sha256(payload).hexdigest()
    if digest != metadata.sha256:
        raise SkillError(
            f'skill {folder}: {WEIGHTS_FILE} has SHA-256 {digest}, {METADATA_FILE} says '
            f'{metadata.sha256}: the file was damaged or exchanged'
        )
    try:
        tensors = decode(payload)
    except WeightsRejected as error:
        raise SkillError(f'skill {folder}: {error}') from error
    return Skill(metadata, tensors)


def list_skills(root: Path) -> list[SkillMetadata]:
    """Read the metadata of every skill in `root`, by name; unreadable ones give a warning."""
    found = []
    root = Path(root)
    for path in sorted(root.glob(f'[!.]*/{METADATA_FILE}')):  # not what killed writers left
        try:
            metadata = _read_metadata(path.parent)
            if metadata.name != path.parent.name:
                raise SkillError(f'skill {path.parent} calls itself {metadata.name}: rename it')
            found.append(metadata)
        except SkillError as error:
            _logger.warning('skill skipped: %s', error)
    return found


def skill_folder(root: Path, name: str) -> Path:
    """Return where the skill called `name` lies under `root`.

    Raises:
        SkillError: not a skill name (so no path can lead out of `root`).
    """
    return Path(root) / check_name(name)


def _read_metadata(folder: Path) -> SkillMetadata:
    path = folder / METADATA_FILE
    if not path.is_file():
        raise SkillError(f'no skill at {folder}: there is no {METADATA_FILE}')
    try:
        if path.stat().st_size > _MAX_METADATA_BYTES:
            raise SkillError(f'skill {folder}: {METADATA_FILE} is above 1 MiB')
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SkillError(f'skill {folder}: cannot read {METADATA_FILE}: {error}') from error
    try:
        return SkillMetadata.from_json_object(content)
    except SkillError as error:
        raise SkillError(f'skill {folder}: {error}') from error


def _shapes(about: SkillMetadata) -> dict[str, tuple[int, ...]]:
    shapes = PolicySpec(about.obs_dim, about.act_dim, about.hidden).shapes()
    with torch.device('meta'):
        q = QFunction(about.obs_dim, about.act_dim, about.hidden, about.layer_norm)
    for prefix in ('q1', 'q2'):
        shapes |= {f'{prefix}.{k}': tuple(v.shape) for k, v in q.state_dict().items()}
    return shapes
