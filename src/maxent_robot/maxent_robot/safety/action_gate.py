# SPDX-License-Identifier: Apache-2.0
"""P0 and P2: whose actions the guard serves, and which of them. Refusals are 'reason: detail'."""

from __future__ import annotations

from math import isfinite

import numpy as np

from maxent_robot.robot_spec import RobotSpec
from maxent_robot.types import ActionSample, CommandMode

FUTURE_NS = 20_000_000  # the policy may have seen a state that the guard has not taken in yet
BACKWARD_NS = 100_000_000  # time of receipt and of tick may cross by less than this
STALLED_REFUSALS = 40  # in lock-step: 2 s of repeated answers while simulated time stands still


class ActionGate:
    """Checks actions one after another and keeps the newest accepted.

    One session is served at a time: the first that is heard, until its newest action is older
    than `lease_ns`. `values` are that action's numbers in the robot's joint order.
    """

    def __init__(self, spec: RobotSpec, lease_ns: int) -> None:
        """Take joint names, modes and periods from the robot; the lease in ns."""
        self._names = spec.joint_names
        self._modes = tuple(m for m in spec.command_modes if m is not CommandMode.VELOCITY)
        self._period_ns = spec.policy_period_ns
        self._oldest_ns = spec.policy_period_ns * 3 // 2
        self._lease_ns = lease_ns
        self._stalled: tuple[int, str, int] = (0, '', 0)  # now, session, refusals
        self.newest: ActionSample | None = None
        self.values: list[float] = []
        self.received_ns: int | None = None  # None: not known in the present clock
        self._latest_ns: int | None = None  # newest time that the guard has named
        self._stamp_ns: int | None = None  # likewise

    @property
    def session_id(self) -> str:
        """The session being served, '' if none yet."""
        return '' if self.newest is None else self.newest.session_id

    def age_ns(self, now_ns: int) -> int | None:
        """Age of the newest accepted action by its time of receipt; None if unknown."""
        self._watch_clock(now_ns)
        return None if self.received_ns is None else max(0, now_ns - self.received_ns)

    def due(self, stamp_ns: int) -> bool:
        """Whether a state of this stamp asks for an action (the policy applies the same rule)."""
        return self._stamp_ns is None or stamp_ns - self._stamp_ns >= self._period_ns

    def forget_stamp(self) -> None:
        """The clock of the stamps has jumped: the newest stamp says nothing any more."""
        self._stamp_ns = None

    def _watch_clock(self, now_ns: int) -> None:
        """Forget times of a clock that has been set back: a simulation was restarted."""
        latest = self._latest_ns
        if latest is not None and now_ns < latest - BACKWARD_NS:
            self.received_ns = self._stamp_ns = latest = None
        self._latest_ns = now_ns if latest is None else max(now_ns, latest)

    def check(self, action: ActionSample, now_ns: int, state_stamp_ns: int | None) -> str | None:
        """Accept the action (None) or say why not."""
        self._watch_clock(now_ns)
        reason = (
            self._refuse_session(action, now_ns)
            or self._refuse_order(action)
            or self._refuse_time(action, state_stamp_ns)
        )
        if reason is not None:
            return reason
        values, reason = self._ordered(action)
        if reason is not None:
            return reason
        self.newest, self.values = action, values
        self.received_ns, self._stamp_ns = now_ns, action.stamp_ns
        self._stalled = (0, '', 0)
        return None

    def _refuse_session(self, action: ActionSample, now_ns: int) -> str | None:
        """Apply the lease.

        Simulated time stands still while a lock-step policy is dead, so there a newcomer is
        served once it has been refused often enough at one and the same instant.
        """
        if not action.session_id:
            return 'session: the action names none'
        if self.newest is None or action.session_id == self.newest.session_id:
            return None
        age = self.age_ns(now_ns)
        if age is None or age > self._lease_ns:
            return None
        then, who, refusals = self._stalled
        same = then == now_ns and who == action.session_id
        refusals = refusals + 1 if same else 1
        self._stalled = (now_ns, action.session_id, refusals)
        if refusals > STALLED_REFUSALS:
            return None
        return f"other_session: '{self.newest.session_id}' is being served"

    def _refuse_order(self, action: ActionSample) -> str | None:
        last = self.newest
        if last is None or action.session_id != last.session_id:
            return None
        if action.seq == last.seq:
            return 'duplicate'
        if action.seq < last.seq:
            return f'out_of_order: seq {action.seq} after {last.seq}'
        if self._stamp_ns is not None and action.stamp_ns < self._stamp_ns:
            return f'out_of_order: stamp {self._stamp_ns - action.stamp_ns} ns before the newest'
        return None

    def _refuse_time(self, action: ActionSample, state_stamp_ns: int | None) -> str | None:
        if state_stamp_ns is None:
            return 'no_state: no joint state has been accepted yet'
        late = state_stamp_ns - action.stamp_ns
        if late > self._oldest_ns:
            most = self._oldest_ns / 1e6
            return f'stale: answers a state {late / 1e6:.1f} ms old, at most {most:.1f} ms'
        if late < -FUTURE_NS:
            return f'future: answers a state {-late / 1e6:.1f} ms ahead of the newest'
        return None

    def _ordered(self, action: ActionSample) -> tuple[list[float], str | None]:
        """Values in the robot's joint order, or why there are none."""
        if action.mode not in self._modes:
            known = ', '.join(mode.name for mode in self._modes)
            return [], f'mode: {action.mode!r} is not served, only {known}'
        shape = np.shape(action.values)
        if shape != (len(action.names),):
            return [], f'size: {len(action.names)} names, values of shape {shape}'
        if action.names == self._names:
            values = np.asarray(action.values, dtype=np.float64).tolist()
        else:
            if sorted(action.names) != sorted(self._names):
                return [], f'names: {list(action.names)} are not the joints {list(self._names)}'
            by_name = dict(zip(action.names, np.asarray(action.values).tolist(), strict=True))
            values = [float(by_name[name]) for name in self._names]
        for name, value in zip(self._names, values, strict=True):
            if not isfinite(value):
                return [], f'non_finite: {name} is to get {value}'
        return values, None
