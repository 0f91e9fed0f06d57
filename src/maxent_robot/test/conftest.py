# SPDX-License-Identifier: Apache-2.0
"""A guard with a robot and a policy around it, for the tests of the safety half."""

import dataclasses

import numpy as np
import pytest

from maxent_robot.robots import SAWYER
from maxent_robot.safety.guard import Guard
from maxent_robot.types import ActionSample, CommandMode, JointSample, Level

MS = 1_000_000
NAMES = SAWYER.joint_names
TORQUE, POSITION = CommandMode.TORQUE, CommandMode.POSITION


class Rig:
    """A guard, a plain robot (one inertia and damper per joint) and a policy at 20 Hz."""

    def __init__(self, spec=SAWYER, config=None, q=SAWYER.start):
        self.guard = Guard(spec, config)
        self.now = 0
        self.q, self.v = np.array(q), np.zeros(7)
        self.wish, self.mode, self.session = 0.2 * SAWYER.policy_effort, TORQUE, 'first'
        self.seq = 0
        self.acts = self.shows = True
        self.stamp_shift = 0
        self.broken_state = lambda sample: sample
        self.physics = True
        self.result = None

    def state(self, **changes):
        shown = JointSample(self.now + self.stamp_shift, NAMES, self.q.copy(), self.v.copy())
        return self.guard.on_state(dataclasses.replace(shown, **changes), self.now)

    def action(self, **changes):
        self.seq += 1
        plain = ActionSample(
            stamp_ns=self.now + self.stamp_shift,
            session_id=self.session,
            seq=self.seq,
            skill='reach',
            policy_version=0,
            mode=self.mode,
            names=NAMES,
            values=np.array(self.wish),
        )
        return self.guard.on_action(dataclasses.replace(plain, **changes), self.now)

    def step(self):
        """One guard period: state, action where due, tick, motion."""
        stamp = self.now + self.stamp_shift
        if self.shows:
            broken = self.broken_state(JointSample(stamp, NAMES, self.q.copy(), self.v.copy()))
            self.guard.on_state(broken, self.now)
        if self.acts and self.guard.action_due(stamp):
            self.action()
        self.result = self.guard.tick(self.now)
        if self.physics and self.result.command is not None:
            self.move(self.result.command)
        self.now += 5 * MS
        return self.result

    def move(self, command):
        if command.mode is TORQUE:
            self.v = self.v + 0.005 * (command.values - self.v) / 0.5
        else:
            self.v = (command.values - self.q) / 0.02
        self.q = self.q + 0.005 * self.v

    def run(self, ticks):
        return [self.step() for _ in range(ticks)]


@pytest.fixture
def make_rig():
    """Make a rig: make_rig(spec=SAWYER, config=None, q=SAWYER.start)."""
    return Rig


@pytest.fixture
def rig():
    """A robot that a policy has been moving for half a second."""
    rig = Rig()
    assert rig.run(100)[-1].level is Level.NORMAL
    return rig
