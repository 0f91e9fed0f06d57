# SPDX-License-Identifier: Apache-2.0
"""Bags of real lock-step runs are rebuilt to the bit, with and without what our own nodes say."""

from dataclasses import replace
import threading

from intera_core_msgs.msg import JointCommand
from maxent_msgs.msg import AppliedCommand, Step
from maxent_msgs.srv import ResetSimulation
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.bag_rebuild import RebuildCounts, rebuild_steps
from maxent_learner.bag_recorder import BagRecorder
from maxent_learner.bag_steps import read_steps
from maxent_robot import episode_seed
from maxent_robot.episode import (
    ActivePolicy,
    EmitStep,
    EpisodeActor,
    RequestReset,
    SendAction,
)
from maxent_robot.robots import get_robot
from maxent_robot.safety.config import SIMULATED_REST
from maxent_robot.safety.guard import Guard
from maxent_robot.tasks import FIRST_TASKS, make_task
from maxent_robot.types import CommandMode
from maxent_ros import conversions, qos, topics
from maxent_ros.robot_topics import ROBOT_TOPICS, StateSource
from maxent_ros.testing import RosFixture, isolated_domain
from sim_bridge.bridge_node import BridgeNode

pytestmark = pytest.mark.ros

SEED, EPISODES, STEPS = 5, 2, 12
EXACT = ('stamp_ns', 'episode', 'index', 'layout_hash', 'reward', 'reward_terms', 'measures')
ENDS = ('terminated', 'truncated')
ARRAYS = ('observation', 'action', 'applied_action')


class Peer(Node):
    """Guard and policy as the nodes are, in one node, which says what they say."""

    def __init__(self, robot, **options):
        super().__init__('peer', **options)
        self.spec = spec = get_robot(robot)
        task = make_task(spec, FIRST_TASKS[robot], episode_steps=STEPS)
        self.guard = Guard(spec, replace(spec.guard, overload_rest=SIMULATED_REST))
        self.actor = EpisodeActor(spec, task, SEED, session_id='s', max_episodes=EPISODES)
        self.actor.policy = ActivePolicy(wave(task.mapping.size), 'wave', 1)
        self.state = self.answer = self.action = None
        self.client = self.create_client(ResetSimulation, topics.RESET_SIMULATION)
        kind = JointCommand if robot == 'sawyer' else Float64MultiArray
        self.commands = self.create_publisher(kind, ROBOT_TOPICS[robot].command, qos.COMMAND)
        self.accounts = self.create_publisher(AppliedCommand, topics.APPLIED_COMMAND, qos.EVENTS)
        self.steps = self.create_publisher(Step, topics.STEP, qos.EXPERIENCE)
        self.sources = [
            StateSource(self, spec, spec.guard_signals, self.on_guard_state, lockstep=True),
            StateSource(self, spec, task.signals, self.on_policy_state, lockstep=True),
        ]
        known = ROBOT_TOPICS[robot]
        self.heard = {known.joint_states: JointState}
        self.heard |= {known.signals[n].topic: known.signals[n].kind for n in task.signals}
        # Silent: so that the recorder is there before the bridge says anything.
        for topic, message in self.heard.items():
            self.create_publisher(message, topic, qos.COMMAND)

    def on_guard_state(self, sample):
        if self.state is None or sample.stamp_ns != self.state.stamp_ns:
            assert self.guard.on_state(sample, sample.stamp_ns) is None
            self.state, self.answer = sample, None
            self.tick()
        elif self.answer is not None:
            self.commands.publish(self.answer)

    def on_policy_state(self, sample):
        self.carry_out(self.actor.on_state(sample))

    def carry_out(self, outputs):
        for output in outputs:
            if isinstance(output, EmitStep):
                self.steps.publish(conversions.from_step_record(output.step))
            elif isinstance(output, SendAction):
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
        names = self.spec.joint_names
        if result.command.mode is CommandMode.POSITION:
            self.answer = conversions.from_positions(result.command)
        else:
            self.answer = conversions.from_command(result.command, names)
        self.commands.publish(self.answer)
        if result.finished is not None:
            self.accounts.publish(conversions.from_applied_action(result.finished, names))
            self.carry_out(self.actor.on_applied(result.finished))

    def reset(self, wanted):
        request = ResetSimulation.Request(
            seed=wanted.seed,
            joint_names=[*self.spec.joint_names, *wanted.objects],
            joint_positions=[*wanted.positions, *wanted.objects.values()],
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


def record(ros, robot, folder):
    """Run the simulation in lock-step until the episodes are over, and record all of it."""
    peer = ros.add(Peer, robot)
    recorder = ros.add(BagRecorder, parameters={'folder': str(folder / 'bag')})
    wanted = {f'/{t}' for t in (*peer.heard, topics.STEP, topics.APPLIED_COMMAND)}
    wanted.add(f'/{ROBOT_TOPICS[robot].command}')
    ros.spin_until(lambda: wanted <= set(recorder.counts), 20.0, 'the recorder listens')
    bridge, stop = ros.add(BridgeNode, parameters={'robot': robot}), threading.Event()
    thread = threading.Thread(target=bridge.run, args=(stop,))
    thread.start()
    try:
        ros.spin_until(lambda: peer.actor.done, 60.0, 'the episodes are over')
        steps = EPISODES * (STEPS + 1)
        ros.spin_until(lambda: recorder.counts['/policy/step'] == steps, 10.0)
    finally:
        stop.set()
        thread.join()
        ros.remove(recorder)
    return folder / 'bag'


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Return a function that gives the bag of a robot, recorded once."""
    made = {}

    def get(robot):
        if robot not in made:
            with isolated_domain() as domain:
                fixture = RosFixture(domain)
                try:
                    made[robot] = record(fixture, robot, tmp_path_factory.mktemp(robot))
                finally:
                    fixture.close()
        return made[robot]

    return get


@pytest.fixture
def copy(bag, write_bag):
    """Return a function that copies a robot's bag message by message; `change` edits or drops."""

    def make(robot, change):
        reader = BagReader(bag(robot))
        messages = []
        for item in reader.messages():
            if item.topic.startswith(('/clock', '/rosout', '/diagnostics')):
                continue
            changed = change(item.topic, reader.decode(item))
            messages += [] if changed is None else [(item.topic, changed)]
        return write_bag(messages)

    return make


def rebuild(path, robot='sawyer', task=None, **options):
    spec, counts = get_robot(robot), RebuildCounts()
    if task is None:
        task, options = FIRST_TASKS[robot], {'episode_steps': STEPS, **options}
    made = make_task(spec, task, **options)
    return list(rebuild_steps(BagReader(path), spec, made, SEED, counts)), counts


def check(steps, recorded, names):
    assert len(steps) == len(recorded)
    for mine, theirs in zip(steps, recorded, strict=True):
        for name in names:
            if name in ARRAYS:
                one, two = getattr(mine, name), getattr(theirs, name)
                np.testing.assert_array_equal(one, two, name, strict=True)
            else:
                assert getattr(mine, name) == getattr(theirs, name), name


def lacking(*lost):
    absolute = {f'/{topic}' for topic in lost}
    return lambda topic, message: None if topic in absolute else message


@pytest.mark.parametrize('robot', sorted(FIRST_TASKS))
def test_our_own_bag_gives_the_recorded_steps_to_the_bit(bag, robot):
    recorded = list(read_steps(BagReader(bag(robot))))
    assert len(recorded) == EPISODES * (STEPS + 1)
    steps, counts = rebuild(bag(robot), robot)
    check(steps, recorded, (*EXACT, *ENDS, *ARRAYS))
    assert (counts.episodes, counts.transitions) == (EPISODES, EPISODES * STEPS)
    assert counts.choices_inferred == counts.actions.missing == counts.states.incomplete == 0


def test_the_robots_own_topics_alone_give_the_same_observations_and_rewards(bag, copy):
    recorded = list(read_steps(BagReader(bag('sawyer'))))
    ours = (topics.APPLIED_COMMAND, topics.POLICY_ACTION, topics.STEP)
    steps, counts = rebuild(copy('sawyer', lacking(*ours)))
    check(steps, recorded, (*EXACT, *ENDS, 'observation', 'applied_action'))
    assert counts.choices_inferred == EPISODES * STEPS
    assert counts.states.set_backs == counts.jumps == counts.gaps == 0


def test_without_stamps_the_order_of_receipt_tells_which_state_a_command_answers(bag, copy):
    recorded = list(read_steps(BagReader(bag('minitaur'))))

    def change(topic, message):
        if isinstance(message, (AppliedCommand, Step)):
            return None
        if isinstance(message, Float64MultiArray):
            message.layout.dim[0].label = ''
        return message

    steps, counts = rebuild(copy('minitaur', change), 'minitaur')
    check(steps, recorded, ('stamp_ns', 'episode', 'index', 'measures', *ENDS, 'applied_action'))
    assert counts.actions.by_receipt > 0


def test_a_bag_can_be_judged_by_another_task_of_its_robot(bag):
    steps, counts = rebuild(bag('sawyer'), task='reach_random', episode_steps=5)
    recorded = {step.stamp_ns: step for step in read_steps(BagReader(bag('sawyer')))}
    spec = get_robot('sawyer')
    task, one = make_task(spec, 'reach_random'), make_task(spec, 'reach')
    position, tip = one.layout.unpack, 'tip'
    for step in steps:
        task.reset(np.random.default_rng(episode_seed(SEED, step.episode)))
        seen = task.layout.unpack(step.observation)
        then = position(recorded[step.stamp_ns].observation)
        np.testing.assert_array_equal(seen[tip], then[tip])
        distance = np.linalg.norm(seen['target'])
        assert step.measures['distance'] == pytest.approx(distance, abs=1e-5)
    assert counts.transitions == EPISODES * STEPS
    assert [step.index for step in steps] == 2 * [*range(6), *range(6), *range(3)]
    assert {(step.skill, step.session_id) for step in steps} == {('reach_random', 'rebuilt')}


def test_turning_to_another_goal_is_another_reward_for_the_same_motion(bag):
    there, _ = rebuild(bag('dclaw'), 'dclaw')
    elsewhere, counts = rebuild(bag('dclaw'), 'dclaw', goal=1.0)
    assert counts.choices_inferred == 0
    for one, other in zip(there, elsewhere, strict=True):
        np.testing.assert_array_equal(one.applied_action, other.applied_action)
        np.testing.assert_array_equal(one.observation[:20], other.observation[:20])
        assert one.measures['error'] != other.measures['error']


def test_joints_of_commands_are_found_by_name_and_other_modes_make_no_transition(bag, copy):
    recorded = list(read_steps(BagReader(bag('sawyer'))))
    second = recorded[1].stamp_ns

    def change(topic, message):
        if isinstance(message, (AppliedCommand, Step)):
            return None
        if isinstance(message, JointCommand):
            message.names, message.effort = message.names[::-1], message.effort[::-1]
            if conversions.to_ns(message.header.stamp) == second:
                message.mode = JointCommand.TRAJECTORY_MODE
        return message

    steps, counts = rebuild(copy('sawyer', change))
    assert counts.actions.other_mode == 1
    assert [step.index for step in steps[:4]] == [0, 1, 0, 1]
    np.testing.assert_array_equal(steps[1].applied_action, recorded[1].applied_action)
    np.testing.assert_array_equal(steps[3].applied_action, recorded[3].applied_action)


def test_messages_whose_bytes_are_none_are_counted_and_no_step_is_made_of_them(bag, tmp_path):
    reader, number = BagReader(bag('sawyer')), 0

    class Cut(BagReader):
        """Reads every hundredth joint state with half of its bytes."""

        def decode(self, message):
            nonlocal number
            if message.topic == '/robot/joint_states':
                number += 1
                if number % 100 == 0:
                    message = type(message)(
                        message.topic, message.type_name, message.received_ns, message.data[:90], 0
                    )
            return super().decode(message)

    counts, spec = RebuildCounts(), get_robot('sawyer')
    task = make_task(spec, 'reach', episode_steps=STEPS)
    steps = list(rebuild_steps(Cut(reader.path), spec, task, SEED, counts))
    assert counts.undecodable == number // 100 > 0
    by_stamp = {step.stamp_ns: step for step in read_steps(reader)}
    assert len(steps) > STEPS
    for step in steps:
        if step.index:
            np.testing.assert_array_equal(step.observation, by_stamp[step.stamp_ns].observation)


@pytest.mark.parametrize(
    ('robot', 'lost', 'named'),
    [
        ('sawyer', [topics.JOINT_STATES], 'ros2 bag record /robot/joint_states'),
        ('sawyer', [topics.APPLIED_COMMAND, topics.JOINT_COMMAND], '/right/joint_command'),
        ('dclaw', [topics.DCLAW_VALVE], 'ros2 bag record /dclaw/valve/joint_states'),
    ],
)
def test_a_bag_that_lacks_a_topic_is_refused_with_what_to_record(copy, robot, lost, named):
    with pytest.raises(BagError, match=named):
        rebuild(copy(robot, lacking(*lost)), robot)


def test_a_bag_of_which_no_joint_state_can_be_used_is_refused_with_the_reason(copy):
    def change(topic, message):
        if isinstance(message, JointState):
            message.position = np.rad2deg(message.position).tolist()
        return message

    with pytest.raises(BagError, match=r'degrees instead of radians'):
        rebuild(copy('sawyer', change))


def test_a_bag_of_another_robot_is_refused(bag):
    with pytest.raises(BagError, match='/robot0/state/joint'):
        rebuild(bag('sawyer'), 'minitaur')
