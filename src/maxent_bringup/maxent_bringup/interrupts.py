# SPDX-License-Identifier: Apache-2.0
"""Turns Ctrl-C and SIGTERM into a flag that a loop looks at between two pieces of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import signal
import threading


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C or SIGTERM sets; restores the former handlers when left.

    Raises ValueError outside the main thread, where Python allows no signal handlers.
    """
    event = threading.Event()
    former = {
        request: signal.signal(request, lambda *_: event.set())
        for request in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield event
    finally:
        for request, handler in former.items():
            signal.signal(request, handler)
