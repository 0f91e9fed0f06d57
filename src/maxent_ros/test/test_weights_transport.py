# SPDX-License-Identifier: Apache-2.0
"""Weights survive any order, repetition and loss of chunks; contradictions are refused."""

import hashlib
import random
import tracemalloc

from builtin_interfaces.msg import Time
import pytest

from maxent_ros.weights_transport import (
    CHUNK_BYTES,
    MAX_PAYLOAD_BYTES,
    ChunkAssembler,
    ChunkError,
    chunk_count,
    split,
)

STAMP = Time(sec=12, nanosec=34)


def payload_of(chunks, seed=0):
    return random.Random(seed).randbytes(int((chunks - 0.5) * CHUNK_BYTES))


def chunks_of(payload, version=1, run_id='run'):
    return split(payload, run_id, version, 'layout', STAMP)


def feed(assembler, chunks, now_s=0.0):
    return [done for chunk in chunks if (done := assembler.add(chunk, now_s)) is not None]


@pytest.mark.parametrize(
    'size', [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES, MAX_PAYLOAD_BYTES]
)
def test_a_payload_of_any_allowed_size_arrives_whole(size):
    payload = random.Random(size).randbytes(size)
    chunks = chunks_of(payload, version=3)
    assert len(chunks) == chunk_count(size)
    assert all(0 < len(chunk.data) <= 65536 for chunk in chunks)
    (policy,) = feed(ChunkAssembler(), chunks)
    assert policy.payload == payload
    assert (policy.run_id, policy.version, policy.layout_hash) == ('run', 3, 'layout')
    assert policy.sha256 == hashlib.sha256(payload).hexdigest()


def test_every_chunk_carries_the_stamp_and_the_same_description():
    for index, chunk in enumerate(chunks_of(payload_of(4))):
        assert chunk.header.stamp == STAMP
        assert (chunk.index, chunk.total, chunk.size) == (index, 4, len(payload_of(4)))


@pytest.mark.parametrize('size', [0, MAX_PAYLOAD_BYTES + 1])
def test_a_payload_that_receivers_would_refuse_is_not_sent(size):
    with pytest.raises(ValueError, match=f'weights of {size} bytes'):
        split(bytes(size), 'run', 1, 'layout', STAMP)


def test_version_zero_is_not_sent():
    with pytest.raises(ValueError, match='version 0'):
        split(b'weights', 'run', 0, 'layout', STAMP)


# Fault 9: missing, duplicate and reordered chunks.


@pytest.mark.parametrize('seed', range(20))
def test_reordered_and_duplicated_chunks_complete_exactly_once(seed):
    payload = payload_of(7, seed)
    chunks = chunks_of(payload) * 3
    random.Random(seed).shuffle(chunks)
    done = feed(ChunkAssembler(), chunks)
    assert [policy.payload for policy in done] == [payload]


def test_a_missing_chunk_is_named_after_the_timeout_and_completes_when_pulled():
    assembler = ChunkAssembler(timeout_s=2.0)
    payload = payload_of(5)
    chunks = chunks_of(payload, version=9)
    assert feed(assembler, [chunks[0], chunks[2], chunks[3]], now_s=10.0) == []
    assert assembler.missing(11.99) == []
    assert assembler.missing(12.0) == [(9, 1), (9, 4)]
    assert assembler.add(chunks[1], 12.1) is None
    policy = assembler.add(chunks[4], 12.2)
    assert policy is not None
    assert policy.payload == payload


def test_missing_chunks_are_asked_for_once_per_timeout():
    assembler = ChunkAssembler(timeout_s=2.0)
    assembler.add(chunks_of(payload_of(2))[0], 0.0)
    assert assembler.missing(2.0) == [(1, 1)]
    assert assembler.missing(3.9) == []
    assert assembler.missing(4.0) == [(1, 1)]


def test_nothing_is_missing_before_the_first_chunk_and_after_completion():
    assembler = ChunkAssembler()
    assert assembler.missing(1e9) == []
    feed(assembler, chunks_of(payload_of(3)))
    assert assembler.missing(1e9) == []
    assert assembler.buffered_bytes == 0


def test_a_version_given_up_frees_its_buffer():
    assembler = ChunkAssembler()
    assembler.add(chunks_of(payload_of(2))[0], 0.0)
    assert assembler.buffered_bytes == CHUNK_BYTES
    assembler.forget()
    assert assembler.buffered_bytes == 0
    assert assembler.missing(1e9) == []


# Fault 10: interleaved versions.


def test_of_interleaved_versions_the_newer_one_wins_and_the_older_is_discarded():
    old, new = payload_of(4, seed=7), payload_of(4, seed=8)
    pairs = zip(chunks_of(old, version=7), chunks_of(new, version=8), strict=True)
    assembler = ChunkAssembler()
    done = feed(assembler, [chunk for pair in pairs for chunk in pair])
    assert [(policy.version, policy.payload) for policy in done] == [(8, new)]
    assert assembler.buffered_bytes == 0


def test_an_older_version_never_comes_back_after_a_newer_one_is_complete():
    assembler = ChunkAssembler()
    assert len(feed(assembler, chunks_of(payload_of(2), version=8))) == 1
    assert feed(assembler, chunks_of(payload_of(2), version=7)) == []
    assert assembler.buffered_bytes == 0


def test_a_new_run_starts_over_at_version_one():
    assembler = ChunkAssembler()
    feed(assembler, chunks_of(payload_of(2), version=8))
    (policy,) = feed(assembler, chunks_of(payload_of(2), version=1, run_id='other'))
    assert (policy.run_id, policy.version) == ('other', 1)


# Fault 7: oversize, and other declarations that cannot be true.


def test_a_declared_size_of_a_gigabyte_is_refused_and_costs_no_memory():
    chunk = chunks_of(payload_of(2))[0]
    chunk.size = 1 << 30
    chunk.total = chunk_count(chunk.size)
    assembler = ChunkAssembler()
    tracemalloc.start()
    with pytest.raises(ChunkError, match='declares 1073741824 bytes'):
        assembler.add(chunk, 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert assembler.buffered_bytes == 0


@pytest.mark.parametrize(
    ('field', 'value', 'reason'),
    [
        ('size', 0, 'declares 0 bytes'),
        ('total', 3, 'declares 3 chunks'),
        ('index', 2, 'only 2 chunks'),
        ('version', 0, 'versions start at 1'),
    ],
)
def test_a_chunk_that_contradicts_itself_is_refused(field, value, reason):
    chunk = chunks_of(payload_of(2))[1]
    setattr(chunk, field, value)
    with pytest.raises(ChunkError, match=reason):
        ChunkAssembler().add(chunk, 0.0)


def test_a_chunk_with_too_few_bytes_is_refused():
    chunk = chunks_of(payload_of(2))[0]
    del chunk.data[-1]
    with pytest.raises(ChunkError, match='65535 bytes instead of 65536'):
        ChunkAssembler().add(chunk, 0.0)


@pytest.mark.parametrize(('field', 'value'), [('layout_hash', 'other'), ('sha256', '0' * 64)])
def test_a_chunk_that_contradicts_earlier_chunks_is_refused_and_the_rest_still_completes(
    field, value
):
    payload = payload_of(3)
    assembler = ChunkAssembler()
    feed(assembler, chunks_of(payload)[:2])
    liar = chunks_of(payload)[2]
    setattr(liar, field, value)
    with pytest.raises(ChunkError, match=field):
        assembler.add(liar, 0.0)
    assert feed(assembler, chunks_of(payload)[2:])[0].payload == payload


def test_a_damaged_payload_is_refused_forgotten_and_can_be_sent_again():
    payload = payload_of(3)
    damaged = chunks_of(payload)
    damaged[1].data[77] ^= 1
    assembler = ChunkAssembler()
    with pytest.raises(ChunkError, match='W3'):
        feed(assembler, damaged)
    assert assembler.buffered_bytes == 0
    assert feed(assembler, chunks_of(payload))[0].payload == payload


@pytest.mark.parametrize('timeout_s', [0.0, -1.0, float('nan')])
def test_a_timeout_that_is_not_positive_is_refused(timeout_s):
    with pytest.raises(ValueError, match='timeout_s'):
        ChunkAssembler(timeout_s)
