# SPDX-License-Identifier: Apache-2.0
"""The content of skill.json: what passes, what is refused by name."""

from dataclasses import replace
import json

import pytest

from maxent_rl.skill_metadata import SkillError, SkillMetadata, check_name

METADATA = SkillMetadata(
    name='reach',
    robot='sawyer',
    task='reach',
    algorithm='sac',
    temperature=0.01,
    discount=0.99,
    layout=({'name': 'position', 'size': 7}, {'name': 'goal', 'size': 3}),
    layout_hash='0123456789abcdef',
    action_mode='torque',
    action_joints=('j0', 'j1'),
    action_scale=(8.0, 7.0),
    hidden=(16, 16),
    layer_norm=True,
    limits={'velocity': [1.0, 2.0]},
    metrics={'mean_final_distance': 0.01},
    provenance={'seed': 1, 'steps': 12_000},
    created='2026-11-23T14:00:00+00:00',
)


def test_metadata_come_back_from_json_as_they_were():
    back = SkillMetadata.from_json_object(json.loads(METADATA.to_json()))
    assert back == METADATA
    assert (back.obs_dim, back.act_dim) == (10, 2)


@pytest.mark.parametrize(
    'name',
    ['', '../up', '/etc', 'a/b', '.', '..', '-a', 'A', 'a b', 'a.b', 'é', 'a\n', 'a' * 65, None],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    with pytest.raises(SkillError, match='not a skill name'):
        check_name(name)


@pytest.mark.parametrize('name', ['a', '_a', '0', 'sawyer_reach-2'])
def test_plain_names_pass(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('name', '../reach'),
        ('robot', ''),
        ('task', None),
        ('temperature', float('nan')),
        ('temperature', -0.1),
        ('temperature', '0.1'),
        ('discount', 1.0),
        ('layout', ()),
        ('layout', 'position'),
        ('layout', ({'name': 'position'},)),
        ('layout', ({'name': 'position', 'size': 0},)),
        ('layout', (7,)),
        ('action_mode', 'TORQUE'),
        ('action_joints', ('j0', 'j0')),
        ('action_joints', (1, 2)),
        ('action_scale', (8.0,)),
        ('action_scale', (8.0, 0.0)),
        ('action_scale', (8.0, float('inf'))),
        ('hidden', ()),
        ('hidden', (16.0,)),
        ('hidden', (10**6,)),
        ('layer_norm', 1),
        ('limits', None),
        ('metrics', [1]),
        ('created', 'yesterday'),
        ('sha256', 'abc'),
        ('schema', 2),
    ],
)
def test_a_wrong_field_is_refused_by_name(field, value):
    with pytest.raises(SkillError, match=field):
        replace(METADATA, **{field: value})


def test_missing_and_unknown_fields_are_named():
    content = json.loads(METADATA.to_json())
    with pytest.raises(SkillError, match='discount'):
        SkillMetadata.from_json_object({k: v for k, v in content.items() if k != 'discount'})
    with pytest.raises(SkillError, match='gamma'):
        SkillMetadata.from_json_object({**content, 'gamma': 0.9})
    with pytest.raises(SkillError, match='JSON object'):
        SkillMetadata.from_json_object([content])


def test_another_schema_is_refused_before_its_fields_are_judged():
    with pytest.raises(SkillError, match='schema is 2, this version reads 1'):
        SkillMetadata.from_json_object({'schema': 2, 'anything': 1})


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(SkillError, match='JSON'):
        replace(METADATA, metrics={'distance': float('nan')}).to_json()


CAMERA = {'name': 'camera', 'size': 24, 'shape': (3, 4, 2)}


def test_an_image_is_told_by_the_layout_and_comes_back_from_json():
    assert METADATA.image == ()
    seeing = replace(METADATA, layout=(*METADATA.layout, CAMERA))
    back = SkillMetadata.from_json_object(json.loads(seeing.to_json()))
    assert back == seeing
    assert back.image == (3, 4, 2)
    assert back.obs_dim == 10 + 24


def test_without_an_image_the_text_does_not_mention_one():
    assert 'shape' not in METADATA.to_json()


def test_an_image_may_be_larger_than_other_parts():
    picture = {'name': 'camera', 'size': 64 * 64 * 3, 'shape': [64, 64, 3]}
    assert replace(METADATA, layout=(picture,)).image == (64, 64, 3)


@pytest.mark.parametrize(
    'layout',
    [
        (CAMERA, {'name': 'position', 'size': 7}),
        ({**CAMERA, 'shape': ()},),
        ({**CAMERA, 'shape': (24,)},),
        ({**CAMERA, 'shape': (3, 4, 3)},),
        ({**CAMERA, 'shape': (3, 4, 2.0)},),
        ({**CAMERA, 'shape': (3, 4, -2), 'size': -24},),
        ({**CAMERA, 'shape': None},),
        ({**CAMERA, 'size': 24.0},),
        ({**CAMERA, 'size': 4096**3, 'shape': (4096, 4096, 4096)},),
        ({**CAMERA, 'color': 'rgb'},),
    ],
)
def test_an_image_that_cannot_be_is_refused(layout):
    with pytest.raises(SkillError, match='layout'):
        replace(METADATA, layout=layout)
