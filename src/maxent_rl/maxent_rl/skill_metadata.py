# SPDX-License-Identifier: Apache-2.0
"""What a skill is: the content of `skill.json`, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
import json
import math
import re
from typing import Any, NotRequired, TypedDict

SCHEMA = 1

_NAME = re.compile(r'[a-z0-9_][a-z0-9_-]*')
_MAX_NAME = 64
_MAX_NUMBERS = 2**16  # of an image, 128 x 128 in four colours


class SkillError(ValueError):
    """A skill is not there, damaged or inconsistent; the message says what and where."""


class LayoutField(TypedDict):
    """One named part of the observation."""

    name: str
    size: int
    shape: NotRequired[tuple[int, ...]]  # (h, w, c) of an image, which is the last part


def check_name(name: str) -> str:
    """Return `name` if it may name a skill: lower case, digits, `_` and (not first) `-`.

    Raises:
        SkillError: it may not.
    """
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise SkillError(
            f'not a skill name: {name!r:.80}; use a-z, 0-9, _ and -, at most {_MAX_NAME}'
        )
    return name


@dataclass(frozen=True)
class SkillMetadata:
    """Everything that must agree before a skill may act or be composed with another.

    Raises:
        SkillError: a field of wrong type or value, by name.
    """

    name: str
    robot: str
    task: str
    algorithm: str
    temperature: float  # weight of the entropy at the end of training
    discount: float
    layout: tuple[LayoutField, ...]  # parts of the observation in order
    layout_hash: str
    action_mode: str  # position, velocity or torque
    action_joints: tuple[str, ...]
    action_scale: tuple[float, ...]  # SI units per unit of normalised action, one per joint
    hidden: tuple[int, ...]
    layer_norm: bool  # of the Q-functions
    limits: Mapping[str, Any]  # under which it was trained
    metrics: Mapping[str, Any]  # what it achieved
    provenance: Mapping[str, Any]  # commit, seed, versions, steps
    created: str  # ISO 8601
    sha256: str = ''  # of weights.safetensors; save_skill fills it in
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Make sequences tuples and check every field."""
        for key in ('layout', 'action_joints', 'action_scale', 'hidden'):
            value = getattr(self, key)
            _require(isinstance(value, list | tuple), f'{key} must be a list, is {value!r}')
            object.__setattr__(self, key, tuple(value))
        _require(self.schema == SCHEMA, f'schema is {self.schema!r}, this version reads {SCHEMA}')
        check_name(self.name)
        self._check_texts()
        self._check_numbers()
        self._check_layout()
        self._check_image()
        self._check_actions()
        for key in ('limits', 'metrics', 'provenance'):
            _require(isinstance(getattr(self, key), Mapping), f'{key} must be an object')

    @property
    def obs_dim(self) -> int:
        """Length of the observation."""
        return sum(part['size'] for part in self.layout)

    @property
    def image(self) -> tuple[int, ...]:
        """Shape (h, w, c) of the image that ends the observation, () without one."""
        return self.layout[-1].get('shape', ())

    @property
    def act_dim(self) -> int:
        """Length of the action."""
        return len(self.action_joints)

    def to_json(self) -> str:
        """Write as JSON text.

        Raises:
            SkillError: limits, metrics or provenance hold what JSON cannot (NaN included).
        """
        try:
            return json.dumps(asdict(self), indent=2, allow_nan=False) + '\n'
        except (TypeError, ValueError) as error:
            raise SkillError(f'metadata of {self.name} does not fit into JSON: {error}') from error

    @classmethod
    def from_json_object(cls, content: object) -> SkillMetadata:
        """Read what `to_json` wrote, after `json.loads`.

        Raises:
            SkillError: fields missing, unknown or wrong.
        """
        if not isinstance(content, dict):
            raise SkillError('metadata must be a JSON object')
        schema = content.get('schema')
        _require(schema == SCHEMA, f'schema is {schema!r}, this version reads {SCHEMA}')
        known = {spec.name for spec in fields(cls)}
        if content.keys() != known:
            raise SkillError(f'missing or unknown fields {sorted(content.keys() ^ known)}')
        return cls(**content)

    def _check_texts(self) -> None:
        for key in ('robot', 'task', 'algorithm', 'layout_hash', 'created'):
            value = getattr(self, key)
            _require(isinstance(value, str) and value != '', f'{key} must be text, is {value!r}')
        _require(
            self.sha256 == '' or re.fullmatch('[0-9a-f]{64}', str(self.sha256)) is not None,
            f'sha256 must be 64 hexadecimal digits, is {self.sha256!r}',
        )
        _require(
            self.action_mode in ('position', 'velocity', 'torque'),
            f'action_mode must be position, velocity or torque, is {self.action_mode!r}',
        )
        try:
            datetime.fromisoformat(self.created)
        except ValueError as error:
            raise SkillError(f'created must be ISO 8601, is {self.created!r}') from error

    def _check_numbers(self) -> None:
        _require(_is_number(self.temperature) and self.temperature >= 0.0, 'temperature not >= 0')
        _require(
            _is_number(self.discount) and 0.0 <= self.discount < 1.0, 'discount not in [0, 1)'
        )
        _require(isinstance(self.layer_norm, bool), 'layer_norm must be true or false')
        _require(
            len(self.hidden) > 0 and all(_is_size(size) for size in self.hidden),
            f'hidden must hold sizes in [1, 4096], is {self.hidden!r}',
        )

    def _check_layout(self) -> None:
        for part in self.layout:
            _require(
                isinstance(part, Mapping)
                and part.keys() - {'shape'} == {'name', 'size'}
                and isinstance(part['name'], str)
                and (_is_size(part['size']) or 'shape' in part),
                f'layout must hold objects with name and size >= 1, has {part!r}',
            )
        _require(len(self.layout) > 0, 'layout is empty')

    def _check_image(self) -> None:
        """Check the shape of an image, and make it a tuple: JSON knows only lists."""
        *others, last = self.layout
        _require(not any('shape' in part for part in others), 'layout: an image must be last')
        if 'shape' not in last:
            return
        shape, size = last['shape'], last['size']
        _require(
            isinstance(shape, list | tuple)
            and len(shape) == 3
            and all(_is_size(length) for length in shape)
            and type(size) is int
            and math.prod(shape) == size <= _MAX_NUMBERS,
            f'layout: an image must have a shape of three lengths and their product, at most '
            f'{_MAX_NUMBERS}, as size, has {last!r}',
        )
        image: LayoutField = {**last, 'shape': tuple(shape)}
        object.__setattr__(self, 'layout', (*others, image))

    def _check_actions(self) -> None:
        joints = self.action_joints
        _require(
            len(joints) > 0
            and all(isinstance(joint, str) for joint in joints)
            and len(set(joints)) == len(joints),
            f'action_joints must be distinct names, is {joints!r}',
        )
        _require(
            len(self.action_scale) == len(joints)
            and all(_is_number(s) and s > 0.0 for s in self.action_scale),
            f'action_scale must hold one positive number per joint, is {self.action_scale!r}',
        )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SkillError(message)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_size(value: object) -> bool:
    return type(value) is int and 1 <= value <= 4096
