# SPDX-License-Identifier: Apache-2.0
"""Made-up recordings of a robot, as events for the Rebuilder."""

import numpy as np

from maxent_robot.rebuild import RebuildCounts, Rebuilder
from maxent_robot.recorded_actions import RecordedCommand
from maxent_robot.recorded_episodes import RecordedStep
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task
from maxent_robot.types import AppliedAction, CommandMode, JointSample, Level

TICK, PERIOD = SAWYER.guard_period_ns, SAWYER.policy_period_ns
T0 = 5_000_000_000
TICKS = PERIOD // TICK


def torque(tick):
    """What the robot is told at a tick, (7,)."""
    return SAWYER.policy_effort * np.sin(0.1 * tick + np.arange(7))


def sample(tick, shift=0.0):
    """Where it is then."""
    position = SAWYER.start + shift + 0.05 * np.sin(0.02 * tick + np.arange(7))
    velocity = np.full(7, 0.001 * tick)
    return JointSample(T0 + tick * TICK, SAWYER.joint_names, position, velocity)


class Recording:
    """Events of a recording, (log time, method of the Rebuilder, arguments)."""

    def __init__(self):
        self.events = []

    def add(self, at_ns, method, *arguments):
        self.events.append((at_ns, method, arguments))

    def joints(self, state, at_ns=None):
        self.add(state.stamp_ns if at_ns is None else at_ns, 'on_joints', state)

    def command(self, at_ns, values, stamp_ns=None, mode=CommandMode.TORQUE):
        self.add(at_ns, 'on_command', RecordedCommand(stamp_ns, mode, values))

    def applied(self, tick, mode=CommandMode.TORQUE):
        """The guard's account of the action that began at a tick."""
        mean = sum(torque(tick + k) for k in range(TICKS)) / TICKS
        action = AppliedAction(
            T0 + tick * TICK, 's', tick, mode, torque(tick), mean, TICKS, 0, Level.NORMAL
        )
        self.add(T0 + (tick + TICKS) * TICK - 1, 'on_applied', action)

    def step(self, tick, episode, action=(), session='s'):
        step = RecordedStep(T0 + tick * TICK, session, episode, np.array(action, np.float32))
        self.add(T0 + tick * TICK + 100, 'on_step', step)

    def run(self, task=None, spec=SAWYER, **options):
        """Rebuild; returns steps and counts."""
        counts = RebuildCounts()
        options = {'oldest_ns': {}, 'by_applied': False, 'by_steps': False, **options}
        task = make_task(spec, 'reach') if task is None else task
        rebuilder = Rebuilder(spec, task, 3, counts, **options)
        steps = []
        for at_ns, method, arguments in sorted(self.events, key=lambda event: event[0]):
            timed = method in ('on_joints', 'on_signal')
            given = getattr(rebuilder, method)(*arguments, *([at_ns] if timed else []))
            steps += given or []
        return steps + rebuilder.finish(), counts


def recording(ticks, lose=(), commands=True, stamped=True):
    """A robot that is told something at every tick, by somebody whose steps are not recorded."""
    made = Recording()
    for tick in range(ticks):
        stamp = T0 + tick * TICK
        if tick not in lose:
            made.joints(sample(tick))
        if commands:
            made.command(stamp + 1000, torque(tick), stamp if stamped else None)
    return made


def summary(steps):
    return [(step.episode, step.index) for step in steps]


def same(one, other):
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        for name, value in vars(mine).items():
            np.testing.assert_equal(value, getattr(theirs, name), name)
