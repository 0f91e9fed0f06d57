# SPDX-License-Identifier: Apache-2.0
"""Recipes: compositions on disk, a folder with `composition.json` and no weights of its own.

A recipe names its skills with the SHA-256 of their weights, so that it means the same for ever:
a skill that was trained anew under an old name is noticed, not silently taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
import hashlib
import json
import logging
import math
from pathlib import Path

from maxent_rl.composition import MODES, Composition, Mode, compose
from maxent_rl.durable import find_folder, write_folder
from maxent_rl.skill import Skill, load_skill, skill_folder
from maxent_rl.skill_metadata import SkillError, check_name

RECIPE_FILE = 'composition.json'
SCHEMA = 1

_MAX_BYTES = 64 * 1024
_MAX_SKILLS = 16

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Which skills make up a composition, and how.

    Raises:
        SkillError: a field of wrong type or value, by name.
    """

    name: str
    skills: tuple[str, ...]
    sha256: tuple[str, ...]  # of each skill's weights
    weights: tuple[float, ...]
    mode: Mode = 'and'
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Make lists tuples and check every field."""
        for key in ('skills', 'sha256', 'weights'):
            value = getattr(self, key)
            _require(isinstance(value, list | tuple), f'{key} must be a list, is {value!r:.80}')
            object.__setattr__(self, key, tuple(value))
        check_name(self.name)
        count = len(self.skills)
        _require(self.schema == SCHEMA, f'schema is {self.schema!r}, this version reads {SCHEMA}')
        _require(self.mode in MODES, f'mode must be one of {list(MODES)}, is {self.mode!r:.80}')
        _require(2 <= count <= _MAX_SKILLS, f'skills: 2 to {_MAX_SKILLS} are needed, has {count}')
        for skill in self.skills:
            check_name(skill)
        _require(len(set(self.skills)) == count, f'skills: one is there twice: {self.skills}')
        _require(self.name not in self.skills, f'{self.name} cannot be made of itself')
        _require(
            len(self.sha256) == count and all(isinstance(s, str) for s in self.sha256),
            f'sha256 must hold one text per skill, is {self.sha256!r:.200}',
        )
        _require(
            len(self.weights) == count and all(_is_weight(weight) for weight in self.weights),
            f'weights must hold one positive number per skill, is {self.weights!r:.200}',
        )

    def to_json(self) -> str:
        """Write as `composition.json`."""
        return json.dumps(asdict(self), indent=2) + '\n'

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides how the composition acts: skills, weights, mode."""
        content = [self.skills, self.sha256, self.weights, self.mode]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def make_recipe(
    name: str, skills: Sequence[Skill], weights: Sequence[float] | None, mode: str
) -> Recipe:
    """Describe a composition of skills that were loaded from disk; weights None: all equal.

    Raises:
        SkillError: see Recipe.
    """
    given = [1.0] * len(skills) if weights is None else list(weights)
    names = tuple(skill.metadata.name for skill in skills)
    hashes = tuple(skill.metadata.sha256 for skill in skills)
    return Recipe(name, names, hashes, tuple(given), mode)  # type: ignore[arg-type]


def save_recipe(root: Path, recipe: Recipe) -> None:
    """Write a recipe whole under `root`, replacing one of that name.

    Raises:
        SkillError: a trained skill has that name.
        OSError: for instance a full disk; nothing was changed.
    """
    folder = skill_folder(root, recipe.name).absolute()
    if folder.exists() and not (folder / RECIPE_FILE).is_file():
        raise SkillError(f'{recipe.name} is a skill with weights of its own: take another name')
    write_folder(folder, {RECIPE_FILE: recipe.to_json().encode()})


def load_recipe(folder: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        SkillError: not there, damaged, or another schema.
    """
    folder = find_folder(Path(folder).absolute())
    path = folder / RECIPE_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SkillError(f'{path} is above 64 KiB')
        content = json.loads(path.read_bytes())
        return Recipe(**content)
    except SkillError as error:
        raise SkillError(f'composition {folder}: {error}') from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise SkillError(f'composition {folder}: cannot read {RECIPE_FILE}: {error}') from error


def list_recipes(root: Path) -> list[Recipe]:
    """Read every composition in `root`, by name; unreadable ones give a warning."""
    found = []
    for path in sorted(Path(root).glob(f'[!.]*/{RECIPE_FILE}')):
        try:
            found.append(load_recipe(path.parent))
        except SkillError as error:
            _logger.warning('composition skipped: %s', error)
    return found


def compose_recipe(
    root: Path, recipe: Recipe, load: Callable[[Path], Skill] = load_skill
) -> Composition:
    """Load the skills of a recipe from `root`, by `load`, and compose them.

    Raises:
        SkillError: a skill is not there, damaged, or no longer the one that the recipe means.
        CompositionError: the skills do not fit together.
    """
    skills = []
    for name, digest in zip(recipe.skills, recipe.sha256, strict=True):
        skill = load(skill_folder(root, name))
        if skill.metadata.sha256 != digest:
            raise SkillError(
                f'composition {recipe.name}: skill {name} has other weights now than when it was '
                f'composed ({skill.metadata.sha256:.12}, not {digest:.12}): compose it again'
            )
        skills.append(skill)
    return compose(skills, recipe.weights, recipe.mode)


def _is_weight(value: object) -> bool:
    return type(value) in (int, float) and 0.0 < value < math.inf  # type: ignore[operator]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SkillError(message)
