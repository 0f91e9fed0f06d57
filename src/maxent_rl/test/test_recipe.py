# SPDX-License-Identifier: Apache-2.0
"""Compositions on disk."""

from dataclasses import replace
import json

import pytest
import torch

from maxent_rl.composition import CompositionError, compose
from maxent_rl.recipe import (
    RECIPE_FILE,
    Recipe,
    compose_recipe,
    load_recipe,
    make_recipe,
    save_recipe,
)
from maxent_rl.skill import load_skill, save_skill
from maxent_rl.skill_metadata import SkillError


@pytest.fixture
def root(tmp_path, untrained_skill):
    """A folder with the skills a, b (SAC) and c (soft Q-learning, another discount)."""
    for name, algorithm, changes in (
        ('a', 'sac', {}),
        ('b', 'soft_q', {}),
        ('c', 'soft_q', {'discount': 0.9}),
    ):
        skill = untrained_skill(name, algorithm, seed=ord(name), **changes)
        save_skill(tmp_path / name, skill)
    return tmp_path


def recipe_of(root, names=('a', 'b'), weights=(1.0, 3.0), mode='and'):
    return make_recipe('both', [load_skill(root / name) for name in names], weights, mode)


@pytest.mark.parametrize('mode', ['and', 'or'])
def test_a_composition_comes_back_from_disk_as_it_was(root, mode):
    recipe = recipe_of(root, mode=mode)
    save_recipe(root, recipe)
    found = load_recipe(root / 'both')
    assert found == recipe
    obs, actions = torch.randn(4, 5), torch.rand(4, 3, 2)
    expected = compose([load_skill(root / n) for n in 'ab'], (1.0, 3.0), mode).q(obs, actions)
    torch.testing.assert_close(compose_recipe(root, found).q(obs, actions), expected)


def test_the_digest_changes_with_whatever_changes_the_actions_and_not_with_the_name(root):
    recipe = recipe_of(root)
    assert replace(recipe, name='other').digest == recipe.digest
    for change in ({'mode': 'or'}, {'weights': (1.0, 2.0)}, {'sha256': ('0', '1')}):
        assert replace(recipe, **change).digest != recipe.digest


def test_a_skill_that_was_trained_anew_is_not_taken_for_the_one_that_was_composed(
    root, untrained_skill
):
    recipe = recipe_of(root)
    save_skill(root / 'b', untrained_skill('b', 'soft_q', seed=5))
    with pytest.raises(SkillError, match=r'skill b has other weights now .* compose it again'):
        compose_recipe(root, recipe)


def test_skills_that_do_not_fit_are_refused_by_what_differs(root):
    with pytest.raises(CompositionError, match=r'discount: a 0\.98, c 0\.9'):
        compose_recipe(root, recipe_of(root, names=('a', 'c')))


def test_a_recipe_never_replaces_a_trained_skill(root):
    with pytest.raises(SkillError, match='c is a skill with weights of its own'):
        save_recipe(root, replace(recipe_of(root), name='c'))
    assert load_skill(root / 'c').metadata.name == 'c'
    save_recipe(root, recipe_of(root))
    save_recipe(root, recipe_of(root, weights=(2.0, 1.0)))  # a recipe may replace a recipe
    assert load_recipe(root / 'both').weights == (2.0, 1.0)


@pytest.mark.parametrize(
    'changes',
    [
        {'name': '../../x'},
        {'skills': ['a']},
        {'skills': ['a', 'a']},
        {'skills': ['a', '../b']},
        {'skills': ['a', 'both']},
        {'skills': 'ab'},
        {'skills': [f's{i}' for i in range(17)]},
        {'sha256': ['0']},
        {'sha256': [0, 1]},
        {'weights': [1.0]},
        {'weights': [1.0, 0.0]},
        {'weights': [1.0, -1.0]},
        {'weights': [1.0, float('nan')]},
        {'weights': [1.0, float('inf')]},
        {'weights': [1.0, True]},
        {'mode': 'xor'},
        {'schema': 2},
        {'more': 1},
    ],
)
def test_a_damaged_recipe_is_refused(tmp_path, changes):
    good = asdict_of(Recipe('both', ('a', 'b'), ('0', '1'), (1.0, 1.0)))
    (tmp_path / 'both').mkdir()
    (tmp_path / 'both' / RECIPE_FILE).write_text(json.dumps({**good, **changes}))
    with pytest.raises(SkillError, match='composition'):
        load_recipe(tmp_path / 'both')


@pytest.mark.parametrize(
    'content', [b'', b'[]', b'{"name"', b'\xff', b'[' * 60_000, b' ' * 70_000]
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, content):
    (tmp_path / RECIPE_FILE).write_bytes(content)
    with pytest.raises(SkillError, match='composition'):
        load_recipe(tmp_path)


def asdict_of(recipe):
    return json.loads(recipe.to_json())
