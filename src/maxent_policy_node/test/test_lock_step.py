# SPDX-License-Identifier: Apache-2.0
"""Lock-step pacing of a real guard, without ROS."""

import numpy as np
import pytest

from maxent_policy_node.lock_step import LockStep
from maxent_robot.robots import SAWYER
from maxent_robot.safety.guard import Guard, TickResult
from maxent_robot.types import ActionSample, Command, CommandMode, JointSample, Level

T = SAWYER.guard_period_ns


class Bench:
    """A lock-step guard with everything it gave out."""

    def __init__(self) -> None:
        self.results: list[TickResult] = []
        self.repeats: list[Command] = []
        self.refusals: list[tuple[str, str]] = []
        self.guard = Guard(SAWYER)
        self.pacing = LockStep(
            self.guard,
            self.results.append,
            self.repeats.append,
            lambda what, reason: self.refusals.append((what, reason)),
        )
        self.seq = 0

    def state(self, stamp: int, **changes) -> None:
        position = SAWYER.start + 1e-4 * np.sin(stamp / 1e7 + np.arange(7))
        sample = JointSample(stamp, SAWYER.joint_names, position, np.zeros(7))
        self.pacing.on_state(JointSample(**{**vars(sample), **changes}))

    def action(self, stamp: int, session: str = 's', seq: int | None = None) -> None:
        self.seq = self.seq + 1 if seq is None else seq
        names, values = SAWYER.joint_names, np.full(7, 0.1)
        self.pacing.on_action(
            ActionSample(stamp, session, self.seq, 'x', 1, CommandMode.TORQUE, names, values)
        )

    @property
    def stamps(self) -> list[int]:
        return [r.command.stamp_ns for r in self.results if r.command is not None]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_due_state_waits_for_its_action_and_the_others_do_not(bench: Bench) -> None:
    for k in range(10):
        bench.state(k * T)
        if k == 0:
            assert bench.stamps == []
            bench.action(0)
    assert bench.stamps == [k * T for k in range(10)]
    bench.state(10 * T)
    assert len(bench.stamps) == 10
    bench.action(10 * T)
    assert bench.stamps[-1] == 10 * T


def test_repeats_are_answered_by_the_same_command_without_a_tick(bench: Bench) -> None:
    bench.state(0)
    bench.state(0)
    assert bench.repeats == []
    bench.action(0)
    bench.action(0, seq=1)
    bench.state(0)
    assert len(bench.results) == 1
    assert bench.repeats == [bench.results[0].command]
    assert bench.refusals == []


def test_action_and_state_may_overtake_each_other(bench: Bench) -> None:
    bench.action(0)
    assert bench.results == []
    bench.state(0)
    assert bench.stamps == [0]


def test_a_malformed_state_is_reported_and_not_answered(bench: Bench) -> None:
    bench.state(0, position=np.full(7, np.nan))
    bench.action(0)
    assert bench.results == []
    assert bench.refusals[0][0] == 'state'


def test_a_stop_answers_the_waiting_state_and_time_goes_on_without_actions(bench: Bench) -> None:
    bench.state(0)
    bench.action(0)
    for k in range(1, 11):
        bench.state(k * T)
    assert bench.stamps[-1] == 9 * T
    bench.pacing.estop('test')
    assert bench.stamps[-1] == 10 * T
    assert bench.results[-1].level is Level.ESTOP
    for k in range(11, 30):
        bench.state(k * T)
    assert bench.stamps[-1] == 29 * T


def test_after_clearing_the_guard_waits_for_actions_again(bench: Bench) -> None:
    bench.state(0)
    bench.action(0)
    bench.pacing.estop('test')
    for k in range(1, 20):
        bench.state(k * T)
    assert bench.pacing.clear_estop() == (True, 'cleared')
    for k in range(20, 40):
        bench.state(k * T)
    assert bench.results[-1].level < Level.ESTOP
    waiting = len(bench.results)
    assert bench.stamps[-1] < 39 * T
    stamp = bench.pacing.now_ns()
    bench.action(stamp)
    assert len(bench.results) == waiting + 1


def test_a_stop_before_anything_else_is_reported_at_once(bench: Bench) -> None:
    bench.pacing.estop('test')
    assert [result.level for result in bench.results] == [Level.ESTOP]
    assert bench.stamps == []


def test_a_simulation_that_starts_again_at_zero_is_followed(bench: Bench) -> None:
    for k in range(1000, 1011):
        bench.state(k * T)
        if k % 10 == 0:
            bench.action(k * T)
    for _ in range(6):  # the new bridge repeats its state
        bench.state(0)
    bench.action(0)
    assert bench.stamps[-1] == 0
