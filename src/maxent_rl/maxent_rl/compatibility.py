# SPDX-License-Identifier: Apache-2.0
"""What must agree before skills may be composed, and in which words it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from maxent_rl.skill_metadata import LayoutField, SkillMetadata

_ABSENT = 'absent'


def differences(skills: Sequence[SkillMetadata]) -> list[str]:
    """Name everything in which skills differ that act on one robot in one space.

    Returns:
        Lines like `action_scale[1]: reach 3.5, push 3.0`; none if the skills fit. Names in
        lists and objects are given by their place: `limits.effort[2]`, `layout[1]`.
    """
    described = [(about.name, _description(about)) for about in skills]
    paths = dict.fromkeys(path for _, values in described for path in values)  # in order, once
    lines = []
    for path in paths:
        values = [values.get(path, _ABSENT) for _, values in described]
        if any(value != values[0] for value in values):
            said = ', '.join(f'{name} {v}' for (name, _), v in zip(described, values, strict=True))
            lines.append(f'{path}: {said}')
    return lines


def _description(about: SkillMetadata) -> dict[str, object]:
    layout = [f'{part["name"]} ({_size(part)})' for part in about.layout]
    return dict(
        _leaves(
            '',
            {
                'robot': about.robot,
                'discount': about.discount,
                'layout_hash': about.layout_hash,
                'layout': layout,
                'action_mode': about.action_mode,
                'action_joints': about.action_joints,
                'action_scale': about.action_scale,
                'limits': about.limits,
            },
        )
    )


def _size(part: LayoutField) -> str:
    return 'x'.join(str(length) for length in part.get('shape', (part['size'],)))


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Walk through what JSON can hold; yields each number or text with where it stands."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f'{path}.{key}' if path else str(key), item)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(f'{path}[{i}]', item)
    else:
        yield path, value
