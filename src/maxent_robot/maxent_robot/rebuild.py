# SPDX-License-Identifier: Apache-2.0
"""Rebuilds the steps of a task from recorded states and commands, whoever moved the robot.

Observations and rewards are made by the task itself, in the order of calls that it knows from the
policy node (`tasks.task.Task`); state_order.py and recorded_actions.py say which states and
commands count. The rules here, each with its count in RebuildCounts:

- Decisions: the states at which our guard's AppliedActions begin, if there are any. Else the first
  state of an episode, then every state at least one policy period after the decision before.
- A transition leads from a decision to the next state that is due, by the rule of the policy node.
  It must last 1 to 1.5 policy periods (`gaps`) and what was executed must be known, in the task's
  command mode (ActionCounts). Otherwise there is none: the segment is broken, the next one begins
  at index 0, and the task, whose memory has a hole now, begins the same episode afresh.
- An episode ends where the task says so, after `task.episode_steps` (lost ones among them, where
  they took one period), where the clock was set back, after a second without states (`resets`), at
  a jump that no motion explains (`jumps`), and where recorded steps of our policy say so. What
  such steps leave out lies between episodes, such as the motion to a start pose (`outside`).
- The last transition of an episode that does not end by itself is marked as truncated.
- Where a task has ended without a border, say, at a fall, the next episode begins with the first
  transition that does not end it again (`beyond_end`).
- Episode k has the goal that `task.reset` draws from `episode_seed(seed, k)`: the reward is known
  for any goal, so any is a valid label (hindsight: Andrychowicz et al. 2017). k counts up from 0,
  or is the recorded number where recorded steps tell one that is not taken.
- The chosen action is that of the recorded step, if the task's mapping makes the very command out
  of it. Else nobody knows it, and the normalised command stands for it (`choices_inferred`). With
  a mapping that has a reach, many choices make one command: then what is known is where the joints
  were sent, not how far beyond the policy had wished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot import episode_seed
from maxent_robot.episode_outputs import ActivePolicy, StepRecord
from maxent_robot.layout import Vector32
from maxent_robot.recorded_actions import (
    SESSION,
    ActionCounts,
    RecordedActions,
    RecordedCommand,
)
from maxent_robot.recorded_episodes import Episode, RecordedEpisodes, RecordedStep
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.state_order import HOLD_PERIODS, StateCounts, StateOrder, has_jumped
from maxent_robot.step_book import Arrival, Flight, StepBook
from maxent_robot.tasks.task import Task
from maxent_robot.types import NANOSECONDS, ActionSample, AppliedAction, JointSample, RobotState

RESET_NS = NANOSECONDS  # without states: the robot was put somewhere meanwhile


@dataclass
class RebuildCounts:
    """What became of a recording."""

    states: StateCounts = field(default_factory=StateCounts)
    actions: ActionCounts = field(default_factory=ActionCounts)
    undecodable: int = 0  # messages whose bytes are none of their type
    episodes: int = 0
    transitions: int = 0
    choices_inferred: int = 0  # transitions whose chosen action is not known
    gaps: int = 0  # no transition: not one policy period long
    outside: int = 0  # no transition: not in an episode that recorded steps tell of
    beyond_end: int = 0  # no transition: the task had ended before
    resets: int = 0
    jumps: int = 0


class Rebuilder:
    """Takes what was recorded in order of receipt; gives StepRecords as their turn comes.

    Their session is 'rebuilt', their skill the name of the task, their policy version 0.
    """

    def __init__(
        self,
        spec: RobotSpec,
        task: Task,
        seed: int,
        counts: RebuildCounts,
        *,
        oldest_ns: Mapping[str, int],
        by_applied: bool,
        by_steps: bool,
    ) -> None:
        """Start at the beginning of a recording.

        Args:
            spec: the robot.
            task: what it is judged by.
            seed: of the goals.
            counts: where to count.
            oldest_ns: the task's signals with the ages that they may have.
            by_applied: whether AppliedActions were recorded; commands are not looked at then.
            by_steps: whether steps of our policy were recorded.

        Raises:
            ValueError: the task is one of another robot, or the seed cannot be.
        """
        if task.mapping.joint_names != spec.joint_names:
            raise ValueError(
                f"task '{task.name}' commands {task.mapping.joint_names}, "
                f"robot '{spec.name}' has {spec.joint_names}"
            )
        episode_seed(seed, 0)  # refuses a seed that cannot be
        self.counts = counts
        self._spec, self._task, self._seed = spec, task, seed
        self._by_applied, self._by_steps = by_applied, by_steps
        self._period_ns = spec.policy_period_ns
        self._order = StateOrder(spec, oldest_ns, counts.states)
        self._actions = RecordedActions(task.mapping, self._order.knows, counts.actions)
        self._recorded = RecordedEpisodes()
        self._book = StepBook(task, SESSION)
        self._policy = ActivePolicy(lambda observation: observation, task.name, 0)  # not called
        self._previous: RobotState | None = None
        self._anchor: RobotState | None = None  # at which the action in progress began
        self._stamps: list[int] = []  # of the states since, the anchor's first
        self._arrived_ns: int | None = None  # stamp of the state at which the last one ended
        self._key: Episode | None = None  # of the recorded episode
        self._open = False  # an episode is in progress
        self._number = self._given = -1  # of that episode, of the last one that has steps
        self._count = 0  # policy steps of the episode
        self._ended = False  # by the task, without a border since
        self._held: StepRecord | None = None  # newest of the episode: it may turn out its last

    def on_joints(self, sample: JointSample, received_ns: int) -> list[StepRecord]:
        """Take a joint state."""
        steps: list[StepRecord] = []
        for state in self._order.on_joints(sample, received_ns):
            steps += self._set_back() if state is None else self._take(state)
        return steps

    def on_signal(self, name: str, stamp_ns: int, values: NDArray[Any], received_ns: int) -> None:
        """Take what the robot says besides its joints."""
        self._order.on_signal(name, stamp_ns, values, received_ns)

    def on_command(self, command: RecordedCommand) -> None:
        """Take a command to the robot."""
        self._actions.on_command(command, self._order.newest_ns)

    def on_applied(self, applied: AppliedAction) -> None:
        """Take our guard's account of an action."""
        self._actions.on_applied(applied)

    def on_step(self, step: RecordedStep) -> None:
        """Take a step of our policy."""
        self._recorded.on_step(step)

    def finish(self) -> list[StepRecord]:
        """Return what is left at the end of the recording."""
        steps = [step for state in self._order.flush() for step in self._take(state)]
        self._actions.forget()
        return steps + self._end()

    def _set_back(self) -> list[StepRecord]:
        self._actions.forget()
        self._recorded.forget()
        self._previous = None
        return self._end()

    def _take(self, state: RobotState) -> list[StepRecord]:
        previous, self._previous = self._previous, state
        steps = self._end() if previous is not None and self._is_border(previous, state) else []
        if self._anchor is None:
            return steps + self._begin_at(state)
        if self._is_due(self._anchor, state):
            return steps + self._arrive(self._anchor, state)
        self._stamps.append(state.stamp_ns)
        return steps

    def _is_border(self, before: RobotState, after: RobotState) -> bool:
        if after.stamp_ns - before.stamp_ns > RESET_NS:
            self.counts.resets += 1
            return True
        jumped = has_jumped(self._spec, before, after)
        self.counts.jumps += jumped
        return jumped

    def _begin_at(self, state: RobotState) -> list[StepRecord]:
        """Let an action begin at a state, if one did."""
        steps: list[StepRecord] = []
        if self._by_steps:
            key = self._episode_at(state)
            if key is None:
                return []
            if key != self._key:
                steps, self._key = self._end(), key
        if not self._by_applied or self._actions.begins_at(state.stamp_ns):
            if state.stamp_ns != self._arrived_ns:  # the action before is lost
                self.counts.actions.missing += self._open
                self._book.break_segment()
            self._anchor, self._stamps = state, [state.stamp_ns]
        return steps

    def _is_due(self, anchor: RobotState, state: RobotState) -> bool:
        """Whether the action in progress ends at a state: the next one does, or may, begin."""
        if self._by_applied and self._actions.begins_at(state.stamp_ns):
            return True
        if state.stamp_ns - anchor.stamp_ns < self._period_ns:
            return False
        latest_ns = anchor.stamp_ns + self._period_ns * 3 // 2
        return not (self._by_applied and self._actions.begins_within(state.stamp_ns, latest_ns))

    def _arrive(self, anchor: RobotState, state: RobotState) -> list[StepRecord]:
        """Book the transition between two decisions if it was one."""
        self._anchor, self._arrived_ns = None, state.stamp_ns
        steps: list[StepRecord] = []
        if self._by_steps and self._episode_at(state) != self._key:
            self.counts.outside += 1
            steps = self._end()
        elif not self._period_ns <= state.stamp_ns - anchor.stamp_ns <= self._period_ns * 3 // 2:
            self.counts.gaps += 1
            self._book.break_segment()
        else:
            steps = self._step(anchor, state)
        return steps + self._begin_at(state)

    def _step(self, anchor: RobotState, state: RobotState) -> list[StepRecord]:
        """Book a policy step of the episode, which is lost if its action is not known."""
        executed = (
            self._actions.accounted(anchor.stamp_ns)
            if self._by_applied
            else self._actions.commanded(self._stamps)
        )
        if self._open or executed is not None:
            self._count += 1
        last = self._count >= self._task.episode_steps
        if executed is not None:
            return self._transition(anchor, state, executed, last)
        self._book.break_segment()
        return self._end_of_task(False) if last else []

    def _transition(
        self, anchor: RobotState, state: RobotState, executed: AppliedAction, last: bool
    ) -> list[StepRecord]:
        task = self._task
        records: list[StepRecord] = []
        if not (self._open and self._book.started):
            self._begin_segment()
            records.append(self._book.first(anchor, task.observe(anchor), self._policy))
        chosen, is_known = self._chosen(anchor, state, executed)
        task.acted(chosen)
        sent = ActionSample(
            stamp_ns=anchor.stamp_ns,
            session_id=SESSION,
            seq=executed.seq,
            skill=task.name,
            policy_version=0,
            mode=executed.mode,
            names=task.mapping.joint_names,
            values=executed.desired,
        )
        arrival = Arrival(state, task.observe(state), Flight(sent, chosen), last)
        records.append(self._book.arrived(arrival, executed))
        if self._ended and records[-1].terminated:
            self.counts.beyond_end += 1
            self._open, self._count = False, 0
            return []
        self._ended = False
        self.counts.choices_inferred += not is_known
        return self._give(records)

    def _begin_segment(self) -> None:
        """Begin an episode, or the present one afresh: the same goal, but nothing remembered."""
        if not self._open:
            self._open = True
            recorded = 0 if self._key is None else self._key[1]
            self._number = max(self._given + 1, recorded)
            self._book.begin(self._number)
        self._task.reset(np.random.default_rng(episode_seed(self._seed, self._number)))

    def _chosen(
        self, anchor: RobotState, state: RobotState, executed: AppliedAction
    ) -> tuple[Vector32, bool]:
        """Return the action (m,) that was chosen, and whether it is known or inferred."""
        mapping = self._task.mapping
        step = self._recorded.at(state.stamp_ns)
        if step is not None and step.action.shape == (mapping.size,):
            finite = bool(np.isfinite(step.action).all())
            if finite and np.array_equal(
                mapping.to_values(step.action, anchor.position), executed.desired
            ):
                return step.action, True
        return mapping.to_normalised(executed.desired), False

    def _give(self, records: list[StepRecord]) -> list[StepRecord]:
        """Hand on all but the newest step of the episode."""
        if self._given != self._number:
            self._given = self._number
            self.counts.episodes += 1
        self.counts.transitions += 1
        ready = [*([] if self._held is None else [self._held]), *records[:-1]]
        self._held = records[-1]
        if self._held.terminated or self._held.truncated:
            return ready + self._end_of_task(self._held.terminated)
        return ready

    def _end_of_task(self, terminated: bool) -> list[StepRecord]:
        """End the episode where the robot may go on."""
        key = self._key
        steps = self._end()
        self._key, self._ended = key, terminated
        return steps

    def _end(self) -> list[StepRecord]:
        """End the episode at a border."""
        held, self._held = self._held, None
        self._open, self._ended, self._count = False, False, 0
        self._key = self._anchor = None
        if held is None:
            return []
        return [held if held.terminated else replace(held, truncated=True)]

    def _episode_at(self, state: RobotState) -> Episode | None:
        until_ns = state.stamp_ns + HOLD_PERIODS * self._period_ns
        return self._recorded.episode_at(state.stamp_ns, self._key, until_ns)
