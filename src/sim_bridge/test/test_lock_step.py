# SPDX-License-Identifier: Apache-2.0
"""Lock-step over DDS and the environment in-process agree to the bit, for every robot."""

import json

from maxent_msgs.srv import ResetSimulation
import numpy as np
import pytest
from rclpy.node import Node

from maxent_robot import episode_seed
from maxent_robot.episode import (
    ActivePolicy,
    EmitStep,
    EpisodeActor,
    RequestReset,
    SendAction,
)
from maxent_robot.robots import get_robot
from maxent_robot.safety.guard import Guard
from maxent_robot.tasks import make_task
from maxent_robot.types import CommandMode
from maxent_ros import conversions, qos, topics
from maxent_ros.robot_topics import StateSource
from sim_bridge.bridge_node import TOPICS
from sim_bridge.env import RobotEnv
from sim_bridge.rendering import RenderingUnavailableError

pytestmark = pytest.mark.ros

SEED, EPISODES, STEPS = 3, 2, 10
TERRAIN = {'terrain': 'blocks', 'mass': [0.8, 1.2], 'latency': [0.0, 0.04]}
DYNAMICS = {'servo_gain': [1.0, 3.0], 'tip_friction': [0.8, 1.2], 'mount_shift': [-0.01, 0.01]}


class Peer(Node):
    """Guard and policy as the nodes are, without their processes: one peer of the bridge."""

    def __init__(self, robot, task, act, **options):
        super().__init__('peer', **options)
        self.spec = spec = get_robot(robot)
        self.guard = Guard(spec)
        self.actor = EpisodeActor(
            spec, make_task(spec, task, episode_steps=STEPS), SEED, session_id='s',
            max_episodes=EPISODES,
        )  # fmt: skip
        self.actor.policy = ActivePolicy(act, 'wave', 1)
        self.steps, self.samples = [], []  # records; what the policy saw when it was to act
        self.seen = self.state = self.answer = self.action = None
        self.client = self.create_client(ResetSimulation, topics.RESET_SIMULATION)
        self.commands = self.create_publisher(*TOPICS[robot].command, qos.COMMAND)
        signals = make_task(spec, task).signals
        self.sources = [
            StateSource(self, spec, spec.guard_signals, self.on_guard_state, lockstep=True),
            StateSource(self, spec, signals, self.on_policy_state, lockstep=True),
        ]

    def on_guard_state(self, sample):
        if self.state is None or sample.stamp_ns != self.state.stamp_ns:
            assert self.guard.on_state(sample, sample.stamp_ns) is None
            self.state, self.answer = sample, None
            self.tick()
        elif self.answer is not None:
            self.commands.publish(self.answer)

    def on_policy_state(self, sample):
        self.seen = sample
        self.carry_out(self.actor.on_state(sample))

    def carry_out(self, outputs):
        for output in outputs:
            if isinstance(output, EmitStep):
                self.steps.append(output.step)
            elif isinstance(output, SendAction):
                if output.action is not self.action:
                    self.samples.append(self.seen)
                self.action = output.action
                self.tick()
            elif isinstance(output, RequestReset):
                self.reset(output)

    def tick(self):
        state, action = self.state, self.action
        if state is None or self.answer is not None:
            return
        if self.guard.action_due(state.stamp_ns):
            if action is None or action.stamp_ns != state.stamp_ns:
                return
            assert self.guard.on_action(action, state.stamp_ns) is None
        result = self.guard.tick(state.stamp_ns)
        self.answer = self.message(result.command)
        self.commands.publish(self.answer)
        if result.finished is not None:
            self.carry_out(self.actor.on_applied(result.finished))

    def message(self, command):
        if command.mode is CommandMode.POSITION:
            return conversions.from_positions(command)
        return conversions.from_command(command, self.spec.joint_names)

    def reset(self, wanted):
        names = [*self.spec.joint_names, *wanted.objects]
        positions = [*wanted.positions, *wanted.objects.values()]
        request = ResetSimulation.Request(
            seed=wanted.seed, joint_names=names, joint_positions=positions
        )

        def done(future):
            assert future.result().success, future.result().message
            stamp_ns = conversions.to_ns(future.result().stamp)
            self.carry_out(self.actor.on_reset_done(stamp_ns))

        self.client.call_async(request).add_done_callback(done)


def wave(size):
    """A policy that depends on all that it sees."""
    phases = np.arange(size, dtype=np.float32)
    return lambda o: np.sin(phases + 3.0 * o[:size] + o.sum()).astype(np.float32)


def in_process(robot, task, world, act):
    """Samples at which was acted, and steps (observation, applied, reward, measures, ended)."""
    env = RobotEnv(robot, task, world=world, episode_steps=STEPS)
    samples, steps = [], []
    try:
        for episode in range(EPISODES):
            observation, info = env.reset(seed=episode_seed(SEED, episode))
            steps.append((observation, np.zeros(0), 0.0, info['measures'], False, False))
            ended = False
            while not ended:
                samples.append(env.simulation.joint_sample(env.task.signals))
                observation, reward, terminated, truncated, info = env.step(act(observation))
                applied, measures = info['applied_action'], info['measures']
                steps.append((observation, applied, reward, measures, terminated, truncated))
                ended = terminated or truncated
    finally:
        env.close()
    return samples, steps


@pytest.mark.parametrize(
    ('robot', 'task', 'world'),
    [
        ('sawyer', 'reach', {}),
        ('minitaur', 'walk', {}),
        ('minitaur', 'walk', TERRAIN),
        ('dclaw', 'turn', {}),
        ('dclaw', 'turn', DYNAMICS),
        ('dclaw', 'turn_image', {}),
    ],
    ids=['sawyer', 'minitaur', 'minitaur varied', 'dclaw', 'dclaw varied', 'dclaw camera'],
)
def test_lockstep_over_dds_and_the_environment_agree_to_the_bit(
    ros, start_bridge, robot, task, world
):
    act = wave(len(get_robot(robot).joint_names))
    try:
        samples, steps = in_process(robot, task, world, act)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    texts = [f'{name}={json.dumps(value)}' for name, value in world.items()]
    start_bridge(robot=robot, **({'world': texts} if texts else {}))
    peer = ros.add(Peer, robot, task, act)
    ros.spin_until(lambda: peer.actor.done, 40.0)

    assert len(peer.samples) == len(samples)
    for mine, theirs in zip(peer.samples, samples, strict=True):
        for name in ('position', 'velocity', 'effort'):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), name)
        assert set(mine.signals) == set(theirs.signals)
        for name, values in theirs.signals.items():
            np.testing.assert_array_equal(mine.signals[name], values, name)
    for mine, theirs in zip(peer.steps, steps, strict=True):
        observation, applied, reward, measures, terminated, truncated = theirs
        np.testing.assert_array_equal(mine.observation, observation, strict=True)
        np.testing.assert_array_equal(mine.applied_action, applied)
        assert (mine.reward, mine.measures) == (reward, measures)
        assert (mine.terminated, mine.truncated) == (terminated, truncated)
    moved = [np.any(sample.position != samples[0].position) for sample in samples[1:]]
    assert all(moved)
