# SPDX-License-Identifier: Apache-2.0
"""A small world for the episode actor: seven free masses, a guard that halves every torque."""

from dataclasses import dataclass, field, replace

import numpy as np

from maxent_robot.episode import (
    ActivePolicy,
    EmitStep,
    EpisodeActor,
    RequestReset,
    SendAction,
)
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task
from maxent_robot.types import ActionSample, AppliedAction, CommandMode, JointSample, Level

TICK, PERIOD = SAWYER.guard_period_ns, SAWYER.policy_period_ns
NAMES = (*SAWYER.joint_names, 'head_pan')


def make_actor(steps=4, reset='service', pacing='lockstep', **more):
    task = make_task(SAWYER, 'reach_random', episode_steps=steps)
    actor = EpisodeActor(SAWYER, task, 5, reset, session_id='s', pacing=pacing, **more)
    actor.policy = wave('run', 1)
    return actor


def wave(name, version):
    """A policy whose actions depend on the observation."""
    return ActivePolicy(lambda o: np.sin(3.0 * o[:7] + o[7:14]).astype(np.float32), name, version)


@dataclass
class World:
    """Robot, bridge and guard in lock-step: time stands still until a due action comes."""

    actor: EpisodeActor
    order: tuple[int, ...] = tuple(range(8))  # in which joints are reported
    t: int = 0
    q: np.ndarray = field(default_factory=lambda: SAWYER.neutral.copy())
    v: np.ndarray = field(default_factory=lambda: np.zeros(7))
    newest: ActionSample | None = None
    outputs: list = field(default_factory=list)
    lose: set = field(default_factory=set)  # seq whose AppliedAction is lost

    def sample(self):
        position, velocity = np.append(self.q, 0.3), np.append(self.v, 0.0)
        order = list(self.order)
        names = tuple(NAMES[i] for i in order)
        return JointSample(self.t, names, position[order], velocity[order])

    def take(self, outputs):
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, RequestReset):
                self.q, self.v = output.positions.copy(), np.zeros(7)
                self.t += 2_000_000_000
                self.take(self.actor.on_reset_done(self.t))
            elif isinstance(output, SendAction) and self.due():
                assert output.action.stamp_ns == self.t
                self.newest = output.action

    def due(self):
        return self.newest is None or self.t - self.newest.stamp_ns >= PERIOD

    def tick(self):
        """One state, and if it is not in want of an action one guard period."""
        self.take(self.actor.on_state(self.sample()))
        if self.due():
            return
        if self.newest.mode == CommandMode.TORQUE:
            self.v = self.v + 0.5 * self.newest.values * TICK * 1e-9
        else:
            self.v = np.clip(20.0 * (self.newest.values - self.q), -1.0, 1.0)
        self.q = self.q + self.v * TICK * 1e-9
        if self.t - self.newest.stamp_ns == PERIOD - TICK and self.newest.seq not in self.lose:
            self.take(self.actor.on_applied(applied(self.newest)))
        self.t += TICK

    def run(self, until, most=5000):
        for _ in range(most):
            if until():
                return self
            self.tick()
        raise AssertionError('it did not come to that')

    def run_episodes(self, count):
        return self.run(lambda: self.actor.completed >= count)

    def steps(self):
        return [output.step for output in self.outputs if isinstance(output, EmitStep)]

    def of(self, kind):
        return [output for output in self.outputs if isinstance(output, kind)]


def applied(action, **changes):
    made = AppliedAction(
        action.stamp_ns, action.session_id, action.seq, action.mode, action.values,
        0.5 * action.values, 10, 0, Level.NORMAL,
    )  # fmt: skip
    return replace(made, **changes)


def kinds(outputs):
    return [type(output) for output in outputs]


def at(t, q=None, v=None):
    q = SAWYER.start if q is None else np.asarray(q)
    return JointSample(t, SAWYER.joint_names, q, np.zeros(7) if v is None else np.asarray(v))


def acting(**options):
    """An actor that has just answered the first state of episode 0 at t = 0, and its action."""
    actor = make_actor(**options)
    actor.on_state(at(-2_000_000_000))
    step, send = actor.on_reset_done(0) + actor.on_state(at(0))
    assert step.step.index == 0
    return actor, send.action
