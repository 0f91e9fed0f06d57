# SPDX-License-Identifier: Apache-2.0
"""The real-time loop around a real guard: it ticks, skips, stops, and leaves Python as it was."""

from collections.abc import Callable, Iterator
import gc
import sys
import time

import numpy as np
import pytest

from maxent_policy_node.real_time_loop import RealTimeLoop
from maxent_robot.robots import SAWYER
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.types import ActionSample, CommandMode, JointSample, Level

PERIOD = SAWYER.guard_period_ns


def _until(predicate: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10.0
    while not predicate():
        assert time.monotonic() < deadline, 'not within 10 s'
        time.sleep(0.001)


class Bench:
    """A running loop with what it gave out."""

    def __init__(self, factor: float = 1.0) -> None:
        self.results: list[TickResult] = []
        self.refusals: list[tuple[str, str]] = []
        self.on_tick: Callable[[], None] = lambda: None
        self.loop = RealTimeLoop(
            Guard(SAWYER),
            self._emit,
            lambda what, reason: self.refusals.append((what, reason)),
            PERIOD,
            factor,
        )

    def _emit(self, result: TickResult) -> None:
        self.results.append(result)
        self.on_tick()

    def state(self, **changes) -> JointSample:
        sample = JointSample(
            self.loop.now_ns(), SAWYER.joint_names, SAWYER.start.copy(), np.zeros(7)
        )
        sample = JointSample(**{**vars(sample), **changes})
        self.loop.on_state(sample)
        return sample

    def act(self, stamp: int) -> None:
        names, values = SAWYER.joint_names, np.full(7, 0.1)
        self.loop.on_action(ActionSample(stamp, 's', 1, 'x', 1, CommandMode.TORQUE, names, values))


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.loop.start()
    yield bench
    bench.loop.stop()


def test_it_ticks_without_any_input_and_commands_nothing(bench: Bench) -> None:
    _until(lambda: len(bench.results) > 10)
    assert all(result.command is None for result in bench.results)
    assert bench.loop.lateness().ticks > 0


def test_an_action_is_served_at_a_following_tick(bench: Bench) -> None:
    sample = bench.state()
    bench.act(sample.stamp_ns)
    _until(lambda: bench.results and bench.results[-1].command is not None)


def test_missed_ticks_are_skipped_and_not_caught_up(bench: Bench) -> None:
    begin: list[int] = []

    def stall() -> None:
        begin.append(len(bench.results))
        bench.on_tick = lambda: None
        time.sleep(20.5 * PERIOD * 1e-9)  # the fault under test: a tick of 20 periods

    bench.on_tick = stall
    _until(lambda: bench.loop.overruns > 0)
    after = len(bench.results)
    assert after - begin[0] <= 2  # no burst makes up for the 20 that were missed


def test_a_stop_takes_effect_at_the_next_tick_and_can_be_cleared(bench: Bench) -> None:
    bench.loop.estop('test')
    _until(lambda: bench.results and bench.results[-1].level is Level.ESTOP)
    bench.state()
    _until(lambda: bench.loop.clear_estop()[0])
    _until(lambda: bench.results[-1].level is Level.NORMAL)


def test_refusals_are_handed_on(bench: Bench) -> None:
    bench.state(position=np.full(7, np.inf))
    _until(lambda: bench.refusals)
    assert bench.refusals[0][0] == 'state'


def test_an_exception_ends_the_loop_and_is_kept(bench: Bench) -> None:
    def break_down() -> None:
        raise RuntimeError('broken on purpose')

    bench.on_tick = break_down
    _until(lambda: bench.loop.error is not None)
    assert str(bench.loop.error) == 'broken on purpose'


def test_guard_time_runs_at_the_real_time_factor() -> None:
    slow, fast = Bench(0.5), Bench(4.0)
    begin = slow.loop.now_ns(), fast.loop.now_ns()
    time.sleep(0.02)  # lets time pass; what passed is read from the clocks themselves
    ratio = (fast.loop.now_ns() - begin[1]) / (slow.loop.now_ns() - begin[0])
    assert 6.0 < ratio < 10.0


def test_the_interpreter_is_left_as_it_was() -> None:
    interval = sys.getswitchinterval()
    bench = Bench()
    bench.loop.start()
    _until(lambda: bench.results)
    assert not gc.isenabled()
    bench.loop.stop()
    assert gc.isenabled()
    assert sys.getswitchinterval() == interval
    assert gc.get_freeze_count() == 0


def test_without_the_right_to_a_real_time_priority_it_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr('os.sched_setscheduler', refuse)
    bench = Bench()
    bench.loop.start()
    _until(lambda: bench.results)
    bench.loop.stop()
    assert not bench.loop.real_time_priority
