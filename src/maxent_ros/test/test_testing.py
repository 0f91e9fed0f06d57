# SPDX-License-Identifier: Apache-2.0
"""Tests do not see each other's nodes, and waiting has an end."""

import pytest
from rclpy.node import Node

from maxent_ros.testing import RosFixture, isolated_domain, spin_until


def test_two_tests_at_the_same_time_get_two_domains() -> None:
    with isolated_domain() as first, isolated_domain() as second:
        assert first != second


def test_a_test_does_not_get_the_domain_of_the_test_before() -> None:
    with isolated_domain() as first:
        pass
    with isolated_domain() as second:
        assert second != first


def test_domains_are_free_again_afterwards() -> None:
    for _ in range(120):  # there are a hundred
        with isolated_domain() as domain:
            assert 1 <= domain <= 100


def test_waiting_in_vain_says_for_what(ros: RosFixture) -> None:
    with pytest.raises(TimeoutError, match='the moon to turn blue'):
        spin_until(ros.executor, lambda: False, 0.05, 'the moon to turn blue')


class HalfMade(Node):
    def __init__(self, **kwargs: object) -> None:
        super().__init__('half_made', **kwargs)
        raise ValueError('on purpose')


def test_a_node_whose_constructor_fails_is_not_left_in_the_graph(ros: RosFixture) -> None:
    peer = ros.add(Node, 'peer')
    with pytest.raises(ValueError, match='on purpose') as caught:
        ros.add(HalfMade)
    assert caught.value is not None  # as long as somebody holds the error
    ros.spin_until(lambda: 'half_made' not in peer.get_node_names())
