# SPDX-License-Identifier: Apache-2.0
"""The skills folder seen by one robot and task (refusals by name: test_skill_services.py)."""

import json
import math

import numpy as np
import pytest
import torch

from maxent_policy_node.skill_library import SkillLibrary, compare
from maxent_rl.composition import Composition, Constituent
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.recipe import RECIPE_FILE
from maxent_rl.skill import SkillError
from maxent_rl.weights import WeightsRejected
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task


@pytest.fixture
def probes(task) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((16, task.layout.size)).astype(np.float32)


@pytest.fixture
def library(skills, task) -> SkillLibrary:
    return SkillLibrary(skills, SAWYER, task)


def test_a_composition_that_was_kept_is_loaded_as_it_was(library, probes) -> None:
    made, agreement = library.compose(['a', 'c'], [1.0, 2.0], 'and', 'both', probes)
    found = library.load('both', probes)
    assert (found.name, found.sha256) == ('both', made.sha256)
    obs = torch.from_numpy(probes)
    torch.testing.assert_close(found.policy.mode(obs), made.policy.mode(obs))
    assert agreement.states == 16


def test_a_composition_whose_skill_has_gone_is_listed_as_unusable(library, probes, skills) -> None:
    library.compose(['a', 'c'], [], 'and', 'both', probes)
    (skills / 'c' / 'skill.json').unlink()
    both = next(entry for entry in library.entries() if entry.content.name == 'both')
    assert both.problem == "skills missing or unfit: ['c']"
    with pytest.raises(SkillError, match='no skill at'):
        library.load('both', probes)


def test_skills_for_another_task_are_listed_with_why_they_do_not_fit(skills) -> None:
    library = SkillLibrary(skills, SAWYER, make_task(SAWYER, 'reach_random'))
    assert all('observation layout' in entry.problem for entry in library.entries())


def test_a_damaged_recipe_does_not_keep_the_others_from_being_listed(library, skills) -> None:
    (skills / 'broken').mkdir()
    (skills / 'broken' / RECIPE_FILE).write_text(json.dumps({'name': 'broken'}))
    assert [entry.content.name for entry in library.entries()] == ['a', 'b', 'c', 'd']


def _decided(name: str, where: float) -> Constituent:
    """Make a skill that is sure to want the action `where`, in every state."""
    policy = TanhGaussianPolicy(1, 1, (4,)).requires_grad_(False)
    policy.layers[-1].weight.zero_()
    policy.layers[-1].bias.copy_(torch.tensor([math.atanh(where), math.log(0.05)]))
    return Constituent(name, policy, lambda o, a: -200.0 * (a[..., 0] - where) ** 2, 1.0)


def test_a_person_is_warned_where_skills_fight_and_not_where_they_agree() -> None:
    states = np.zeros((8, 1), np.float32)
    left, right = _decided('left', -0.5), _decided('right', 0.5)
    fight = compare(Composition((left, right)), states)
    assert fight.warning.startswith('these skills fight: ')
    assert fight.overlap < 0.01
    agree = compare(Composition((left, _decided('also_left', -0.48))), states)
    assert agree.warning == ''
    assert agree.overlap > 0.9
    assert compare(Composition((left, right), mode='or'), states).warning == ''  # either will do


def test_a_verifier_is_asked_for_every_skill_of_a_composition(skills, task, probes) -> None:
    asked = []

    def verify(content: bytes, source: str) -> None:
        asked.append(source)
        if source.endswith('c'):
            raise WeightsRejected('W4', 'no signature')

    library = SkillLibrary(skills, SAWYER, task, verify)
    library.compose(['a', 'b'], [], 'and', 'both', probes)
    library.load('both', probes)
    assert asked == 2 * [str(skills / 'a'), str(skills / 'b')]
    with pytest.raises(SkillError, match='W4: no signature'):
        library.compose(['a', 'c'], [], 'and', 'worse', probes)
    assert not (skills / 'worse').exists()
