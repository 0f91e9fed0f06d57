# SPDX-License-Identifier: Apache-2.0
"""A lock-step run that was written down is replayed through the guard, whole, damaged, changed."""

from dataclasses import replace
import random

from geometry_msgs.msg import Quaternion, Vector3
from maxent_msgs.msg import SafetyStatus
import numpy as np
import pytest
from sensor_msgs.msg import Imu
from std_msgs.msg import Empty, Float64MultiArray

from maxent_learner.bag_reader import BagError, BagReader
from maxent_learner.bag_replay import ReplayReport, replay_guard
from maxent_robot.robots import ROBOTS, get_robot
from maxent_robot.safety.config import SIMULATED_REST
from maxent_robot.safety.guard import Guard
from maxent_robot.tasks import FIRST_TASKS, make_task
from maxent_robot.types import ActionSample, CommandMode, Level
from maxent_ros import conversions, topics
from maxent_ros.robot_topics import ROBOT_TOPICS, imu_values
from sim_bridge.simulations import make_simulation

EPISODES, STEPS = 2, 12


class LockStep:
    """The simulation, a guard and random actions, as a list of (topic, message) in their order."""

    def __init__(self, robot):
        self.spec = spec = get_robot(robot)
        self.guard = Guard(spec, replace(spec.guard, overload_rest=SIMULATED_REST))
        self.simulation = make_simulation(robot, {})
        self.mapping = make_task(spec, FIRST_TASKS[robot]).mapping
        self.messages, self.seq = [], 0
        self.rng = np.random.default_rng(0)
        for _ in range(EPISODES):
            self.state()  # due, but answered by a reset
            self.simulation.reset(spec.start)
            for _ in range(STEPS * (spec.policy_period_ns // spec.guard_period_ns)):
                self.tick()
        self.simulation.close()

    def put(self, topic, message):
        self.messages.append((f'/{topic}', message))

    def state(self):
        """Tell the state, signals first, and return it as the guard hears it."""
        sample = self.simulation.joint_sample(self.spec.guard_signals)
        message = conversions.from_joint_sample(sample)
        message.effort = conversions.to_doubles(sample.effort)
        heard = conversions.to_joint_sample(message)
        if 'imu' in sample.signals:
            imu = to_imu(sample)
            self.put(topics.MINITAUR_IMU, imu)
            heard = replace(heard, signals={'imu': imu_values(imu)})
        self.put(ROBOT_TOPICS[self.spec.name].joint_states, message)
        assert self.guard.on_state(heard, heard.stamp_ns) is None
        return heard

    def tick(self):
        state = self.state()
        if self.guard.action_due(state.stamp_ns):
            action = self.action(state)
            self.put(topics.POLICY_ACTION, conversions.from_action_sample(action))
            assert self.guard.on_action(action, state.stamp_ns) is None
        result = self.guard.tick(state.stamp_ns)
        command = result.command
        self.put(ROBOT_TOPICS[self.spec.name].command, self.command(command))
        if result.finished is not None:
            applied = conversions.from_applied_action(result.finished, self.spec.joint_names)
            self.put(topics.APPLIED_COMMAND, applied)
        self.simulation.set_command(command.mode, self.spec.joint_names, command.values)
        self.simulation.step_tick()

    def action(self, state):
        self.seq += 1
        wish = self.rng.uniform(-1.0, 1.0, self.mapping.size).astype(np.float32)
        values = self.mapping.to_values(wish, state.position)
        about = state.stamp_ns, 'session', self.seq, 'skill', 0
        return ActionSample(*about, self.mapping.mode, self.spec.joint_names, values)

    def command(self, command):
        if command.mode is CommandMode.POSITION:
            return conversions.from_positions(command)
        return conversions.from_command(command, self.spec.joint_names)


def to_imu(sample):
    """The message that the bridge would send."""
    w, x, y, z, *others = sample.signals['imu'].tolist()
    message = Imu(orientation=Quaternion(w=w, x=x, y=y, z=z))
    message.header.stamp = conversions.to_stamp(sample.stamp_ns)
    message.angular_velocity = Vector3(**dict(zip('xyz', others[:3], strict=True)))
    message.linear_acceleration = Vector3(**dict(zip('xyz', others[3:], strict=True)))
    return message


@pytest.fixture(scope='module')
def run():
    """Return a function that gives the run of a robot, made once."""
    made = {}

    def get(robot='sawyer'):
        if robot not in made:
            made[robot] = LockStep(robot)
        return made[robot]

    return get


@pytest.fixture
def bag(write_bag):
    """Return a function that writes messages into a bag and returns its reader."""
    return lambda *arguments, **options: BagReader(write_bag(*arguments, **options))


def count(messages, topic):
    return sum(name == f'/{topic}' for name, _ in messages)


@pytest.mark.parametrize('robot', ROBOTS)
def test_every_command_and_account_is_the_same_to_the_bit(run, bag, robot):
    done = run(robot)
    report = replay_guard(bag(done.messages), done.spec)
    commands = count(done.messages, ROBOT_TOPICS[robot].command)
    assert commands > EPISODES * STEPS
    assert report == ReplayReport(commands + EPISODES * STEPS, 0)
    assert report.passed


def test_repeated_messages_and_another_order_of_receipt_change_nothing(run, bag):
    done, rng = run(), random.Random(0)
    mixed = list(done.messages)
    for start in range(0, len(mixed), 10):
        part = mixed[start : start + 10]
        rng.shuffle(part)
        mixed[start : start + 10] = part
    twice = [item for item in mixed for _ in range(2)]
    assert replay_guard(bag(twice), done.spec) == replay_guard(bag(done.messages), done.spec)


def test_a_changed_figure_of_the_guard_is_found_and_named(run, bag):
    done = run()
    report = replay_guard(bag(done.messages), done.spec, replace(done.spec.guard, slew_rate=10.0))
    assert report.different > 10
    assert not report.passed
    assert 'joint command at' in report.first_difference
    assert 'recorded was' in report.sentence('commands')


def test_one_changed_bit_of_one_command_is_found(run, bag):
    done = run()
    topic = f'/{ROBOT_TOPICS["sawyer"].command}'
    number = [n for n, (name, _) in enumerate(done.messages) if name == topic][37]
    message = done.messages[number][1]
    changed = type(message)(header=message.header, mode=message.mode, names=message.names)
    efforts = np.array(message.effort)
    efforts[3] = np.nextafter(efforts[3], np.inf)
    changed.effort = efforts.tolist()
    messages = list(done.messages)
    messages[number] = topic, changed
    report = replay_guard(bag(messages), done.spec)
    assert report.different == 1
    assert 0.0 < report.largest < 1e-12
    assert 'effort' in report.first_difference
    assert 'processors' in report.sentence('commands')


@pytest.mark.parametrize('topic', [topics.JOINT_STATES, topics.POLICY_ACTION])
def test_after_a_lost_input_nothing_is_compared_until_the_next_reset(run, bag, topic):
    done = run()
    numbers = [n for n, (name, _) in enumerate(done.messages) if name == f'/{topic}']
    lost = numbers[len(numbers) // 4]
    report = replay_guard(bag(done.messages[:lost] + done.messages[lost + 1 :]), done.spec)
    whole = replay_guard(bag(done.messages), done.spec)
    assert report.different == 0
    assert report.left_out > 0
    assert report.compared + report.left_out == whole.compared
    assert report.compared > whole.compared / 2
    assert 'not compared' in report.sentence('commands')


def test_a_state_lost_shortly_before_a_reset_leaves_the_next_episode_alone(run, bag):
    done = run()
    numbers = [n for n, (name, _) in enumerate(done.messages) if name == f'/{topics.JOINT_STATES}']
    resets = [n for n in numbers if done.messages[n + 1][0] == f'/{topics.JOINT_STATES}']
    lost = numbers[numbers.index(resets[-1]) - 3]
    report = replay_guard(bag(done.messages[:lost] + done.messages[lost + 1 :]), done.spec)
    assert report.different == 0
    assert report.left_out == 4  # three commands, and the action that they were for


def test_lost_outputs_are_no_difference(run, bag):
    done = run()
    outputs = {f'/{ROBOT_TOPICS["sawyer"].command}', f'/{topics.APPLIED_COMMAND}'}
    kept = [m for n, m in enumerate(done.messages) if m[0] not in outputs or n % 3]
    report = replay_guard(bag(kept), done.spec)
    assert report.different == report.left_out == 0
    assert report.compared == sum(name in outputs for name, _ in kept)


def test_a_bag_that_begins_within_an_episode_is_compared_from_the_next_reset_on(run, bag):
    done = run()
    begin = len(done.messages) // 4
    report = replay_guard(bag(done.messages[begin:]), done.spec)
    assert report.different == 0
    assert report.left_out > 0
    assert report.compared > len(done.messages) // 8


@pytest.mark.parametrize(
    'stop',
    [
        (f'/{topics.EMERGENCY_STOP}', Empty()),
        (f'/{topics.SAFETY_STATUS}', SafetyStatus(level=int(Level.ESTOP))),
    ],
    ids=['message', 'status'],
)
def test_the_comparison_ends_before_an_emergency_stop(run, bag, stop):
    done = run()
    middle = len(done.messages) // 2 + 300
    nonsense = [(n, m) for n, m in done.messages[middle:] if n != f'/{topics.POLICY_ACTION}']
    report = replay_guard(bag([*done.messages[:middle], stop, *nonsense]), done.spec)
    assert report.different == 0
    assert 0 < report.compared < len(done.messages) // 2
    assert 'emergency stop' in report.ended
    assert report.ended in report.sentence('commands')


def test_a_clock_that_is_set_back_ends_the_comparison(run, bag):
    done = run()
    report = replay_guard(bag(done.messages * 2, step_ns=20_000_000), done.spec)
    assert report == replace(replay_guard(bag(done.messages), done.spec), ended=report.ended)
    assert 'clock' in report.ended


def test_a_bag_recorded_in_real_time_is_refused(run, bag):
    status = f'/{topics.SAFETY_STATUS}', SafetyStatus(lateness_p999_us=80.0)
    with pytest.raises(BagError, match=r'real time.*lock-step'):
        replay_guard(bag([*run().messages, status]), run().spec)


def test_a_bag_of_another_robot_is_refused_with_what_should_be_in_it(run, bag):
    with pytest.raises(BagError, match=r'no commands of a dclaw.*joint_states'):
        replay_guard(bag(run().messages), get_robot('dclaw'))


def test_commands_that_answer_no_state_are_disregarded(run, bag):
    done = run('dclaw')
    foreign = f'/{ROBOT_TOPICS["dclaw"].command}', Float64MultiArray(data=[1.0])
    report = replay_guard(bag([foreign, *done.messages, foreign]), done.spec)
    assert report == replay_guard(bag(done.messages), done.spec)
