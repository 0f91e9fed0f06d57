# SPDX-License-Identifier: Apache-2.0
"""The policy side of an episode as a pure state machine: states in, actions and steps out.

Follows docs/design.md (one control period, reset, what is learned from). It never blocks, reads
no clock and knows no ROS; the policy node feeds it and carries out its outputs, in order.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

import numpy as np

from maxent_robot import episode_seed
from maxent_robot.episode_outputs import (
    ActivePolicy,
    AnnounceGoal,
    EmitStep,
    Fault,
    Output,
    RequestReset,
    SendAction,
    StepRecord,
)
from maxent_robot.joint_reader import JointReader, MissingJointError
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.start_motion import TIMEOUT_NS, settled, timeout_reason
from maxent_robot.step_book import Arrival, Flight, StepBook
from maxent_robot.tasks.task import Task
from maxent_robot.types import (
    ActionSample,
    AppliedAction,
    CommandMode,
    JointSample,
    RobotState,
    Vector,
)

PATIENCE = 20  # states seen in vain (1 s of the bridge's repeats) before something is given up


class _Phase(Enum):
    BETWEEN = auto()  # no episode: the next state begins one
    RESETTING = auto()  # the reset service has been asked
    MOVING = auto()  # driving to the start pose
    ACTING = auto()
    STOPPED = auto()  # all episodes done, or a fault


class EpisodeActor:
    """Runs episodes of a task with whatever `policy` is set; does nothing while it is None.

    pacing 'lockstep': a due state is answered only when the applied part of the action before it
    is known, and not while `hold_back` is set. 'realtime': it is answered at once, and
    `hold_back` is heeded only between episodes. Steps are emitted when the applied action is
    known. To stay at most k steps ahead of the learner, set `hold_back` once k steps are ahead:
    the step of the next due state is still emitted, its action waits for `release`.
    """

    def __init__(
        self,
        spec: RobotSpec,
        task: Task,
        seed: int,
        reset: Literal['service', 'motion'] = 'service',
        *,
        session_id: str,
        pacing: Literal['lockstep', 'realtime'] = 'lockstep',
        first_seq: int = 1,
        max_episodes: int | None = None,
    ) -> None:
        """Start before episode 0. Raises ValueError if task, seed or a mode cannot be."""
        if task.mapping.joint_names != spec.joint_names:
            raise ValueError(
                f"task '{task.name}' commands {task.mapping.joint_names}, "
                f"robot '{spec.name}' has {spec.joint_names}"
            )
        if reset not in ('service', 'motion'):
            raise ValueError(f"reset must be 'service' or 'motion', is '{reset}'")
        if pacing not in ('lockstep', 'realtime'):
            raise ValueError(f"pacing must be 'lockstep' or 'realtime', is '{pacing}'")
        if max_episodes is not None and max_episodes < 1:
            raise ValueError(f'max_episodes must be at least 1, is {max_episodes}')
        episode_seed(seed, 0)  # refuses a seed that cannot be
        self.policy: ActivePolicy | None = None
        self.hold_back = False
        self._spec, self._task, self._seed = spec, task, seed
        self._by_service, self._lockstep = reset == 'service', pacing == 'lockstep'
        self._session_id, self._seq, self._max_episodes = session_id, first_seq, max_episodes
        self._reader = JointReader(
            spec.joint_names, {name: spec.signals[name] for name in task.signals}
        )
        self._book = StepBook(task, session_id)
        self._phase = _Phase.BETWEEN
        self._episode, self._completed, self._refused = -1, 0, 0
        self._fault: str | None = None
        self._abort_reason: str | None = None
        self._newest: RobotState | None = None
        self._repeats = 0  # of the newest state
        self._sent_stamp: int | None = None  # of the newest action: the due rule counts from it
        self._start: Vector = spec.start
        self._phase_stamp: int | None = None  # first stamp after the reset, or begin of motion
        self._count = 0  # policy steps of the episode
        self._forget()

    def _forget(self) -> None:
        """Drop all that belongs to the transition in progress."""
        self._answer: SendAction | None = None  # to the newest state
        self._owed: RobotState | None = None  # due, but not answered yet
        self._flight: Flight | None = None
        self._applied: AppliedAction | None = None  # of the flight
        self._arrival: Arrival | None = None
        self._waited = 0  # states seen since the arrival

    @property
    def episode(self) -> int:
        """Number of the episode that is being run or prepared, -1 before the first."""
        return self._episode

    @property
    def completed(self) -> int:
        """Episodes that came to their end; aborted ones are not among them."""
        return self._completed

    @property
    def states_refused(self) -> int:
        """Joint states ignored because they were malformed."""
        return self._refused

    @property
    def done(self) -> bool:
        """Whether max_episodes are complete or a fault has stopped the actor."""
        return self._phase is _Phase.STOPPED

    @property
    def fault(self) -> str | None:
        """Why the actor has stopped for good, None if it has not."""
        return self._fault

    @property
    def abort_reason(self) -> str | None:
        """Reason of the newest abort, None if there was none."""
        return self._abort_reason

    def on_state(self, sample: JointSample) -> list[Output]:
        """Take a joint state, new or repeated; malformed ones are counted and ignored."""
        if self.done or self.policy is None:
            return []
        try:
            state = self._reader.read(sample)
        except MissingJointError as error:
            return [self._stop(str(error))]
        if state is None:
            self._refused += 1
            return []
        newest, self._newest = self._newest, state
        if newest is not None and state.stamp_ns < newest.stamp_ns:
            if newest.stamp_ns - state.stamp_ns <= self._spec.policy_period_ns:
                self._newest = newest
                return []  # overtaken on its way
            self._sent_stamp = None
            self.abort('the clock of the robot was set back')
        repeated = newest is not None and state.stamp_ns == newest.stamp_ns
        self._repeats = self._repeats + 1 if repeated else 0
        return self._advance(state)

    def on_applied(self, applied: AppliedAction) -> list[Output]:
        """Take what became of an action; may come before or after the state it led to."""
        if applied.session_id != self._session_id or self._phase is not _Phase.ACTING:
            return []
        if self._arrival is not None and applied.seq == self._arrival.flight.sent.seq:
            return self._settle(applied) + self._answer_if_free()
        if self._flight is not None and applied.seq == self._flight.sent.seq:
            self._applied = applied
        return []

    def on_reset_done(self, stamp_ns: int) -> list[Output]:
        """Take the reset as done; stamp_ns is that of the first state after it."""
        if self._phase is not _Phase.RESETTING or self._newest is None:
            return []
        self._phase_stamp = stamp_ns
        return self._advance(self._newest)

    def release(self) -> list[Output]:
        """End holding back, and answer what was kept; a kept episode begins at the next state."""
        self.hold_back = False
        return self._answer_if_free()

    def abort(self, reason: str) -> None:
        """End the episode without its last transition; the next state begins another one.

        For an emergency stop (feed no states while it is latched) and for a reset that failed.
        """
        if not self.done:
            self._abort_reason = reason
            self._phase = _Phase.BETWEEN
            self._forget()

    def _advance(self, state: RobotState) -> list[Output]:
        if self._answer is not None and self._answer.action.stamp_ns == state.stamp_ns:
            return [self._answer]
        if self._phase is _Phase.BETWEEN:
            return self._begin_episode(state)
        if self._phase is _Phase.RESETTING:
            stamp = self._phase_stamp
            ready = stamp is not None and state.stamp_ns >= stamp and self._due(state)
            return self._begin_acting(state) if ready else []
        if self._phase is _Phase.MOVING:
            return self._move(state)
        return self._act(state)

    def _begin_episode(self, state: RobotState) -> list[Output]:
        if self.hold_back and not self._lockstep:
            return []
        self._episode += 1
        seed = episode_seed(self._seed, self._episode)
        start = self._task.reset(np.random.default_rng(seed))
        self._start = start.positions
        if self._by_service:
            self._phase, self._phase_stamp = _Phase.RESETTING, None
            return [
                AnnounceGoal(start.goal),
                RequestReset(start.positions, seed, start.objects),
            ]
        self._phase, self._phase_stamp = _Phase.MOVING, state.stamp_ns
        return [AnnounceGoal(start.goal), *self._advance(state)]

    def _begin_acting(self, state: RobotState) -> list[Output]:
        assert self.policy is not None
        self._phase, self._count = _Phase.ACTING, 0
        self._forget()
        self._book.begin(self._episode)
        self.policy.begin()
        return self._arrive(state)

    def _move(self, state: RobotState) -> list[Output]:
        """Drive to the start pose by position actions; begin acting once there and at rest."""
        assert self._phase_stamp is not None
        if not self._due(state):
            return []
        if settled(self._spec, state, self._start):
            return self._begin_acting(state)
        if state.stamp_ns - self._phase_stamp > TIMEOUT_NS:
            return [self._stop(timeout_reason(state, self._start, self._spec.joint_names))]
        return [self._send(state, CommandMode.POSITION, self._start)]

    def _act(self, state: RobotState) -> list[Output]:
        outputs: list[Output] = []
        if self._arrival is not None:
            if not self._given_up(self._arrival, state):
                return []
            outputs = self._settle(None)
            if self._phase is not _Phase.ACTING:
                return outputs
        if self._owed is not None and self._owed.stamp_ns == state.stamp_ns:
            return outputs + self._answer_if_free()
        return outputs + self._arrive(state) if self._due(state) else outputs

    def _given_up(self, arrival: Arrival, state: RobotState) -> bool:
        """Whether the AppliedAction that the arrival waits for must be taken as lost."""
        self._waited += 1
        periods = 2 if arrival.last else 1  # at the end nobody is kept waiting
        age = state.stamp_ns - arrival.state.stamp_ns
        return age >= periods * self._spec.policy_period_ns or self._waited > PATIENCE

    def _arrive(self, state: RobotState) -> list[Output]:
        """Book the transition that led to a due state, then answer it."""
        flight, applied = self._flight, self._applied
        self._owed, self._flight, self._applied = state, None, None
        if flight is None or not self._one_period(flight.sent.stamp_ns, state.stamp_ns):
            self._book.break_segment()  # what happened since is not one policy step
            return self._answer_if_free()
        self._count += 1
        last = self._count >= self._task.episode_steps
        self._arrival = Arrival(state, self._task.observe(state), flight, last)
        self._waited = 0
        outputs = self._settle(applied) if applied is not None else []
        return outputs + self._answer_if_free()

    def _settle(self, applied: AppliedAction | None) -> list[Output]:
        """Emit the step of the arrival, and end the episode if that was its last."""
        arrival, self._arrival = self._arrival, None
        assert arrival is not None
        step = self._book.arrived(arrival, applied)
        outputs: list[Output] = [EmitStep(step)]
        if not (step.terminated or arrival.last):
            return outputs
        self._completed += 1
        self._forget()
        if self._completed == self._max_episodes:
            self._phase = _Phase.STOPPED
            return outputs
        self._phase = _Phase.BETWEEN
        assert self._newest is not None
        return outputs + self._advance(self._newest)

    def _answer_if_free(self) -> list[Output]:
        """Act on the owed state, unless held back or the arrival must be settled first."""
        state, arrival, policy = self._owed, self._arrival, self.policy
        if state is None or policy is None or (self.hold_back and self._lockstep):
            return []
        if arrival is not None and (self._lockstep or arrival.last):
            return []
        self._owed = None
        outputs: list[Output] = []
        observation = self._task.observe(state)
        if arrival is None and not self._book.started:
            outputs.append(EmitStep(self._book.first(state, observation, policy)))
        mapping = self._task.mapping
        action = np.array(policy.call(observation), dtype=np.float32)
        if action.shape != (mapping.size,) or not np.isfinite(action).all():
            reason = f'must be {mapping.size} finite numbers, is {action}'
            return [
                *outputs,
                self._stop(f"action of policy '{policy.name}' version {policy.version} {reason}"),
            ]
        self._task.acted(np.clip(action, -1.0, 1.0))
        send = self._send(state, mapping.mode, mapping.to_values(action, state.position))
        self._flight = Flight(send.action, np.clip(action, -1.0, 1.0))
        return [*outputs, send]

    def _send(self, state: RobotState, mode: CommandMode, values: Vector) -> SendAction:
        assert self.policy is not None
        action = ActionSample(
            stamp_ns=state.stamp_ns,
            session_id=self._session_id,
            seq=self._seq,
            skill=self.policy.name,
            policy_version=self.policy.version,
            mode=mode,
            names=self._spec.joint_names,
            values=values,
        )
        self._seq += 1
        self._sent_stamp = state.stamp_ns
        self._answer = SendAction(action)
        return self._answer

    def _due(self, state: RobotState) -> bool:
        sent = self._sent_stamp
        if sent is None or state.stamp_ns - sent >= self._spec.policy_period_ns:
            return True
        # A guard that has restarted waits for an action at any state: without one, time would
        # stand still for ever.
        return self._lockstep and self._repeats > PATIENCE

    def _one_period(self, begin_ns: int, end_ns: int) -> bool:
        """Whether the time between is that of one policy step and not of a pause."""
        period = self._spec.policy_period_ns
        return period <= end_ns - begin_ns <= period * 3 // 2

    def _stop(self, reason: str) -> Fault:
        self._phase, self._fault = _Phase.STOPPED, reason
        self._forget()
        return Fault(reason)


__all__ = [
    'ActivePolicy',
    'AnnounceGoal',
    'EmitStep',
    'EpisodeActor',
    'Fault',
    'Output',
    'RequestReset',
    'SendAction',
    'StepRecord',
]
