# SPDX-License-Identifier: Apache-2.0
"""Rates are those of the last seconds."""

import pytest

from maxent_learner.learner_status import Rates


def test_there_is_no_rate_before_two_samples():
    rates = Rates()
    assert rates.per_second() == (0.0, 0.0)
    rates.add(1.0, 10, 20)
    assert rates.per_second() == (0.0, 0.0)
    rates.add(1.0, 10, 20)
    assert rates.per_second() == (0.0, 0.0)


def test_rates_are_per_second_of_the_window():
    rates = Rates(window_s=2.0)
    for k in range(11):  # 1 step a second at first, 50 later
        rates.add(float(k), k, 2 * k)
    for k in range(1, 5):
        rates.add(10.0 + k, 10 + 50 * k, 20 + 100 * k)
    assert rates.per_second() == pytest.approx((50.0, 100.0))


def test_a_pause_brings_the_rate_down_to_zero():
    rates = Rates(window_s=2.0)
    rates.add(0.0, 0, 0)
    for k in range(1, 5):
        rates.add(float(k), 100, 200)
    assert rates.per_second() == (0.0, 0.0)
