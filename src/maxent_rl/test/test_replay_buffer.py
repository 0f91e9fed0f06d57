# SPDX-License-Identifier: Apache-2.0
"""The ring against a plain list: which transitions exist, how they are drawn, exact state."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

from maxent_rl.replay_buffer import Batch, ReplayBuffer, check_batch, join

# One step of a history: begin a segment, or add a step that goes on, terminates or truncates.
events = st.lists(st.sampled_from(['begin', 'add', 'add', 'add', 'end', 'cut']), max_size=60)


def play(buffer, history, start=0):
    """Write a history whose k-th observation is k; return it as a list of dictionaries."""
    written = []
    is_open = False
    for number, event in enumerate(history, start):
        obs = np.full(2, number, np.float32)
        if event == 'begin' or not is_open:
            buffer.begin(obs)
            written.append({'obs': number, 'first': True})
            is_open = True
            continue
        buffer.add([number / 1000.0], -number, obs, event == 'end', event == 'cut')
        written.append({'obs': number, 'first': False, 'terminated': event == 'end'})
        is_open = event == 'add'
    return written


def expected(written, capacity):
    """Transitions (obs, next_obs) that a ring of `capacity` observations still holds."""
    kept = written[-capacity:]
    return {
        (before['obs'], after['obs'], after['terminated'])
        for before, after in itertools.pairwise(kept)
        if not after['first']
    }


def drawn(buffer, seed=0, size=3000):
    batch = buffer.sample(size, np.random.default_rng(seed))
    for k in range(size):
        number = batch.next_obs[k, 0].item()
        assert batch.action[k, 0].item() == pytest.approx(number / 1000.0)
        assert batch.reward[k].item() == -number
    return [
        (int(a[0].item()), int(b[0].item()), bool(t.item()))
        for a, b, t in zip(batch.obs, batch.next_obs, batch.terminated, strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(events, st.integers(2, 9))
def test_exactly_the_transitions_still_stored_can_be_drawn(history, capacity):
    buffer = ReplayBuffer(capacity, 2, 1)
    want = expected(play(buffer, history), capacity)
    assert len(buffer) == len(want)
    if want:
        assert set(drawn(buffer, size=600)) == want


def test_no_transition_joins_two_episodes_or_the_seam_of_the_ring():
    buffer = ReplayBuffer(50, 2, 1)
    play(buffer, (['begin', *['add'] * 5, 'cut', 'begin', 'add', 'add', 'end'] * 40))
    for obs, next_obs, _ in drawn(buffer):
        assert next_obs == obs + 1
        assert next_obs % 11 not in (0, 7)


def test_terminated_is_kept_apart_from_truncated():
    buffer = ReplayBuffer(10, 2, 1)
    play(buffer, ['begin', 'cut', 'begin', 'end'])
    assert set(drawn(buffer)) == {(0, 1, False), (2, 3, True)}
    state = buffer.state()
    assert state['truncated'].tolist() == [False, True, False, False]
    assert state['terminated'].tolist() == [False, False, False, True]


def test_sampling_is_uniform_over_transitions():
    buffer = ReplayBuffer(64, 2, 1)
    play(buffer, (['begin', *['add'] * 6, 'end'] * 20))
    number = len(buffer)
    counts = np.unique([pair[1] for pair in drawn(buffer, size=20_000)], return_counts=True)[1]
    assert len(counts) == number
    mean = 20_000 / number
    chi_squared = float(((counts - mean) ** 2 / mean).sum())
    assert chi_squared < number - 1 + 4.0 * np.sqrt(2.0 * (number - 1))


def test_each_observation_is_stored_once():
    buffer = ReplayBuffer(1000, 50, 1)
    per_slot = sum(column.nbytes for column in buffer._columns().values()) / 1000
    assert per_slot < 1.2 * 50 * 4


@settings(max_examples=40, deadline=None)
@given(events, events, st.integers(2, 9))
def test_a_restored_buffer_goes_on_exactly(history, later, capacity):
    buffer, copy = ReplayBuffer(capacity, 2, 1), ReplayBuffer(capacity, 2, 1)
    play(copy, ['begin', 'add', 'add'])  # whatever it held is forgotten
    play(buffer, history)
    copy.load_state(buffer.state())
    for each in (buffer, copy):
        play(each, ['begin', *later], start=len(history))
    assert len(copy) == len(buffer)
    for name, array in buffer.state().items():
        np.testing.assert_array_equal(copy.state()[name], array)
    if len(buffer) > 0:
        assert drawn(copy, size=50) == drawn(buffer, size=50)


def test_an_open_segment_goes_on_after_restoring():
    buffer, copy = ReplayBuffer(8, 2, 1), ReplayBuffer(8, 2, 1)
    play(buffer, ['begin', 'add'])
    copy.load_state(buffer.state())
    copy.add([0.002], -2.0, [2.0, 2.0], False, True)
    assert set(drawn(copy)) == {(0, 1, False), (1, 2, False)}


def test_a_step_without_a_segment_is_refused():
    buffer = ReplayBuffer(8, 2, 1)
    with pytest.raises(RuntimeError, match='begin'):
        buffer.add([0.0], 0.0, [0.0, 0.0], False, False)
    play(buffer, ['begin', 'end'])
    with pytest.raises(RuntimeError, match='begin'):
        buffer.add([0.0], 0.0, [0.0, 0.0], False, False)


@pytest.mark.parametrize(
    ('action', 'reward', 'obs', 'named'),
    [
        ([0.0, 0.0], 0.0, [0.0, 0.0], 'action'),
        ([0.0], 0.0, [0.0], 'observation'),
        ([np.nan], 0.0, [0.0, 0.0], 'action'),
        ([0.0], np.inf, [0.0, 0.0], 'reward'),
        ([0.0], 1e300, [0.0, 0.0], 'reward'),
        ([0.0], 0.0, [np.nan, 0.0], 'observation'),
    ],
)
@pytest.mark.filterwarnings('ignore:overflow')
def test_bad_values_are_refused_by_name_and_change_nothing(action, reward, obs, named):
    buffer = ReplayBuffer(8, 2, 1)
    play(buffer, ['begin', 'add'])
    before = buffer.state()
    with pytest.raises(ValueError, match=named):
        buffer.add(action, reward, obs, False, False)
    for name, array in before.items():
        np.testing.assert_array_equal(buffer.state()[name], array)


IMAGE, SEEING_DIM = (3, 4, 2), 2 + 24


def seeing(buffer, count=300, seed=0):
    """Write steps with images into a buffer, as layout.pack makes them; return them as (k, n)."""
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 256, (count, 24)) / 255.0).astype(np.float32)
    written = np.hstack((rng.normal(size=(count, 2)).astype(np.float32), pixels))
    for k, obs in enumerate(written):
        if k % 7 == 0:
            buffer.begin(obs)
        else:
            buffer.add([0.0], 0.0, obs, False, False)
    return written


def test_images_come_back_to_the_bit_in_every_sample():
    buffer = ReplayBuffer(100, SEEING_DIM, 1, IMAGE)
    written = {row.tobytes(): k for k, row in enumerate(seeing(buffer))}
    batch = buffer.sample(500, np.random.default_rng(0))
    assert batch.obs.shape == batch.next_obs.shape == (500, SEEING_DIM)
    assert batch.obs.dtype == torch.float32
    for before, after in zip(batch.obs.numpy(), batch.next_obs.numpy(), strict=True):
        assert written[after.tobytes()] == written[before.tobytes()] + 1
    drawn_alone = buffer.observations(1000, np.random.default_rng(0)).numpy()
    assert {written[row.tobytes()] for row in drawn_alone} == set(range(200, 300))


def test_with_images_the_same_steps_are_drawn_as_without():
    plain, buffer = ReplayBuffer(100, SEEING_DIM, 1), ReplayBuffer(100, SEEING_DIM, 1, IMAGE)
    for each in (plain, buffer):
        seeing(each)
    pairs = zip(*(b.sample(64, np.random.default_rng(3)) for b in (plain, buffer)), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    rows = [b.observations(20, np.random.default_rng(3)) for b in (plain, buffer)]
    assert torch.equal(*rows)


def test_a_pixel_takes_one_byte():
    columns = ReplayBuffer(100, SEEING_DIM, 1, IMAGE)._columns()
    assert columns['image'].nbytes == 100 * 24
    assert columns['obs'].nbytes == 100 * 2 * 4


def test_a_restored_buffer_of_images_goes_on_exactly():
    buffer, copy = (ReplayBuffer(100, SEEING_DIM, 1, IMAGE) for _ in range(2))
    seeing(buffer)
    seeing(copy, 30, seed=1)
    copy.load_state(buffer.state())
    for each in (buffer, copy):
        seeing(each, 20, seed=2)
    assert buffer.state()['image'].dtype == np.uint8
    for name, array in buffer.state().items():
        np.testing.assert_array_equal(copy.state()[name], array)
    batches = (each.sample(50, np.random.default_rng(0)) for each in (buffer, copy))
    assert all(torch.equal(one, other) for one, other in zip(*batches, strict=True))
    with pytest.raises(ValueError, match='image'):
        ReplayBuffer(100, SEEING_DIM, 1).load_state(buffer.state())


def test_an_observation_may_be_nothing_but_an_image():
    buffer = ReplayBuffer(10, 24, 1, IMAGE)
    buffer.begin(np.zeros(24))
    buffer.add([0.0], 0.0, np.ones(24), True, False)
    batch = buffer.sample(2, np.random.default_rng(0))
    assert (batch.obs == 0.0).all()
    assert (batch.next_obs == 1.0).all()


@pytest.mark.parametrize('odd', [0.5, 1.001, -0.1, 256 / 255])
def test_an_image_of_other_numbers_is_refused_and_changes_nothing(odd):
    buffer = ReplayBuffer(10, SEEING_DIM, 1, IMAGE)
    obs = seeing(buffer, 3)[-1].copy()
    before = buffer.state()
    obs[-1] = odd
    with pytest.raises(ValueError, match='1 of 24 pixels are not n/255'):
        buffer.add([0.0], 0.0, obs, False, False)
    with pytest.raises(ValueError, match='1 of 24 pixels are not n/255'):
        buffer.begin(obs)
    for name, array in before.items():
        np.testing.assert_array_equal(buffer.state()[name], array)


def test_an_image_larger_than_the_observation_is_refused():
    with pytest.raises(ValueError, match=r'\(3, 4, 2\) does not fit into obs_dim 23'):
        ReplayBuffer(10, 23, 1, IMAGE)


def test_sampling_from_nothing_is_refused():
    buffer = ReplayBuffer(8, 2, 1)
    play(buffer, ['begin', 'begin'])
    with pytest.raises(ValueError, match='0 stored'):
        buffer.sample(4, np.random.default_rng(0))


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    buffer = ReplayBuffer(8, 2, 1)
    play(buffer, ['begin', 'add'])
    other = ReplayBuffer(9, 2, 1).state()
    with pytest.raises(ValueError, match='capacity'):
        buffer.load_state(other)
    with pytest.raises(ValueError, match='obs'):
        buffer.load_state(ReplayBuffer(8, 3, 1).state())
    with pytest.raises(ValueError, match='reward'):
        buffer.load_state({k: v for k, v in buffer.state().items() if k != 'reward'})
    assert set(drawn(buffer)) == {(0, 1, False)}


def test_an_existing_seed_draws_the_batches_that_it_always_drew():
    buffer = ReplayBuffer(7, 1, 1)
    for number in range(23):
        if number % 5 == 0:
            buffer.begin([number])
        else:
            buffer.add([0.0], 0.0, [number], False, False)
    batch = buffer.sample(12, np.random.default_rng(5))
    assert batch.next_obs[:, 0].tolist() == [21, 22, 17, 22, 19, 19, 21, 18, 22, 17, 18, 18]


def test_the_policy_version_of_every_transition_is_kept():
    buffer = ReplayBuffer(4, 1, 1)
    buffer.begin([0.0])
    for version in (3, 4, 2**60, 6):
        buffer.add([0.0], 0.0, [0.0], False, False, version)
    buffer.begin([0.0])
    state = buffer.state()
    assert state['policy_version'].tolist() == [4, 2**60, 6, 0]
    assert state['policy_version'].dtype == np.int64


def blocks_of(buffer, *bounds):
    return [(start, buffer.slots(start, stop)) for start, stop in bounds]


@settings(max_examples=60, deadline=None)
@given(events, events, st.integers(2, 9), st.integers(1, 5))
def test_blocks_of_slots_restore_a_buffer_to_the_place_of_every_slot(
    history, later, capacity, size
):
    buffer, copy = ReplayBuffer(capacity, 2, 1), ReplayBuffer(capacity, 2, 1)
    play(buffer, history)
    bounds = [
        (start, min(start + size, buffer.written))
        for start in range(buffer.oldest, buffer.written, size)
    ]
    marks = buffer.oldest, buffer.written, buffer.is_open
    assert copy.restore(blocks_of(buffer, *bounds), *marks) == 0
    for each in (buffer, copy):
        play(each, ['begin', *later], start=len(history))
    for name, array in buffer.state().items():
        np.testing.assert_array_equal(copy.state()[name], array)
    rows = [each.observations(9, np.random.default_rng(0)) for each in (buffer, copy)]
    assert torch.equal(*rows)
    if len(buffer) > 0:
        assert drawn(copy, size=50) == drawn(buffer, size=50)


def test_no_transition_crosses_a_hole_between_blocks():
    buffer, copy = ReplayBuffer(20, 2, 1), ReplayBuffer(20, 2, 1)
    play(buffer, ['begin', *['add'] * 11])
    assert copy.restore(blocks_of(buffer, (0, 4), (7, 12)), 0, 12, True) == 3
    ends = {pair[1] for pair in drawn(copy)}
    assert ends == {1, 2, 3, 8, 9, 10, 11}
    assert copy.written == 9
    assert copy.is_open
    copy.add([0.012], -12.0, [12.0, 12.0], False, False)
    assert (11, 12, False) in drawn(copy)


def test_where_the_newest_slots_are_missing_the_segment_is_closed():
    buffer, copy = ReplayBuffer(20, 2, 1), ReplayBuffer(20, 2, 1)
    play(buffer, ['begin', *['add'] * 11])
    assert copy.restore(blocks_of(buffer, (0, 9)), 0, 12, True) == 3
    assert not copy.is_open


def test_blocks_may_reach_beyond_what_is_wanted():
    buffer, copy = ReplayBuffer(20, 2, 1), ReplayBuffer(20, 2, 1)
    play(buffer, ['begin', *['add'] * 11])
    assert copy.restore(blocks_of(buffer, (0, 6), (4, 12)), 3, 10, True) == 0
    assert {pair[1] for pair in drawn(copy)} == set(range(4, 10))


def test_a_block_of_other_columns_is_refused():
    buffer = ReplayBuffer(8, 2, 1)
    with pytest.raises(ValueError, match='obs'):
        buffer.restore([(0, ReplayBuffer(8, 3, 1).slots(0, 2))], 0, 2, False)


def test_batches_are_joined_in_their_order_and_every_column_keeps_its_rows_together():
    one, two = ReplayBuffer(20, 2, 1), ReplayBuffer(20, 2, 1)
    play(one, ['begin', *['add'] * 8, 'end'])
    play(two, ['begin', *['add'] * 8, 'cut'], start=100)
    rng = np.random.default_rng(0)
    parts = [one.sample(5, rng), two.sample(3, rng), one.sample(1, rng)]
    batch = join(parts)
    check_batch(batch, 2, 1)
    for name in Batch._fields:
        parted = torch.split(getattr(batch, name), [5, 3, 1])
        assert all(torch.equal(p, getattr(q, name)) for p, q in zip(parted, parts, strict=True))
    assert (batch.reward[5:8] <= -100.0).all()
    assert (batch.reward[:5] > -100.0).all()


def test_a_single_batch_joined_is_itself():
    buffer = ReplayBuffer(20, 2, 1)
    play(buffer, ['begin', 'add', 'end'])
    batch = buffer.sample(4, np.random.default_rng(0))
    assert all(torch.equal(a, b) for a, b in zip(join([batch]), batch, strict=True))


def test_batches_of_other_dimensions_are_not_joined():
    batches = []
    for obs_dim in (2, 3):
        buffer = ReplayBuffer(4, obs_dim, 1)
        buffer.begin(np.zeros(obs_dim))
        buffer.add([0.0], 0.0, np.zeros(obs_dim), False, False)
        batches.append(buffer.sample(2, np.random.default_rng(0)))
    with pytest.raises(RuntimeError):
        join(batches)
