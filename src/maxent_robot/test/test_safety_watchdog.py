# SPDX-License-Identifier: Apache-2.0
"""The ladder: up at once, down after five good ticks and gently."""

import dataclasses

import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.monitors import Cause
from maxent_robot.safety.watchdog import FINE, ActionAges, Ladder
from maxent_robot.types import Level

MS = 1_000_000
HOLD = Cause(Level.HOLD, 0, 'late')
DAMP = Cause(Level.DAMP, 0, 'lost')
RELAX = Cause(Level.RELAX, 0, 'gone')


@pytest.mark.parametrize(
    ('period_ms', 'age_ms', 'level'),
    [
        (50, 75, Level.NORMAL),
        (50, 76, Level.HOLD),
        (50, 150, Level.HOLD),
        (50, 151, Level.DAMP),
        (50, 500, Level.DAMP),
        (50, 501, Level.RELAX),
        (5, 8, Level.HOLD),
        (5, 30, Level.HOLD),
        (5, 31, Level.DAMP),
        (5, 501, Level.RELAX),
        (100, 1000, Level.DAMP),
        (100, 1001, Level.RELAX),
    ],
)
def test_the_rungs_follow_from_the_policy_period(period_ms, age_ms, level):
    ages = ActionAges(dataclasses.replace(SAWYER, policy_period_ns=period_ms * MS))
    assert ages.judge(age_ms * MS).level is level


def test_an_unknown_age_counts_as_the_worst():
    assert ActionAges(SAWYER).judge(None).level is Level.RELAX


def test_the_ladder_climbs_at_once_and_says_why():
    ladder = Ladder()
    assert ladder.update(RELAX, 0) is Level.RELAX
    assert ladder.reason == 'gone'
    assert ladder.on_level_ns(30) == 30


def test_it_comes_down_at_the_fifth_good_tick_in_a_row():
    ladder = Ladder()
    ladder.update(DAMP, 0)
    levels = [ladder.update(c, 0) for c in [FINE] * 4 + [DAMP] + [FINE] * 5]
    assert levels == [Level.DAMP] * 9 + [Level.NORMAL]
    assert ladder.reason == ''


def test_it_comes_down_only_to_the_worst_of_the_five():
    ladder = Ladder()
    ladder.update(RELAX, 0)
    levels = [ladder.update(c, 0) for c in (FINE, DAMP, FINE, FINE, FINE)]
    assert levels[-1] is Level.DAMP
    assert ladder.reason == 'lost'


def test_after_braking_the_policy_is_blended_in_over_a_quarter_of_a_second():
    ladder = Ladder()
    ladder.update(DAMP, 0)
    for k in range(5):
        ladder.update(FINE, k * 5 * MS)
    assert ladder.share(20 * MS) == 0.0
    assert ladder.share(145 * MS) == 0.5
    assert 0.99 < ladder.share(265 * MS) < 1.0
    assert ladder.share(270 * MS) == 1.0
    assert ladder.share(21 * MS) == 1.0, 'the blend is over for good'


def test_after_a_mere_hold_there_is_nothing_to_blend():
    ladder = Ladder()
    ladder.update(HOLD, 0)
    for _ in range(5):
        ladder.update(FINE, 5)
    assert ladder.level is Level.NORMAL
    assert ladder.share(5) == 1.0


def test_braking_again_cancels_the_blend():
    ladder = Ladder()
    for cause in [DAMP] + [FINE] * 5 + [DAMP]:
        ladder.update(cause, 0)
    assert ladder.level is Level.DAMP
    assert ladder.share(1) == 1.0


def test_judged_afresh_the_level_is_that_of_the_cause():
    ladder = Ladder()
    ladder.update(RELAX, 0)
    ladder.judge_afresh()
    assert ladder.update(FINE, 1) is Level.NORMAL
    assert ladder.share(1) == 1.0
