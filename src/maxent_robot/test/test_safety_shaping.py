# SPDX-License-Identifier: Apache-2.0
"""Time step, blend and low-pass."""

from math import inf, nan, pi

from hypothesis import given
from hypothesis import strategies as st
import pytest

from maxent_robot.safety.flags import Flag
from maxent_robot.safety.shaping import blend, low_pass, smoothstep, usable_step

T = 0.005


@pytest.mark.parametrize('dt', [nan, inf, -inf, 0.0, -0.0, -1.0])
def test_an_impossible_step_counts_as_one_period(dt):
    assert usable_step(dt, T) == (T, Flag.PERIOD)


@given(st.floats())
def test_any_step_ends_between_half_a_period_and_two(dt):
    used, flags = usable_step(dt, T)
    assert 0.5 * T <= used <= 2.0 * T
    assert bool(flags) == (used != dt)


def test_smoothstep_starts_and_ends_level():
    assert [smoothstep(s) for s in (-1.0, 0.0, 0.5, 1.0, 7.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert smoothstep(1e-4) < 1e-7
    assert 1.0 - smoothstep(1.0 - 1e-4) < 1e-7


def test_a_blend_goes_from_the_old_to_the_new():
    assert blend([1.0, 2.0], [3.0, 6.0], 0.0) == [1.0, 2.0]
    assert blend([1.0, 2.0], [3.0, 6.0], 0.5) == [2.0, 4.0]
    assert blend([1.0, 2.0], [3.0, 6.0], 1.0) == [3.0, 6.0]


def test_the_low_pass_starts_at_the_wish_and_follows_with_its_time_constant():
    assert low_pass(None, [2.0], T, 10.0) == [2.0]
    value = [0.0]
    tau, dt = 1.0 / (2.0 * pi * 10.0), 1e-5
    for _ in range(round(tau / dt)):
        value = low_pass(value, [1.0], dt, 10.0)
    assert value[0] == pytest.approx(1.0 - 1.0 / 2.718281828, abs=1e-3)


def test_a_wish_that_is_not_finite_neither_hides_in_the_low_pass_nor_stays_in_it():
    poisoned = low_pass([1.0], [nan], T, 10.0)
    assert poisoned[0] != poisoned[0]
    assert low_pass(poisoned, [3.0], T, 10.0) == [3.0]
