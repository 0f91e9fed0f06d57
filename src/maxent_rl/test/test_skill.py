# SPDX-License-Identifier: Apache-2.0
"""Skills on disk: round trip, size, every kind of damage, names, replacement, listing."""

from dataclasses import replace
import hashlib
import json
import logging
from pathlib import Path
import random
import subprocess

import pytest
import torch

from maxent_rl.algorithms import ALGORITHMS, make_algorithm
from maxent_rl.networks import QFunction, load_prefixed_state
from maxent_rl.pixels import pixel_count
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import (
    Skill,
    SkillError,
    SkillMetadata,
    add_metrics,
    list_skills,
    load_skill,
    save_skill,
    skill_folder,
)
from maxent_rl.weights import WeightsRejected, decode

SHIPPED = Path(__file__).parents[3] / 'skills'

HALF = {'rtol': 2e-3, 'atol': 2e-3}  # Q-functions are kept in half precision


def make_skill(
    name='reach',
    obs=(2, 1),
    joints=('j0', 'j1'),
    hidden=(16, 16),
    seed=0,
    norm=True,
    algorithm='sac',
    image=(),
):
    options = {'hidden': hidden, 'layer_norm': norm}
    pixels = pixel_count(image)
    learner = make_algorithm(algorithm, sum(obs) + pixels, len(joints), options, seed, image)
    parts = [{'name': f'part{i}', 'size': size} for i, size in enumerate(obs)]
    if image:
        parts.append({'name': 'camera', 'size': pixels, 'shape': image})
    metadata = SkillMetadata(
        name=name,
        robot='sawyer',
        task='reach',
        algorithm=algorithm,
        temperature=learner.temperature,
        discount=learner.config.discount,
        layout=tuple(parts),
        layout_hash='0123456789abcdef',
        action_mode='torque',
        action_joints=joints,
        action_scale=(1.0,) * len(joints),
        hidden=hidden,
        layer_norm=norm,
        limits={},
        metrics={},
        provenance={'seed': seed},
        created='2026-11-23T14:00:00+00:00',
    )
    return learner, Skill(metadata, learner.skill_tensors())


def rewrite(path, text):
    """Change a file of a skill as somebody would who then runs `sha256sum * > SHA256SUMS`."""
    path.write_text(text)
    files = sorted(p for p in path.parent.iterdir() if p.name != 'SHA256SUMS')
    lines = [f'{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n' for p in files]
    (path.parent / 'SHA256SUMS').write_text(''.join(lines))


@pytest.mark.parametrize('norm', [True, False])
def test_a_loaded_skill_acts_and_values_as_the_saved_learner(tmp_path, norm):
    sac, skill = make_skill(norm=norm)
    written = save_skill(tmp_path / 'reach', skill)
    loaded = load_skill(tmp_path / 'reach')
    assert loaded.metadata == written == replace(skill.metadata, sha256=written.sha256)
    obs = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    action = torch.zeros(10, 2)
    with torch.no_grad():
        assert torch.equal(loaded.policy().mode(obs), sac.policy.mode(obs))
        for name, original in (('q1', sac.q1), ('q2', sac.q2)):
            q = QFunction(3, 2, (16, 16), layer_norm=norm)
            load_prefixed_state(name, q, dict(loaded.tensors))
            torch.testing.assert_close(q(obs, action), original(obs, action), **HALF)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_skill_of_every_algorithm_acts_and_values_as_the_saved_learner(tmp_path, algorithm):
    learner, skill = make_skill(algorithm=algorithm, seed=1)
    with torch.no_grad():  # so that nothing is near zero
        for parameter in learner.policy.parameters():
            parameter.mul_(3.0)
    skill = Skill(skill.metadata, learner.skill_tensors())
    save_skill(tmp_path / 'reach', skill)
    loaded = load_skill(tmp_path / 'reach')
    generator = torch.Generator().manual_seed(0)
    obs, action = torch.randn(10, 3, generator=generator), torch.zeros(10, 2)
    policy, q = loaded.policy(), loaded.q_function()
    noise = policy.draw_noise(None, generator).expand(10, -1)
    with torch.no_grad():
        assert torch.equal(policy.mode(obs), learner.policy.mode(obs))
        assert torch.equal(policy.act(obs, noise), learner.policy.act(obs, noise))
        if algorithm == 'sac':
            expected = torch.minimum(learner.q1(obs, action), learner.q2(obs, action))
        else:
            expected = learner.q_function(obs, action)
        torch.testing.assert_close(q(obs, action), expected, **HALF)
    assert not policy.act(obs, noise).requires_grad
    assert not q(obs, action).requires_grad
    assert loaded.metadata.temperature == learner.temperature


def test_a_skill_that_sees_images_acts_and_values_bitwise_as_the_saved_learner(tmp_path):
    sac, skill = make_skill(image=(5, 4, 3))
    save_skill(tmp_path / 'reach', skill)
    loaded = load_skill(tmp_path / 'reach')
    assert loaded.metadata.image == loaded.policy().image == (5, 4, 3)
    obs = torch.rand(20, 63, generator=torch.Generator().manual_seed(0))
    action = torch.zeros(20, 2)
    with torch.no_grad():
        assert torch.equal(loaded.policy().mode(obs), sac.policy.mode(obs))
        wanted = torch.minimum(sac.q1(obs, action), sac.q2(obs, action))
        torch.testing.assert_close(loaded.q_function()(obs, action), wanted, **HALF)
    runners = [PolicyRunner(p, 0, deterministic=False) for p in (sac.policy, loaded.policy())]
    for one in obs.numpy():
        assert (runners[0](one) == runners[1](one)).all()


def test_a_skill_whose_image_has_another_shape_than_its_encoder_is_refused(tmp_path):
    save_skill(tmp_path / 'reach', make_skill(image=(5, 4, 3))[1])
    path = tmp_path / 'reach' / 'skill.json'
    content = json.loads(path.read_text())
    for shape in ([5, 6, 2], [1, 20, 3]):
        content['layout'][-1]['shape'] = shape
        rewrite(path, json.dumps(content))
        with pytest.raises(SkillError, match='W6'):
            load_skill(tmp_path / 'reach')
    content['algorithm'] = 'soft_q'
    rewrite(path, json.dumps(content))
    with pytest.raises(SkillError, match='soft_q cannot learn from images'):
        load_skill(tmp_path / 'reach')


def test_q_of_a_skill_can_be_differentiated_by_the_action():
    _, skill = make_skill(algorithm='naf')
    action = torch.full((4, 2), 0.5, requires_grad=True)
    (slope,) = torch.autograd.grad(skill.q_function()(torch.zeros(4, 3), action).sum(), action)
    assert (slope < 0.0).all()  # its maximum is near zero


def test_a_skill_of_an_unknown_algorithm_is_refused_by_name(tmp_path):
    save_skill(tmp_path / 'reach', make_skill()[1])
    path = tmp_path / 'reach' / 'skill.json'
    rewrite(path, path.read_text().replace('"sac"', '"ppo"'))
    with pytest.raises(SkillError, match=r"skill reach: unknown algorithm 'ppo'; known: .*naf"):
        load_skill(tmp_path / 'reach')


def test_a_skill_of_another_algorithm_than_it_says_is_refused(tmp_path):
    save_skill(tmp_path / 'reach', make_skill(algorithm='ddpg')[1])
    path = tmp_path / 'reach' / 'skill.json'
    whole = path.read_text()
    for other in ('sac', 'soft_q', 'naf'):
        rewrite(path, whole.replace('"ddpg"', f'"{other}"'))
        with pytest.raises(SkillError, match='W6'):
            load_skill(tmp_path / 'reach')


@pytest.mark.parametrize('name', sorted(path.name for path in SHIPPED.iterdir()))
def test_the_skills_of_this_repository_are_readable_and_act(name):
    skill = load_skill(SHIPPED / name)
    assert skill.metadata.algorithm == ('soft_q' if name.startswith('soft_q_') else 'sac')
    obs = torch.zeros(5, skill.metadata.obs_dim)
    action = skill.policy().mode(obs)
    assert action.shape == (5, skill.metadata.act_dim)
    assert skill.q_function()(obs, action).isfinite().all()


def test_a_skill_from_before_there_were_images_acts_as_a_plain_perceptron():
    skill = load_skill(SHIPPED / 'sawyer_reach')
    assert skill.metadata.image == ()
    obs = torch.randn(20, skill.metadata.obs_dim, generator=torch.Generator().manual_seed(0))
    x = obs
    for i in range(len(skill.metadata.hidden)):
        weight, bias = (skill.tensors[f'policy.layers.{i}.{part}'] for part in ('weight', 'bias'))
        x = torch.relu(x @ weight.t() + bias)
    last = f'policy.layers.{len(skill.metadata.hidden)}'
    mean, _ = (x @ skill.tensors[f'{last}.weight'].t() + skill.tensors[f'{last}.bias']).chunk(2, 1)
    torch.testing.assert_close(skill.policy().mode(obs), mean.tanh(), rtol=1e-3, atol=1e-5)


def test_a_full_size_skill_is_below_a_megabyte(tmp_path):
    joints = tuple(f'j{i}' for i in range(7))
    _, skill = make_skill(obs=(14, 6), joints=joints, hidden=(256, 256))
    save_skill(tmp_path / 'reach', skill)
    size = sum(path.stat().st_size for path in (tmp_path / 'reach').iterdir())
    assert 500_000 < size < 1_000_000


def test_a_skill_with_a_long_history_is_below_a_megabyte_too(tmp_path):
    joints = tuple(f'j{i}' for i in range(8))
    _, skill = make_skill(obs=(112,), joints=joints, hidden=(256, 256))
    states = torch.zeros(200_000 // 2 // 112, 112)  # as many as skill_export keeps
    save_skill(tmp_path / 'reach', replace(skill, states=states))
    size = sum(path.stat().st_size for path in (tmp_path / 'reach').iterdir())
    assert 900_000 < size < 1_000_000


def test_a_skill_is_replaced_whole_and_found_after_an_interrupted_replacement(tmp_path):
    folder = tmp_path / 'reach'
    for seed in (0, 1):
        save_skill(folder, make_skill(seed=seed)[1])
    assert load_skill(folder).metadata.provenance == {'seed': 1}
    folder.rename(tmp_path / '.reach.replaced')
    assert load_skill(folder).metadata.provenance == {'seed': 1}


def test_a_skill_must_be_saved_in_a_folder_of_its_name(tmp_path):
    with pytest.raises(SkillError, match='folder of that name'):
        save_skill(tmp_path / 'push', make_skill()[1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'name', ['skill.json', 'states.safetensors', 'weights.safetensors', 'SHA256SUMS']
)
def test_a_flipped_bit_anywhere_in_a_skill_is_found(tmp_path, name):
    _, skill = make_skill()
    states = torch.zeros(50, 3)
    save_skill(tmp_path / 'reach', Skill(skill.metadata, skill.tensors, states))
    path = tmp_path / 'reach' / name
    whole = path.read_bytes()
    generator = random.Random(0)
    for _ in range(250):
        offset, bit = generator.randrange(len(whole)), 1 << generator.randrange(8)
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ bit]) + whole[offset + 1 :])
        with pytest.raises(SkillError):
            load_skill(path.parent)


def test_the_sums_are_what_sha256sum_checks(tmp_path):
    save_skill(tmp_path / 'reach', make_skill()[1])
    done = subprocess.run(
        ['sha256sum', '--check', '--strict', 'SHA256SUMS'],
        cwd=tmp_path / 'reach',
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ['skill.json: OK', 'weights.safetensors: OK']


def test_who_wants_signed_skills_sees_the_sums_and_the_folder_and_may_refuse(tmp_path):
    save_skill(tmp_path / 'reach', make_skill()[1])
    seen = []

    def refuse(content, source):
        seen.append((content, source))
        raise WeightsRejected('W4', 'no signature')

    with pytest.raises(SkillError, match=r'reach: weights rejected by W4: no signature'):
        load_skill(tmp_path / 'reach', refuse)
    folder = tmp_path / 'reach'
    assert seen == [((folder / 'SHA256SUMS').read_bytes(), str(folder))]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('skill.json', None, 'no skill at'),
        ('skill.json', b'', 'cannot read'),
        ('skill.json', b'{"schema": 1', 'cannot read'),
        ('skill.json', b'[' * 100_000, 'cannot read'),
        ('skill.json', b'[]', 'JSON object'),
        ('skill.json', b' ' * (2**20 + 1), '1 MiB'),
        ('weights.safetensors', None, 'there is no weights.safetensors'),
        ('weights.safetensors', b'', 'weights.safetensors and SHA256SUMS disagree'),
        ('SHA256SUMS', None, 'cannot read it'),
        ('SHA256SUMS', b'', 'SHA256SUMS disagree'),
    ],
)
def test_a_missing_or_damaged_file_is_named(tmp_path, name, content, message):
    save_skill(tmp_path / 'reach', make_skill()[1])
    path = tmp_path / 'reach' / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SkillError, match=message):
        load_skill(tmp_path / 'reach')


def test_weights_that_are_not_what_the_metadata_say_are_refused(tmp_path):
    save_skill(tmp_path / 'reach', make_skill()[1])
    path = tmp_path / 'reach' / 'skill.json'
    content = json.loads(path.read_text())
    for change in ({'hidden': [16, 8]}, {'layer_norm': False}, {'action_joints': ['j0', 'j9']}):
        rewrite(path, json.dumps({**content, **change}))
        if 'action_joints' in change:  # same shapes: not for this check to find
            load_skill(tmp_path / 'reach')
            continue
        with pytest.raises(SkillError, match='W6'):
            load_skill(tmp_path / 'reach')


def test_a_skill_with_a_number_that_is_not_finite_cannot_be_made():
    _, skill = make_skill()
    bad = {k: v.clone() for k, v in skill.tensors.items()}
    bad['q2.norms.0.bias'][3] = float('nan')
    with pytest.raises(SkillError, match=r'non-finite tensor q2\.norms\.0\.bias'):
        Skill(skill.metadata, bad)


def test_a_skill_without_q_functions_cannot_be_made():
    _, skill = make_skill()
    only_policy = {k: v for k, v in skill.tensors.items() if k.startswith('policy.')}
    with pytest.raises(SkillError, match='missing'):
        Skill(skill.metadata, only_policy)


def test_names_cannot_lead_out_of_the_folder_of_skills(tmp_path):
    assert skill_folder(tmp_path, 'reach') == tmp_path / 'reach'
    for name in ('../reach', '/etc', '..', ''):
        with pytest.raises(SkillError, match='not a skill name'):
            skill_folder(tmp_path, name)


def test_listing_gives_the_readable_skills_and_warns_of_the_others(tmp_path, caplog):
    for name in ('push', 'reach', 'stack', 'lift'):
        save_skill(tmp_path / name, make_skill(name)[1])
    (tmp_path / 'stack' / 'skill.json').write_text('{}')
    (tmp_path / 'lift').rename(tmp_path / 'lift2')
    (tmp_path / 'not_a_skill').mkdir()
    with caplog.at_level(logging.WARNING):
        assert [skill.name for skill in list_skills(tmp_path)] == ['push', 'reach']
    assert 'stack' in caplog.text
    assert 'calls itself lift' in caplog.text
    assert list_skills(tmp_path / 'nowhere') == []


def test_metrics_are_added_and_all_else_stays(tmp_path):
    folder = tmp_path / 'reach'
    before = save_skill(folder, make_skill()[1])
    (folder / 'curve.png').write_bytes(b'picture')
    add_metrics(folder, {'success_rate': 0.95})
    add_metrics(folder, {'episodes': 20})
    loaded = load_skill(folder)
    assert loaded.metadata == replace(before, metrics={'success_rate': 0.95, 'episodes': 20})
    assert (folder / 'curve.png').read_bytes() == b'picture'


def test_metrics_of_a_damaged_skill_are_not_added(tmp_path):
    folder = tmp_path / 'reach'
    save_skill(folder, make_skill()[1])
    (folder / 'weights.safetensors').write_bytes(b'')
    with pytest.raises(SkillError, match='SHA256SUMS disagree'):
        add_metrics(folder, {'success_rate': 0.95})


def test_a_policy_is_kept_to_the_bit_and_q_functions_in_half_the_space(tmp_path):
    _, skill = make_skill()
    save_skill(tmp_path / 'reach', skill)
    stored = decode((tmp_path / 'reach' / 'weights.safetensors').read_bytes())
    for name, tensor in stored.items():
        if name.startswith('policy.'):
            assert torch.equal(tensor, skill.tensors[name])
        else:
            assert tensor.dtype == torch.float16


def test_q_functions_of_very_small_rewards_are_kept_as_exactly(tmp_path):
    _, skill = make_skill()
    unit = 4.0**-12
    last = [name for name in skill.tensors if name.startswith('q1.layers.2.')]
    scaled = {k: v * unit if k in last else v for k, v in skill.tensors.items()}
    save_skill(tmp_path / 'reach', replace(skill, tensors=scaled))
    loaded = load_skill(tmp_path / 'reach').tensors
    for name in last:
        torch.testing.assert_close(loaded[name], scaled[name], rtol=2e-3, atol=1e-3 * unit)
