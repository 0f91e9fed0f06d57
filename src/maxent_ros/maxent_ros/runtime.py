# SPDX-License-Identifier: Apache-2.0
"""Runs a node as a process: start, signals, exceptions, clean end with a meaningful exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import signal
import threading
import time
import traceback
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from maxent_ros.parameters import ParameterError

AnyNode = TypeVar('AnyNode', bound=Node)

# Ctrl-C under a launcher comes twice: from the terminal and, at once, from the launcher.
REPEATED_S = 1.0


def run_node(
    make_node: Callable[[], AnyNode],
    work: Callable[[AnyNode, threading.Event], None] | None = None,
    args: Sequence[str] | None = None,
) -> int:
    """Run a node until SIGINT, SIGTERM, the end of `work` or an exception; return the exit code.

    Callbacks run in one background thread, so that signals reach Python's main thread at once.
    On a signal the node may still publish: the context is shut down only after `close()`, which
    is called if the node has it. The same signal again, more than a second later, ends the process
    the hard way.

    Args:
        make_node: Makes the node, after rclpy has been initialised.
        work: Runs in the main thread; gets the node and an event that is set when the process
            should end. Without it the main thread waits for that event.
        args: Command line; `sys.argv` if None.

    Returns:
        0 after a signal or the end of `work`, 1 after an exception, which is logged.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    failed = False
    node: AnyNode | None = None
    # rclpy's own handlers would shut the context down before the node could say goodbye.
    rclpy.init(
        args=list(args) if args is not None else None,
        signal_handler_options=SignalHandlerOptions.NO,
    )
    try:
        node = make_node()
        failed = not _spin_beside(node, stop, work)
    except Exception as error:
        _log_exception(node, error)
        failed = True
    finally:
        if node is not None:
            failed = not _close(node) or failed
        rclpy.try_shutdown()
    return 1 if failed else 0


def _spin_beside(
    node: AnyNode, stop: threading.Event, work: Callable[[AnyNode, threading.Event], None] | None
) -> bool:
    """Serve callbacks in the background until `stop`; return whether none of them raised."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ended = Future()  # unlike a timeout, waiting for it costs nothing per callback
    healthy = True

    def spin() -> None:
        nonlocal healthy
        try:
            executor.spin_until_future_complete(ended)
        except Exception as error:
            healthy = False
            _log_exception(node, error)
            stop.set()

    thread = threading.Thread(target=spin, name='ros')
    thread.start()
    try:
        if work is None:
            stop.wait()
        else:
            work(node, stop)
    finally:
        stop.set()
        ended.set_result(None)
        thread.join()
        executor.shutdown()
    return healthy


def _stop_on_signals(stop: threading.Event) -> None:
    first_s: dict[int, float] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        now_s = time.monotonic()
        if now_s - first_s.setdefault(number, now_s) > REPEATED_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)


def _close(node: Node) -> bool:
    try:
        close = getattr(node, 'close', None)
        if close is not None:
            close()
        node.destroy_node()
    except Exception as error:
        _log_exception(None, error)
        return False
    return True


def _log_exception(node: Node | None, error: Exception) -> None:
    logger = get_logger('maxent') if node is None else node.get_logger()
    if isinstance(error, ParameterError):  # its text says all: no traceback
        logger.fatal(str(error))
    else:
        logger.fatal(''.join(traceback.format_exception(error)))
