# SPDX-License-Identifier: Apache-2.0
"""Skills on disk: a folder with `skill.json` (what it is) and `weights.safetensors`.

The weights hold the policy (`policy.*`) and the Q-functions (`q1.*` and, except for NAF, `q2.*`),
so that a skill can act and can be composed with others without its training run; Q-functions in
half precision, for what that rounds away is far below their error. Skills may also hold
`states.safetensors`, observations from that run: what a policy can be extracted on. All files
are listed in `SHA256SUMS`, as `sha256sum` writes it: what is damaged is refused, and who wants
skills to be signed signs that file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
import hashlib
import json
import logging
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from maxent_rl.acceptance import MAX_MAGNITUDE, PolicySpec
from maxent_rl.durable import find_folder, write_folder
from maxent_rl.networks import load_prefixed_state
from maxent_rl.policies import make_q_networks, q_function
from maxent_rl.policy import Policy
from maxent_rl.skill_metadata import SkillError, SkillMetadata, check_name
from maxent_rl.verification import Verifier, verify_nothing
from maxent_rl.weights import WeightsRejected, check_tensors, decode, encode

__all__ = ['Skill', 'SkillError', 'SkillMetadata', 'list_skills', 'load_skill', 'save_skill']

METADATA_FILE = 'skill.json'
WEIGHTS_FILE = 'weights.safetensors'
STATES_FILE = 'states.safetensors'
SUMS_FILE = 'SHA256SUMS'

_FILES = (METADATA_FILE, STATES_FILE, WEIGHTS_FILE)
_MAX_METADATA_BYTES = 2**20

_logger = logging.getLogger(__name__)

_Network = TypeVar('_Network', bound=nn.Module)


@dataclass(frozen=True)
class Skill:
    """A trained behaviour: what it is, its tensors, and states (k, n) it was trained in, or None.

    Raises:
        SkillError: unknown algorithm; tensors missing, unknown, of another shape than the
            metadata says, or with numbers that are not finite.
    """

    metadata: SkillMetadata
    tensors: Mapping[str, Tensor]
    states: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the tensors against the metadata."""
        try:
            check_tensors(self.tensors, _shapes(self.metadata), MAX_MAGNITUDE)
        except ValueError as error:  # WeightsRejected is one
            raise SkillError(f'skill {self.metadata.name}: {error}') from error
        states, n = self.states, self.metadata.obs_dim
        if states is None:
            return
        if states.dim() != 2 or states.shape[1] != n or not bool(torch.isfinite(states).all()):
            raise SkillError(
                f'skill {self.metadata.name}: its states must be finite, of shape (k, {n}), got '
                f'{tuple(states.shape)}'
            )

    def policy(self) -> Policy:
        """Make the skill's policy; it does not require gradients."""
        return _loaded('policy', _spec(self.metadata).make_policy(), self.tensors)

    def q_function(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return Q of observations (..., n) and actions (..., m): values (...).

        Its parameters do not require gradients; for a NAF skill it is a `NAFQuadratic`.
        """
        networks = _q_networks(self.metadata)
        loaded = {k: _loaded(k, network, self.tensors) for k, network in networks.items()}
        return q_function(self.policy(), loaded)


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
    weights = encode(_rounded(skill.tensors))
    metadata = replace(skill.metadata, sha256=hashlib.sha256(weights).hexdigest())
    files = {METADATA_FILE: metadata.to_json().encode(), WEIGHTS_FILE: weights}
    if skill.states is not None:
        files[STATES_FILE] = encode({'states': skill.states.half()})  # they are of order one
    write_folder(folder, {**files, SUMS_FILE: _sums(files)})
    return metadata


def load_skill(folder: Path, verify: Verifier = verify_nothing) -> Skill:
    """Read and check a skill.

    Args:
        folder: of the skill.
        verify: rule W4, is given the content of `SHA256SUMS` and the folder.

    Raises:
        SkillError: not there, damaged, another schema, not what its metadata says, or W4.
    """
    folder = find_folder(Path(folder).absolute())
    metadata = _read_metadata(folder)
    files = _read_files(folder)
    digest = hashlib.sha256(files[WEIGHTS_FILE]).hexdigest()
    if digest != metadata.sha256:
        raise SkillError(
            f'skill {folder}: {WEIGHTS_FILE} has SHA-256 {digest}, {METADATA_FILE} says '
            f'{metadata.sha256}: the file was damaged or exchanged'
        )
    try:
        verify(_sums(files), str(folder))
        states = _states(decode(files[STATES_FILE])) if STATES_FILE in files else None
        tensors = {k: v.float() for k, v in decode(files[WEIGHTS_FILE]).items()}
        return Skill(metadata, tensors, states)
    except WeightsRejected as error:
        raise SkillError(f'skill {folder}: {error}') from error


def add_metrics(folder: Path, metrics: Mapping[str, float]) -> None:
    """Write into a skill what it achieved later; all else in its folder stays as it is.

    Raises:
        SkillError: see `load_skill`, or metrics that do not fit into JSON.
        OSError: for instance a full disk; the skill is untouched.
    """
    folder = find_folder(Path(folder).absolute())
    about = _read_metadata(folder)
    files = _read_files(folder)
    others = {
        p.name: p.read_bytes() for p in folder.iterdir() if p.name not in (*files, SUMS_FILE)
    }
    about = replace(about, metrics={**about.metrics, **metrics})
    files[METADATA_FILE] = about.to_json().encode()
    write_folder(folder, {**others, **files, SUMS_FILE: _sums(files)})


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


def weights_size(folder: Path) -> int:
    """Bytes of a skill's weights on disk."""
    return (find_folder(Path(folder).absolute()) / WEIGHTS_FILE).stat().st_size


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


def _read_files(folder: Path) -> dict[str, bytes]:
    """Read the files of a skill and compare them with its `SHA256SUMS`."""
    there = [name for name in _FILES if (folder / name).is_file()]
    try:
        files = {name: (folder / name).read_bytes() for name in there}
        sums = (folder / SUMS_FILE).read_bytes()
    except OSError as error:
        raise SkillError(f'skill {folder}: cannot read it: {error}') from error
    if WEIGHTS_FILE not in files:
        raise SkillError(f'skill {folder}: there is no {WEIGHTS_FILE}')
    if sums != _sums(files):
        lines = set(sums.splitlines())
        odd = [name for name in files if not set(_sums({name: files[name]}).splitlines()) <= lines]
        raise SkillError(
            f'skill {folder}: {", ".join(odd) or "the list of files"} and {SUMS_FILE} disagree: '
            'damaged or exchanged; see `sha256sum -c`'
        )
    return files


def _sums(files: Mapping[str, bytes]) -> bytes:
    """Return what `sha256sum` would write for the files, sorted by name."""
    lines = [f'{hashlib.sha256(files[name]).hexdigest()}  {name}\n' for name in sorted(files)]
    return ''.join(lines).encode()


def _rounded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors for the disk: the policy acts to the bit as the learner's."""
    return {k: v if k.startswith('policy.') else _halved(v) for k, v in tensors.items()}


def _halved(tensor: Tensor) -> Tensor:
    """Return the tensor in half precision, as it is if its numbers are too small for that."""
    half = tensor.half()
    error = (half.float() - tensor).abs().max()  # of a number in range: 1/2048
    return half if error <= 1e-3 * tensor.abs().max() else tensor


def _states(content: Mapping[str, Tensor]) -> Tensor:
    if content.keys() != {'states'}:
        raise WeightsRejected('W6', f'{STATES_FILE} must hold just states')
    return content['states'].float()


def _spec(about: SkillMetadata) -> PolicySpec:
    sizes = about.obs_dim, about.act_dim, about.hidden
    return PolicySpec(*sizes, about.algorithm, about.image)


def _q_networks(about: SkillMetadata) -> dict[str, nn.Module]:
    """Make the Q-networks of a skill; their parameters are yet to be set."""
    generator = torch.Generator().manual_seed(0)
    sizes = about.obs_dim, about.act_dim, about.hidden
    return make_q_networks(about.algorithm, *sizes, about.layer_norm, generator, about.image)


def _shapes(about: SkillMetadata) -> dict[str, tuple[int, ...]]:
    shapes = _spec(about).shapes()
    with torch.device('meta'):
        networks = _q_networks(about)
    for prefix, network in networks.items():
        shapes |= {f'{prefix}.{k}': tuple(v.shape) for k, v in network.state_dict().items()}
    return shapes


def _loaded(prefix: str, network: _Network, tensors: Mapping[str, Tensor]) -> _Network:
    load_prefixed_state(prefix, network, dict(tensors))
    return network.requires_grad_(False)
