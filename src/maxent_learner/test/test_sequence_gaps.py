# SPDX-License-Identifier: Apache-2.0
"""Gaps are counted where they can be told, and called unclear where they cannot."""

from maxent_learner.sequence_gaps import SequenceGaps


class Graph:
    def __init__(self, *names):
        self.names = frozenset(names)

    def __call__(self):
        return self.names


def test_numbers_that_are_missing_are_lost_messages():
    gaps = SequenceGaps(Graph(b'a'))
    for number in (5, 6, 9, 10, 12):
        gaps.see(number)
    assert (gaps.lost, gaps.unclear) == (3, 0)


def test_a_publisher_that_begins_anew_has_lost_nothing():
    graph = Graph(b'a')
    gaps = SequenceGaps(graph)
    for number in (1, 2, 3):
        gaps.see(number)
    graph.names = frozenset({b'b'})
    for number in (7, 8, 10):  # it had published before it was found
        gaps.see(number)
    assert (gaps.lost, gaps.unclear) == (1, 1)


def test_of_two_publishers_no_gap_is_claimed():
    gaps = SequenceGaps(Graph(b'a', b'b'))
    for number in (1, 1, 2, 2, 5, 3):
        gaps.see(number)
    assert gaps.lost == 0
    assert gaps.unclear > 0


def test_without_numbers_all_is_unclear():
    gaps = SequenceGaps(Graph(b'a'))
    for _ in range(3):
        gaps.see(0)
    assert (gaps.lost, gaps.unclear) == (0, 3)
