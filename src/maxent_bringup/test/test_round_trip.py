# SPDX-License-Identifier: Apache-2.0
"""Round trips over DDS between this process and another."""

import pytest

from maxent_bringup import round_trip

pytestmark = pytest.mark.ros


def test_a_second_process_answers_every_state(ros, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros.domain))
    result = round_trip.measure(count=20)
    assert result.count == 20
    assert 0.0 < result.median <= result.worst < 2.0


def test_a_process_that_is_not_found_is_an_error_that_says_so(ros, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros.domain))
    with pytest.raises(round_trip.RoundTripError, match='not discovered within 0 s'):
        round_trip.measure(count=1, timeout=0.0)
