# SPDX-License-Identifier: Apache-2.0
"""Compositions made skills of their own."""

import json

import pytest
import torch

from maxent_rl.composition import CompositionError, compose
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.skill import STATES_FILE, Skill, SkillError, load_skill, save_skill
from maxent_rl.skill_extraction import SkillExtraction

CREATED = '2026-11-26T15:00:00+00:00'
CONFIG = ExtractionConfig(steps=300, batch_size=32, learning_rate=3e-3, decay=0.1)


@pytest.fixture
def skill(untrained_skill):
    """Make a skill of the given algorithm that recorded some states."""

    def make(name, algorithm='sac', seed=0, **changes):
        made = untrained_skill(name, algorithm, seed, **changes)
        states = torch.randn(
            (200, made.metadata.obs_dim), generator=torch.Generator().manual_seed(seed)
        )
        return Skill(made.metadata, made.tensors, states)

    return make


def extracted(skills, weights=None, mode='and', steps=300):
    work = SkillExtraction(skills, weights, mode, CONFIG, seed=0)
    errors = [work.step().q_error for _ in range(steps)]
    return work.skill('both', CREATED, {}, {}), errors


@pytest.mark.parametrize(
    ('algorithms', 'result'),
    [
        (('sac', 'sac'), 'sac'),
        (('soft_q', 'soft_q'), 'soft_q'),
        (('soft_q', 'sac'), 'sac'),
        (('ddpg', 'ddpg'), 'ddpg'),
    ],
)
def test_the_result_is_a_skill_like_any_other(tmp_path, skill, algorithms, result):
    parts = [skill('ab'[seed], kind, seed) for seed, kind in enumerate(algorithms)]
    made, _ = extracted(parts, steps=20)
    save_skill(tmp_path / 'both', made)
    loaded = load_skill(tmp_path / 'both')
    assert loaded.metadata.algorithm == result
    assert loaded.policy().mode(torch.zeros(3, 5)).shape == (3, 2)
    assert loaded.states.shape == (400, 5)
    assert compose([loaded, parts[algorithms.index(result)]]).obs_dim == 5


def test_skills_that_see_images_give_one_that_sees_them(skill):
    parts = [skill('ab'[seed], seed=seed, image=(5, 4, 2)) for seed in range(2)]
    made, errors = extracted(parts, steps=40)
    assert errors[-1] < errors[0]
    assert made.metadata.image == made.policy().image == (5, 4, 2)


def test_its_q_function_learns_what_the_composition_says(skill):
    parts = [skill('a', seed=1), skill('b', seed=2, temperature=0.3)]
    made, errors = extracted(parts, (1.0, 3.0))
    assert errors[-1] < 0.3 * errors[0]
    obs, actions = parts[0].states[:50], torch.zeros(50, 1, 2)
    composition = compose(parts, (1.0, 3.0))
    wanted = composition.q(obs, actions).squeeze(1) * made.metadata.temperature
    with torch.no_grad():
        error = made.q_function()(obs, actions.squeeze(1)) - wanted
    assert error.square().mean().sqrt() < 0.5 * wanted.std()


def test_composed_of_skills_with_one_temperature_it_has_that_temperature(skill):
    made, _ = extracted([skill('a', temperature=0.2), skill('b', temperature=0.2)], steps=1)
    assert made.metadata.temperature == pytest.approx(0.2)
    made, _ = extracted([skill('a', temperature=0.1), skill('b', temperature=0.4)], steps=1)
    assert made.metadata.temperature == pytest.approx(0.16)  # harmonic mean


def test_it_says_what_it_was_made_of(skill):
    made, _ = extracted([skill('a'), skill('b')], (1.0, 3.0), 'or', steps=2)
    about = made.metadata.provenance
    assert list(about['extracted_from']) == ['a', 'b']
    assert (about['weights'], about['mode'], about['steps']) == ((1.0, 3.0), 'or', 2)


def test_the_same_seed_gives_the_same_skill(skill):
    parts = [skill('a', seed=1), skill('b', seed=2)]
    first, second = (extracted(parts, steps=5)[0].tensors for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_skills_that_recorded_nothing_are_named(skill, untrained_skill):
    with pytest.raises(CompositionError, match=r"skills \['b'\] hold no states"):
        extracted([skill('a'), untrained_skill('b')])


def test_naf_skills_are_pointed_to_the_closed_form(skill):
    with pytest.raises(CompositionError, match='closed form'):
        extracted([skill('a', 'naf'), skill('b', 'naf')])


@pytest.mark.parametrize('states', [torch.zeros(4, 6), torch.full((4, 5), torch.nan)])
def test_states_that_cannot_be_are_refused(untrained_skill, states):
    made = untrained_skill('a')
    with pytest.raises(SkillError, match='its states must be finite, of shape'):
        Skill(made.metadata, made.tensors, states)


def test_a_damaged_file_of_states_is_refused_by_name(tmp_path, skill):
    save_skill(tmp_path / 'a', skill('a'))
    (tmp_path / 'a' / STATES_FILE).write_bytes(json.dumps({}).encode())
    with pytest.raises(SkillError, match=r'states\.safetensors and SHA256SUMS disagree'):
        load_skill(tmp_path / 'a')
