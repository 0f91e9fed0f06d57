# SPDX-License-Identifier: Apache-2.0
"""Weights as bytes: round trip, and refusal of anything else without another exception."""

import contextlib
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
import pytest
import safetensors.torch
import torch

from maxent_rl.weights import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    WeightsRejected,
    check_size,
    check_tensors,
    decode,
    encode,
)

TENSORS = {'b': torch.arange(6.0).view(2, 3), 'a': torch.tensor(1.5)}


def with_header(header, body=b''):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, 'little') + text + body


def rule(payload):
    with pytest.raises(WeightsRejected) as caught:
        decode(payload)
    return caught.value.rule


def test_tensors_come_back_bitwise():
    back = decode(encode(TENSORS))
    assert back.keys() == TENSORS.keys()
    assert all(torch.equal(back[k], v) for k, v in TENSORS.items())


def test_equal_tensors_give_equal_bytes_whatever_their_order_and_storage():
    again = {'a': TENSORS['a'].clone(), 'b': TENSORS['b'].t().contiguous().t()}
    assert encode(again) == encode(TENSORS)


def test_views_of_one_storage_can_be_encoded():
    flat = torch.arange(4.0)
    back = decode(encode({'x': flat[:2], 'y': flat[2:]}))
    assert back['y'].tolist() == [2.0, 3.0]


def test_sizes_above_the_cap_and_nothing_are_refused():
    assert rule(b'') == 'W1'
    assert rule(bytes(MAX_PAYLOAD_BYTES + 1)) == 'W1'
    for size in (0, -1, 2**30):
        with pytest.raises(WeightsRejected, match='W1'):
            check_size(size)


@pytest.mark.parametrize(
    'payload',
    [
        b'abc',
        bytes(16),
        (2**63).to_bytes(8, 'little') + b'{}',
        with_header(b'\xff\xfe'),
        with_header(b'[' * 30_000),
        with_header(b'1' * 30_000),
        with_header([]),
        with_header({}),
        with_header({'__metadata__': {'maxent_rl': '2'}}),
        with_header({'__metadata__': {'maxent_rl': '1'}, 'a': 3}),
        with_header({'__metadata__': {'maxent_rl': '1'}}, b'trailing'),
        safetensors.torch.save(TENSORS),
    ],
)
def test_what_is_not_ours_is_refused(payload):
    assert rule(payload) == 'W2'


def test_a_header_above_64_kb_is_refused_before_it_is_parsed():
    tensors = {f'tensor_{i:05d}': torch.zeros(1) for i in range(2000)}
    assert len(encode(tensors)) > MAX_HEADER_BYTES
    assert rule(encode(tensors)) == 'W2'


@pytest.mark.parametrize(
    'entry',
    [
        {'dtype': 'F32', 'shape': [2**40], 'data_offsets': [0, 2**42]},
        {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 2**30]},
        {'dtype': 'F32', 'shape': [-1], 'data_offsets': [0, 4]},
        {'dtype': 'F99', 'shape': [1], 'data_offsets': [0, 4]},
        {'dtype': 'F32', 'shape': [3], 'data_offsets': [0, 4]},
        {'dtype': 'F32', 'shape': [1], 'data_offsets': [4, 0]},
    ],
)
def test_entries_that_lie_about_their_data_are_refused(entry):
    assert rule(with_header({'__metadata__': {'maxent_rl': '1'}, 'a': entry}, bytes(4))) == 'W2'


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.booleans())
@example(b'', True)
def test_any_bytes_are_decoded_or_rejected_and_nothing_else_happens(junk, headed):
    payload = with_header({'__metadata__': {'maxent_rl': '1'}}, junk) if headed else junk
    with contextlib.suppress(WeightsRejected):
        assert decode(payload) == {}


def test_a_zero_dimensional_and_an_empty_set_of_tensors_pass():
    assert decode(encode({})) == {}
    check_tensors({'a': TENSORS['a']}, {'a': ()}, bound=2.0)
    with pytest.raises(WeightsRejected, match='W7'):
        check_tensors({'a': TENSORS['a']}, {'a': ()}, bound=1.0)
