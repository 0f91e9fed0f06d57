# SPDX-License-Identifier: Apache-2.0
"""Percentiles over a sliding window."""

import pytest

from maxent_policy_node.lateness import LatenessSummary, LatenessWindow


def test_an_empty_window_reports_zeros() -> None:
    assert LatenessWindow(10).summary() == LatenessSummary()


def test_percentiles_are_in_microseconds() -> None:
    window = LatenessWindow(1001)
    for k in range(1001):
        window.add(k * 1000)
    summary = window.summary()
    assert (summary.p50_us, summary.p99_us, summary.p99_9_us) == pytest.approx((500, 990, 999))
    assert (summary.max_us, summary.ticks) == (1000.0, 1001)


def test_only_the_newest_ticks_count() -> None:
    window = LatenessWindow(3)
    for value in (9_000_000, 1000, 1000, 1000):
        window.add(value)
    assert window.summary().max_us == 1.0
