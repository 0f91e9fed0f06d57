# SPDX-License-Identifier: Apache-2.0
"""Real-time pacing of the guard: a thread of its own on the monotonic clock.

Each period it sleeps until shortly before the deadline and spins for the rest; a deadline that was
missed is skipped, never caught up. ROS callbacks only fill mailboxes. The garbage collector is off
but for small collections in the slack after a tick (reliability.md 5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
import gc
import os
import sys
import threading
import time

from maxent_policy_node.lateness import LatenessSummary, LatenessWindow
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.types import ActionSample, JointSample

FIFO_PRIORITY = 50
SPIN_NS = 500_000  # a sleeping thread wakes up to this late on a stock kernel
SLACK_NS = 2_000_000  # a collection of the youngest objects takes far less
COLLECT_EVERY = 100  # ticks
SWITCH_INTERVAL_S = 1e-4  # longest that the ROS thread keeps the interpreter from the loop
WINDOW_S = 10.0
CLEAR_TIMEOUT_S = 1.0


@dataclass
class _ClearRequest:
    """A service call that waits for the loop's answer."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: tuple[bool, str] = (False, 'the control loop does not answer')


class RealTimeLoop:
    """Ticks the guard at its period divided by `factor`; guard time is wall time times `factor`.

    The guard is touched only by the loop's thread.
    """

    def __init__(
        self,
        guard: Guard,
        emit: Callable[[TickResult], None],
        refused: Callable[[str, str], None],
        period_ns: int,
        factor: float,
    ) -> None:
        """Take the guard and what to do with results; `emit` is called from the loop's thread."""
        self._guard, self._emit, self._refused = guard, emit, refused
        self._period_ns = round(period_ns / factor)
        self._factor = factor
        self._origin_ns = time.monotonic_ns()
        self._states: deque[tuple[JointSample, int]] = deque(maxlen=4)
        self._actions: deque[tuple[ActionSample, int]] = deque(maxlen=8)
        self._stops: deque[str] = deque(maxlen=4)
        self._clears: deque[_ClearRequest] = deque(maxlen=4)
        self._ending = threading.Event()
        self._window = LatenessWindow(max(1, round(WINDOW_S * 1e9 / self._period_ns)))
        self._thread = threading.Thread(target=self._run, name='guard loop', daemon=True)
        self.overruns = 0
        self.real_time_priority = False  # whether the system granted one
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking and wait for the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def now_ns(self) -> int:
        """Return the guard's time in ns: monotonic time since construction times the factor."""
        return round((time.monotonic_ns() - self._origin_ns) * self._factor)

    def lateness(self) -> LatenessSummary:
        """Return how late the ticks of the last 10 s came."""
        return self._window.summary()

    def on_state(self, sample: JointSample) -> None:
        """Leave a state for the next tick."""
        self._states.append((sample, self.now_ns()))

    def on_action(self, action: ActionSample) -> None:
        """Leave an action for the next tick."""
        self._actions.append((action, self.now_ns()))

    def estop(self, reason: str) -> None:
        """Latch the emergency stop at the next tick."""
        self._stops.append(reason)

    def clear_estop(self) -> tuple[bool, str]:
        """Ask the loop to lift the emergency stop; returns its answer, after a tick at most."""
        request = _ClearRequest()
        self._clears.append(request)
        request.done.wait(CLEAR_TIMEOUT_S)
        return request.answer

    def _run(self) -> None:
        self.real_time_priority = _raise_priority()
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._loop()
        except BaseException as error:
            self.error = error
        finally:
            gc.enable()
            gc.unfreeze()
            sys.setswitchinterval(interval)

    def _loop(self) -> None:
        period = self._period_ns
        deadline = time.monotonic_ns() + period
        ticks = 0
        while not self._ending.is_set():
            lateness = _wait_until(deadline) - deadline
            self._window.add(lateness)
            self._tick()
            ticks += 1
            deadline += period
            behind = time.monotonic_ns() - deadline
            if behind > 0:
                missed = -(-behind // period)
                self.overruns += 1
                deadline += missed * period
            elif ticks % COLLECT_EVERY == 0 and behind < -SLACK_NS:
                gc.collect(0)

    def _tick(self) -> None:
        while self._stops:
            self._guard.estop(self._stops.popleft())
        while self._states:
            sample, received_ns = self._states.popleft()
            reason = self._guard.on_state(sample, received_ns)
            if reason is not None:
                self._refused('state', reason)
        while self._actions:
            action, received_ns = self._actions.popleft()
            reason = self._guard.on_action(action, received_ns)
            if reason is not None:
                self._refused('action', reason)
        now_ns = self.now_ns()
        while self._clears:
            request = self._clears.popleft()
            request.answer = self._guard.clear_estop(now_ns)
            request.done.set()
        self._emit(self._guard.tick(now_ns))


def _raise_priority() -> bool:
    """Ask for a real-time priority for the calling thread alone; returns whether it was granted.

    Needs CAP_SYS_NICE or an rtprio limit (/etc/security/limits.d); without, the loop still runs.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except OSError:
        return False
    return True


def _wait_until(deadline_ns: int) -> int:
    """Sleep, then spin, until the monotonic clock shows the deadline; returns what it shows."""
    remaining = deadline_ns - time.monotonic_ns() - SPIN_NS
    if remaining > 0:
        time.sleep(remaining * 1e-9)
    now = time.monotonic_ns()
    while now < deadline_ns:
        now = time.monotonic_ns()
    return now
