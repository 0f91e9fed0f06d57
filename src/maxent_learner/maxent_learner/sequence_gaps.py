# SPDX-License-Identifier: Apache-2.0
"""Counts messages that did not arrive, by the numbers that their publisher gave them."""

from __future__ import annotations

from collections.abc import Callable


class SequenceGaps:
    """Follows one topic.

    A message says its number, but not which publisher it is from. So a gap can be told only while
    there is one publisher; with several of them, or where one takes the place of another, the
    messages after which something may be missing are counted as unclear instead.
    """

    def __init__(self, publishers: Callable[[], frozenset[bytes]]) -> None:
        """`publishers()` names those that are there now."""
        self.lost = 0
        self.unclear = 0
        self._publishers = publishers
        self._known = publishers()
        self._last = 0

    def see(self, sequence: int) -> None:
        """Take the number of a message that has arrived; 0: it has none."""
        last, self._last = self._last, sequence
        if sequence == last + 1 and last:
            return
        if not sequence:
            self.unclear += 1
            return
        if not last:
            return  # what came before was not meant for us, or had no number
        known, self._known = self._known, self._publishers()
        if sequence > last and len(known) == 1 and known == self._known:
            self.lost += sequence - last - 1
        else:
            self.unclear += 1
