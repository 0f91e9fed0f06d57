# SPDX-License-Identifier: Apache-2.0
"""The ring against a plain list: which transitions exist, how they are drawn, exact state."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_rl.replay_buffer import ReplayBuffer

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
