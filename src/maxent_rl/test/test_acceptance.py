# SPDX-License-Identifier: Apache-2.0
"""The faults of reliability.md 7 A that concern one payload, and the rule that catches each."""

import hashlib
import os
import resource

import numpy as np
import pytest
import torch

from maxent_rl.acceptance import (
    MAX_MAGNITUDE,
    PolicySpec,
    VersionGate,
    accept_policy,
    check_latency,
)
from maxent_rl.networks import prefixed_state
from maxent_rl.policies import POLICIES
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.sac import SAC, SACConfig
from maxent_rl.weights import MAX_HEADER_BYTES, WeightsRejected, encode

SPEC = PolicySpec(obs_dim=3, act_dim=2, hidden=(8, 8))
configure_torch()  # as every program does

PROBES = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)


def policy(spec=SPEC):
    return spec.make_policy()


def tensors():
    return prefixed_state('policy', policy())


def accept(payload, probes=PROBES, spec=SPEC, sha256=None):
    digest = hashlib.sha256(payload).hexdigest() if sha256 is None else sha256
    return accept_policy(payload, digest, spec, probes)


def rejection(payload, **arguments):
    with pytest.raises(WeightsRejected) as caught:
        accept(payload, **arguments)
    return caught.value


def verdict(payload):
    """The rule that rejects the payload, or None for a policy that acts within the box."""
    try:
        accepted = accept(payload)
    except WeightsRejected as error:
        return error.rule
    with torch.no_grad():
        assert accepted.mode(torch.from_numpy(PROBES)).abs().max() <= 1.0
    return None


def test_a_good_policy_is_accepted_and_acts_as_sent():
    accepted = accept(encode(tensors()))
    obs = torch.from_numpy(PROBES)
    with torch.no_grad():
        assert torch.equal(accepted.mode(obs), policy().mode(obs))
    assert not any(parameter.requires_grad for parameter in accepted.parameters())


@pytest.mark.parametrize('algorithm', POLICIES)
def test_the_policy_of_every_algorithm_is_accepted_and_acts_as_sent(algorithm):
    spec = PolicySpec(3, 2, (8, 8), algorithm)
    sent = spec.make_policy()
    with torch.no_grad():
        next(sent.parameters()).mul_(2.0)  # not what any spec would draw
    accepted = accept(encode(prefixed_state('policy', sent)), spec=spec)
    obs, noise = torch.from_numpy(PROBES[0]), torch.tensor([0.3, -0.2])
    with torch.no_grad():
        assert torch.equal(accepted.mode(obs), sent.mode(obs))
        assert torch.equal(accepted.act(obs, noise), sent.act(obs, noise))


@pytest.mark.parametrize('algorithm', ['soft_q', 'ddpg'])
def test_the_policy_of_another_algorithm_is_rejected_by_w6(algorithm):
    spec = PolicySpec(3, 2, (8, 8), algorithm)
    assert rejection(encode(tensors()), spec=spec).rule == 'W6'
    assert rejection(encode(prefixed_state('policy', spec.make_policy()))).rule == 'W6'


@pytest.mark.parametrize('algorithm', POLICIES)
def test_fault_14_a_policy_that_fails_on_one_probe_only_is_rejected_by_w8(algorithm):
    spec = PolicySpec(3, 2, (8, 8), algorithm)
    wild = {
        k: torch.sign(v) * MAX_MAGNITUDE
        for k, v in prefixed_state('policy', spec.make_policy()).items()
    }
    accept(encode(wild), spec=spec)
    probes = PROBES.copy()
    probes[17] = 1e33  # finite itself, but inf - inf inside the network
    error = rejection(encode(wild), probes=probes, spec=spec)
    assert error.rule == 'W8'
    assert 'number 17' in error.reason


def test_a_gaussian_of_infinite_mean_is_rejected_by_w8_though_tanh_hides_it():
    wild = tensors()
    for name in wild:
        wild[name] = torch.full_like(wild[name], MAX_MAGNITUDE)
    probes = np.full((2, 3), 1e36, np.float32)  # the sums are infinite of one sign
    assert rejection(encode(wild), probes=probes).rule == 'W8'


SEEING = PolicySpec(3 + 24, 2, (8, 8), image=(3, 4, 2))
VIEWS = np.hstack((PROBES[:, :3], np.random.default_rng(1).integers(0, 256, (64, 24)) / 255.0))
VIEWS = VIEWS.astype(np.float32)


def test_a_policy_that_sees_images_is_accepted_and_acts_bitwise_as_the_learner():
    """The learner's parameters lie in one storage, those of a received policy by themselves."""
    learner = SAC(27, 2, SACConfig(hidden=(8, 8)), 0, (3, 4, 2))
    accepted = accept(encode(learner.policy_tensors()), probes=VIEWS, spec=SEEING)
    runners = [PolicyRunner(p, 0, deterministic=False) for p in (learner.policy, accepted)]
    for view in VIEWS:
        np.testing.assert_array_equal(*(runner(view) for runner in runners))
    with torch.no_grad():
        views = torch.from_numpy(VIEWS)
        assert torch.equal(accepted.mode(views), learner.policy.mode(views))


@pytest.mark.parametrize(
    'other',
    [
        PolicySpec(27, 2, (8, 8)),
        PolicySpec(27, 2, (8, 8), image=(3, 4, 1)),
        PolicySpec(27, 2, (8, 8), image=(6, 4, 1)),
        PolicySpec(27, 2, (8, 8), image=(2, 2, 6)),
    ],
    ids=['none', 'fewer colours', 'other lengths', 'more colours'],
)
def test_an_encoder_for_other_images_is_rejected_by_w6(other):
    sent = encode(prefixed_state('policy', other.make_policy()))
    assert rejection(sent, probes=VIEWS, spec=SEEING).rule == 'W6'
    back = encode(prefixed_state('policy', SEEING.make_policy()))
    assert rejection(back, probes=VIEWS, spec=other).rule == 'W6'


def test_bad_numbers_in_an_encoder_are_rejected_by_w7():
    bad = prefixed_state('policy', SEEING.make_policy())
    bad['policy.encoder.conv2.weight'][3, 2, 1, 0] = float('nan')
    error = rejection(encode(bad), probes=VIEWS, spec=SEEING)
    assert (error.rule, error.reason.split()[-1]) == (
        'W7',
        'policy.encoder.conv2.weight',
    )


def test_fault_1_one_nan_is_rejected_by_w7():
    bad = tensors()
    bad['policy.layers.1.weight'][3, 4] = float('nan')
    error = rejection(encode(bad))
    assert error.rule == 'W7'
    assert error.reason == 'non-finite tensor policy.layers.1.weight'


@pytest.mark.parametrize('value', [float('inf'), -float('inf'), 1.01 * MAX_MAGNITUDE])
def test_fault_2_infinite_and_huge_numbers_are_rejected_by_w7(value):
    bad = tensors()
    bad['policy.layers.2.bias'][0] = value
    assert rejection(encode(bad)).rule == 'W7'


def test_fault_3_every_prefix_is_rejected_whether_its_digest_is_right_or_not():
    payload = encode(tensors())
    digest = hashlib.sha256(payload).hexdigest()
    for length in range(len(payload)):
        expected = 'W3' if length > 0 else 'W1'
        assert rejection(payload[:length], sha256=digest).rule == expected
        assert rejection(payload[:length]).rule in ('W1', 'W2')


def test_fault_4_one_flipped_bit_is_rejected_by_w3_at_1000_offsets():
    payload = encode(tensors())
    digest = hashlib.sha256(payload).hexdigest()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, 8 * len(payload), 1000):
        flipped = bytearray(payload)
        flipped[position // 8] ^= 1 << (position % 8)
        assert rejection(bytes(flipped), sha256=digest).rule == 'W3'


def test_a_flipped_bit_with_its_own_digest_gives_a_sound_policy_or_a_rejection():
    payload = encode(tensors())
    rng = np.random.default_rng(1)
    for position in rng.integers(0, 8 * len(payload), 1000):
        flipped = bytearray(payload)
        flipped[position // 8] ^= 1 << (position % 8)
        rule = verdict(bytes(flipped))
        assert rule in (None, 'W2', 'W6', 'W7', 'W8')


@pytest.mark.parametrize('hidden', [(4, 4), (8, 16), (8,), (8, 8, 8)])
def test_fault_5_another_architecture_is_rejected_by_w6(hidden):
    other = policy(PolicySpec(3, 2, hidden))
    assert rejection(encode(prefixed_state('policy', other))).rule == 'W6'


def test_fault_6_other_names_and_dtypes_are_rejected_by_w6():
    good = tensors()
    name = 'policy.layers.0.weight'
    renamed = {('policy.layers.O.weight' if k == name else k): v for k, v in good.items()}
    assert rejection(encode(renamed)).rule == 'W6'
    assert rejection(encode({**good, 'policy.extra': torch.zeros(1)})).rule == 'W6'
    assert rejection(encode({k: v for k, v in good.items() if k != name})).rule == 'W6'
    for dtype in (torch.float64, torch.float16, torch.int32):
        assert rejection(encode({**good, name: good[name].to(dtype)})).rule == 'W6'


def test_fault_7_an_announced_gibibyte_is_rejected_without_reserving_it():
    header = (
        b'{"__metadata__":{"maxent_rl":"1"},'
        b'"policy.layers.0.weight":{"dtype":"F32","shape":[268435456],'
        b'"data_offsets":[0,1073741824]}}'
    )
    lying = len(header).to_bytes(8, 'little') + header
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert rejection(lying).rule == 'W2'
    assert rejection((2**30).to_bytes(8, 'little') + bytes(100)).rule == 'W2'
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # kB
    assert rejection(bytes(8 * 2**20 + 1)).rule == 'W1'


def test_fault_8_a_header_bomb_is_rejected_at_the_cap():
    header = b'{' + b' ' * (MAX_HEADER_BYTES + 1) + b'}'
    assert rejection(len(header).to_bytes(8, 'little') + header).rule == 'W2'


def test_fault_13_a_pickle_is_rejected_by_w2_and_never_opened(tmp_path):
    """Protocol-0 pickle that would create a file if anything opened it."""
    trace = tmp_path / 'opened'
    pickled = f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()
    assert rejection(pickled).rule == 'W2'
    assert rejection(b'\x80\x04' + os.urandom(200)).rule == 'W2'
    assert not trace.exists()


def test_a_digest_in_capitals_is_the_same_digest():
    payload = encode(tensors())
    accept(payload, sha256=hashlib.sha256(payload).hexdigest().upper())


@pytest.mark.parametrize(
    'probes', [PROBES[:0], PROBES[:, :2], PROBES[0], np.full((1, 3), np.nan, np.float32)]
)
def test_bad_probes_are_the_callers_mistake(probes):
    with pytest.raises(ValueError, match='probes must'):
        accept(encode(tensors()), probes=probes)


def test_versions_must_grow_within_the_run_first_seen():
    gate = VersionGate()
    gate.accept('a', 3)
    for run, version in (('a', 3), ('a', 2), ('a', 0), ('b', 9)):
        with pytest.raises(WeightsRejected) as caught:
            gate.accept(run, version)
        assert caught.value.rule == 'W5'
    assert (gate.run_id, gate.version) == ('a', 3)
    gate.accept('a', 7)
    assert gate.version == 7


def test_checking_a_version_does_not_take_it():
    gate = VersionGate('a', 1)
    gate.check('a', 5)
    gate.accept('a', 2)
    assert gate.version == 2


def test_another_run_passes_once_it_is_allowed_and_counts_anew():
    gate = VersionGate('a', 100)
    gate.allow_run('a')
    assert gate.version == 100
    gate.allow_run('b')
    gate.accept('b', 1)
    with pytest.raises(WeightsRejected, match='accepted run'):
        gate.check('a', 101)


def test_fault_11_what_the_verifier_refuses_is_rejected_by_w4_before_it_is_read():
    seen = []

    def refuse(content, source):
        seen.append((content, source))
        raise WeightsRejected('W4', 'signed for another robot')

    payload = b'not even safetensors'
    digest = hashlib.sha256(payload).hexdigest()
    with pytest.raises(WeightsRejected, match='W4: signed for another robot'):
        accept_policy(payload, digest, SPEC, PROBES, refuse, 'run a version 3')
    assert seen == [(payload, 'run a version 3')]


class _Clock:
    """Goes on by the next of some times between two looks."""

    def __init__(self, *took_s):
        self._now_s, self._took_s, self._looks = 0.0, took_s, 0

    def __call__(self):
        if self._looks % 2:
            self._now_s += self._took_s[self._looks // 2 % len(self._took_s)]
        self._looks += 1
        return self._now_s


def test_a_policy_that_takes_too_much_of_the_control_period_is_rejected_by_w8():
    policy = SPEC.make_policy()
    check_latency(policy, PROBES, 0.05, _Clock(0.014))
    with pytest.raises(WeightsRejected, match=r'W8: an action takes 16\.0 ms, allowed are 30%'):
        check_latency(policy, PROBES, 0.05, _Clock(0.016))


def test_one_slow_action_of_many_is_the_machines_not_the_policys():
    check_latency(SPEC.make_policy(), PROBES, 0.05, _Clock(0.001, 0.001, 0.001, 2.0))
