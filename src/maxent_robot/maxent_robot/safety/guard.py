# SPDX-License-Identifier: Apache-2.0
"""The guard: joint states and actions in, one safe command per tick out, fail closed.

Holds the newest action between policy ticks. Commands nothing until a first action has been
accepted; after that it gives a command at every tick, whatever comes in or stays away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.account import ActionAccount
from maxent_robot.safety.action_gate import BACKWARD_NS, ActionGate
from maxent_robot.safety.actuator import Actuator, Intent
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.flags import INTERVENTIONS, Flag
from maxent_robot.safety.monitors import Cause, Monitors, Overruns
from maxent_robot.safety.state_gate import StateGate
from maxent_robot.safety.watchdog import FINE, ActionAges, Ladder
from maxent_robot.safety.workspace import WorkspaceSpring
from maxent_robot.types import (
    NANOSECONDS,
    ActionSample,
    AppliedAction,
    Command,
    CommandMode,
    JointSample,
    Level,
    RobotState,
    Vector,
)

GAP_NS = 100_000_000  # between ticks: the robot's own command timeout has fired
JUMPS = 3  # states refused as jumps in a row
STANDING = 0.05  # rad/s: an emergency stop is cleared below this
ACTING = 0.01  # of command_effort: torque that moves a joint


@dataclass(frozen=True)
class TickResult:
    """Outcome of one tick."""

    command: Command | None  # None while idle
    finished: AppliedAction | None  # the action whose period this tick ended, or superseded
    level: Level
    flags: int  # bits of Flag
    reason: str  # why the level is what it is, '' on NORMAL


@dataclass
class Counters:
    """Running totals for SafetyStatus."""

    ticks: int = 0
    interventions: int = 0  # ticks in which a limit changed the command
    overruns: int = 0  # ticks more than one period late, gaps above 0.1 s excepted
    gaps: int = 0  # those
    actions_accepted: int = 0
    actions_refused: int = 0
    states_refused: int = 0
    duplicates: int = 0  # of states and actions, refused quietly


class Guard:
    """Stands between policy and robot. All times are integer ns, passed in."""

    def __init__(self, spec: RobotSpec, config: GuardConfig | None = None) -> None:
        """Take the robot and the figures of the guard (those of the robot if None)."""
        config = spec.guard if config is None else config
        self._period_ns = spec.guard_period_ns
        self._stale_ns = round(3.0 * config.state_period * NANOSECONDS)
        self._moving = (ACTING * spec.limits.command_effort).tolist()
        self._ages = ActionAges(spec)
        self._states = StateGate(spec)
        self._actions = ActionGate(spec, self._ages.relax_ns)
        self._monitors = Monitors(spec, config)
        self._overruns = Overruns()
        self._ladder = Ladder()
        self._actuator = Actuator(spec, config)
        self._account = ActionAccount(spec.policy_period_ns // spec.guard_period_ns)
        self._spring: WorkspaceSpring | None = None
        if spec.chain is not None and spec.box is not None:
            effort, k, d = spec.limits.command_effort, config.box_stiffness, config.box_damping
            self._spring = WorkspaceSpring(spec.chain, spec.box, effort, k, d)
        self._last_tick_ns: int | None = None
        self._stopped = ''  # why the emergency stop is latched
        self._failures = 0  # of the filter, ticks in a row
        self.counters = Counters()

    @property
    def idle(self) -> bool:
        """No action has been accepted yet: nothing is commanded."""
        return self._actions.newest is None

    @property
    def session_id(self) -> str:
        """The policy session being served, '' if none."""
        return self._actions.session_id

    @property
    def state(self) -> RobotState | None:
        """The newest joint state believed, in the robot's joint order."""
        return self._states.state

    def on_state(self, sample: JointSample, now_ns: int) -> str | None:
        """Take a joint state; None if it is believed, else 'reason' or 'reason: detail'."""
        rebases = self._states.rebases
        reason = self._states.check(sample, now_ns, self._acting())
        if self._states.rebases != rebases:
            self._actions.forget_stamp()
        if reason == 'duplicate':
            self.counters.duplicates += 1
        elif reason is not None:
            self.counters.states_refused += 1
        return reason

    def on_action(self, action: ActionSample, now_ns: int) -> str | None:
        """Take an action; None if it is accepted, else 'reason' or 'reason: detail'."""
        state = self._states.state
        reason = self._actions.check(action, now_ns, None if state is None else state.stamp_ns)
        if reason is None:
            self.counters.actions_accepted += 1
        elif reason == 'duplicate':
            self.counters.duplicates += 1
        else:
            self.counters.actions_refused += 1
        return reason

    def action_due(self, stamp_ns: int) -> bool:
        """Whether the state of this stamp asks for a new action."""
        return self._actions.due(stamp_ns)

    def estop(self, reason: str) -> None:
        """Latch the emergency stop; the next tick brakes. The first reason stays."""
        if not self._stopped:
            self._stopped = f'emergency_stop: {reason}'

    def clear_estop(self, now_ns: int) -> tuple[bool, str]:
        """End the emergency stop; whether it was done, and why not.

        The robot must stand, be seen, and nothing may ask for a stop any more. Ends an overload
        too, once it has cooled.
        """
        cooling = self._monitors.clear_overload()
        if cooling is not None:
            return False, cooling
        if not self._stopped:
            return True, 'no emergency stop was latched'
        if self._states.state is None or self._stale(now_ns):
            return False, 'no fresh joint state: see that the robot publishes them'
        fastest = max(abs(w) for w in self._states.v)
        if fastest >= STANDING:
            return False, f'the robot moves at {fastest:.3f} rad/s: wait until it stands'
        for cause in self._monitors.state(self._states.q, self._states.v):
            if cause.level is Level.ESTOP:
                return False, f'the cause persists: {cause.reason}'
        self._stopped, self._failures = '', 0
        return True, 'cleared'

    def tick(self, now_ns: int) -> TickResult:
        """One guard period: judge the level, work out the command, account for the action."""
        self.counters.ticks += 1
        dt_ns, flags, forgot = self._advance(now_ns)
        state, action = self._states.state, self._actions.newest
        if action is None or state is None:
            level = Level.ESTOP if self._stopped else Level.NORMAL
            stop = int(Flag.EMERGENCY_STOP) if self._stopped else 0
            return TickResult(None, None, level, stop, self._stopped)
        finished = self._account.close() if forgot else None
        finished = self._account.serve(action, self._actions.values) or finished
        self._actuator.switch(action.mode)
        values, acted = self._act(state, action.mode, now_ns, dt_ns)
        flags |= acted
        if flags & INTERVENTIONS:
            self.counters.interventions += 1
        level = self._ladder.level
        finished = self._account.add(values, flags, level) or finished
        command = Command(state.stamp_ns, action.mode, np.array(values))
        return TickResult(command, finished, level, int(flags), self._ladder.reason)

    def _advance(self, now_ns: int) -> tuple[int, int, bool]:
        """Time since the last tick, flags, and whether memory was forgotten over a gap."""
        last, self._last_tick_ns = self._last_tick_ns, now_ns
        if last is None:
            return self._period_ns, 0, False
        dt_ns = now_ns - last
        if 0 <= dt_ns <= GAP_NS:
            if dt_ns > 2 * self._period_ns:
                self.counters.overruns += 1
                self._overruns.note(now_ns)
            return dt_ns, 0, False
        self.counters.gaps += 1
        self._actuator.forget()
        self._monitors.forget()
        self._ladder.judge_afresh()
        return self._period_ns, int(Flag.FORGOT), True

    def _act(
        self, state: RobotState, mode: CommandMode, now_ns: int, dt_ns: int
    ) -> tuple[list[float], int]:
        """P3-P7, and P9 before them so that it bears on this very tick. Fails closed."""
        q, v = self._states.q, self._states.v
        try:
            push, depth = None, 0.0
            if self._spring is not None and mode is CommandMode.TORQUE:
                push, depth = self._spring.push(state.position, state.velocity)
            flags, intent = self._judge(mode, depth, now_ns, dt_ns)
            values, acted = self._actuator.command(intent, q, v, dt_ns / NANOSECONDS, push)
        except Exception as error:  # whatever went wrong, the robot must be braked
            return self._fail(error, now_ns)
        self._failures = 0
        return values, flags | acted

    def _fail(self, error: Exception, now_ns: int) -> tuple[list[float], int]:
        """P7: brake by the simplest means; the second time in a row for good."""
        self._failures += 1
        reason = f'internal: {type(error).__name__}: {error}'
        flags = int(Flag.NON_FINITE_OUTPUT)
        cause = Cause(Level.DAMP, flags, reason)
        if self._failures >= 2:
            self.estop(reason)
        if self._stopped:
            flags |= Flag.EMERGENCY_STOP
            cause = Cause(Level.ESTOP, flags, self._stopped)
        self._ladder.update(cause, now_ns)
        return self._actuator.fall_back(self._states.q, self._states.v), flags

    def _judge(
        self, mode: CommandMode, depth: float, now_ns: int, dt_ns: int
    ) -> tuple[int, Intent]:
        """Level of this tick from all causes, and what to do on it."""
        causes = self._causes(mode, depth, now_ns, dt_ns)
        flags, worst = 0, FINE
        for cause in causes:
            flags |= cause.flag
            if cause.level is Level.ESTOP:
                self.estop(cause.reason)
            if cause.level > worst.level:
                worst = cause
        if self._stopped:
            flags |= Flag.EMERGENCY_STOP
            worst = Cause(Level.ESTOP, int(Flag.EMERGENCY_STOP), self._stopped)
        level = self._ladder.update(worst, now_ns)
        return flags, Intent(
            level=level,
            wish=self._actions.values,
            share=self._ladder.share(now_ns),
            on_level_ns=self._ladder.on_level_ns(now_ns),
            stale=bool(flags & Flag.STATE_STALE),
            follow=bool(flags & Flag.TRACKING),
        )

    def _causes(self, mode: CommandMode, depth: float, now_ns: int, dt_ns: int) -> list[Cause]:
        """All that speaks against NORMAL at this tick."""
        states, monitors, actuator = self._states, self._monitors, self._actuator
        causes = monitors.state(states.q, states.v)
        point = actuator.set_point
        torque = actuator.torque if mode is CommandMode.TORQUE else states.effort
        for cause in (
            self._ages.judge(self._actions.age_ns(now_ns)),
            monitors.tracking(point.position if point else None, states.q, states.v, dt_ns),
            monitors.overload(torque, dt_ns),
            monitors.attitude(self._orientation(), dt_ns),
            monitors.workspace(depth),
            self._overruns.cause(now_ns),
        ):
            if cause is not None and cause is not FINE:
                causes.append(cause)
        if self._stale(now_ns):
            age = (now_ns - states.received_ns) / 1e6
            reason = f'state_stale: newest joint state {age:.0f} ms old'
            causes.append(Cause(Level.DAMP, int(Flag.STATE_STALE), reason))
        if states.frozen:
            reason = 'state_frozen: joint states repeat to the bit under torque'
            causes.append(Cause(Level.DAMP, int(Flag.STATE_FROZEN), reason))
        if states.jumps >= JUMPS:
            reason = f'state_jump: {states.jumps} joint states in a row jump'
            causes.append(Cause(Level.DAMP, int(Flag.STATE_JUMP), reason))
        return causes

    def _orientation(self) -> Vector | None:
        """Orientation (4,) w, x, y, z that the robot's IMU tells, None if it has none."""
        state = self._states.state
        imu = None if state is None else state.signals.get('imu')
        return None if imu is None else imu[:4]

    def _stale(self, now_ns: int) -> bool:
        """Whether the newest joint state is too old, or from before the clock jumped."""
        return not -BACKWARD_NS <= now_ns - self._states.received_ns <= self._stale_ns

    def _acting(self) -> bool:
        """Whether a torque is being commanded that must move a free joint."""
        if self._actuator.mode is not CommandMode.TORQUE:
            return False
        pairs = zip(self._actuator.torque, self._moving, strict=True)
        return any(abs(u) > least for u, least in pairs)
