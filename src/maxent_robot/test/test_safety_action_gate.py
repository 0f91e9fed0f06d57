# SPDX-License-Identifier: Apache-2.0
"""Whose actions are served, and which."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.action_gate import STALLED_REFUSALS, ActionGate
from maxent_robot.types import ActionSample, CommandMode

MS = 1_000_000
LEASE = 500 * MS
NAMES = SAWYER.joint_names
VALUES = 0.1 * SAWYER.policy_effort


def action(seq=1, stamp_ms=0, session='first', **changes):
    plain = ActionSample(
        stamp_ms * MS, session, seq, 'reach', 3, CommandMode.TORQUE, NAMES, VALUES
    )
    return replace(plain, **changes)


def word(reason):
    return reason and reason.split(':')[0]


@pytest.fixture
def gate():
    """A gate that serves session 'first', with an action of stamp 0 accepted at time 0."""
    gate = ActionGate(SAWYER, LEASE)
    assert gate.check(action(), 0, 0) is None
    return gate


@pytest.mark.parametrize(
    ('bad', 'expected'),
    [
        ({'values': np.full(7, np.nan)}, 'non_finite'),
        ({'values': np.r_[VALUES[:6], np.inf]}, 'non_finite'),
        ({'values': VALUES[:6]}, 'size'),
        ({'values': np.zeros(0), 'names': ()}, 'names'),
        ({'values': np.zeros((7, 7))}, 'size'),
        ({'names': (*NAMES[:6], 'right_j7')}, 'names'),
        ({'names': (*NAMES[:6], 'right_j0')}, 'names'),
        ({'names': (*NAMES, 'head_pan'), 'values': np.zeros(8)}, 'names'),
        ({'mode': CommandMode.VELOCITY}, 'mode'),
        ({'mode': 17}, 'mode'),
        ({'seq': 1}, 'duplicate'),
        ({'seq': 0}, 'out_of_order'),
        ({'stamp_ns': -1}, 'out_of_order'),
        ({'session_id': ''}, 'session'),
        ({'session_id': 'second'}, 'other_session'),
        ({'stamp_ns': 71 * MS}, 'future'),
    ],
)
def test_a_bad_action_is_refused_with_the_reason_and_changes_nothing(gate, bad, expected):
    before = gate.newest
    sent = replace(action(seq=2, stamp_ms=50), **bad)
    assert word(gate.check(sent, 50 * MS, 50 * MS)) == expected
    assert gate.newest is before
    assert gate.age_ns(50 * MS) == 50 * MS


@given(st.permutations(range(7)))
def test_values_are_put_into_the_robots_order(order):
    gate = ActionGate(SAWYER, LEASE)
    mixed = action(names=tuple(NAMES[i] for i in order), values=VALUES[list(order)])
    assert gate.check(mixed, 0, 0) is None
    assert gate.values == VALUES.tolist()


@pytest.mark.parametrize(('late_ms', 'expected'), [(75, None), (76, 'stale'), (300, 'stale')])
def test_an_answer_to_a_state_older_than_one_and_a_half_periods_is_refused(
    gate, late_ms, expected
):
    now = (100 + late_ms) * MS
    assert word(gate.check(action(seq=2, stamp_ms=100), now, now)) == expected


def test_an_action_before_any_state_is_refused():
    assert word(ActionGate(SAWYER, LEASE).check(action(), 0, None)) == 'no_state'


def test_an_action_may_answer_a_state_that_the_guard_has_not_seen_yet(gate):
    assert gate.check(action(seq=2, stamp_ms=55), 50 * MS, 50 * MS) is None


def test_a_second_session_is_served_once_the_first_has_been_silent(gate):
    second = action(seq=1, stamp_ms=500, session='second')
    assert word(gate.check(second, 500 * MS, 500 * MS)) == 'other_session'
    later = replace(second, stamp_ns=501 * MS)
    assert gate.check(later, 501 * MS, 501 * MS) is None
    assert gate.session_id == 'second'
    first = action(seq=2, stamp_ms=505)
    assert word(gate.check(first, 505 * MS, 505 * MS)) == 'other_session'


def test_where_time_stands_still_a_newcomer_is_served_after_many_refusals(gate):
    second = action(seq=1, stamp_ms=50, session='second')
    for _ in range(STALLED_REFUSALS):
        assert word(gate.check(second, 50 * MS, 50 * MS)) == 'other_session'
    assert gate.check(second, 50 * MS, 50 * MS) is None


def test_where_time_runs_a_flood_from_a_second_session_gains_nothing(gate):
    for k in range(10 * STALLED_REFUSALS):
        now = 50 * MS + k * 1000
        second = action(seq=k, stamp_ms=50, session='second')
        assert word(gate.check(second, now, 50 * MS)) == 'other_session'


def test_an_action_is_due_one_policy_period_after_the_newest(gate):
    assert ActionGate(SAWYER, LEASE).due(123)
    assert not gate.due(50 * MS - 1)
    assert gate.due(50 * MS)


def test_after_a_clock_jump_the_newest_stamp_says_nothing(gate):
    gate.forget_stamp()
    assert gate.due(-1_000 * MS)
    assert gate.age_ns(40 * MS) == 40 * MS
    assert gate.check(action(seq=2, stamp_ms=-900), 50 * MS, -900 * MS) is None


def test_an_age_is_never_negative_and_unknown_after_time_ran_backward(gate):
    assert gate.age_ns(-1) == 0, 'receipt and tick crossed'
    assert gate.age_ns(60 * MS) == 60 * MS
    assert gate.age_ns(-41 * MS) is None
    assert gate.age_ns(60 * MS) is None, 'once lost it stays unknown'
    assert gate.due(-41 * MS)
