# SPDX-License-Identifier: Apache-2.0
"""Steps of made-up episodes of the real task, and the `ros` fixture."""

from dataclasses import replace

from mcap.writer import Writer
import numpy as np
import pytest
from rclpy.serialization import serialize_message

from maxent_learner.bag_file import BagFile
from maxent_learner.bag_metadata import Topic
from maxent_learner.mcap_output import Message
from maxent_learner.message_definitions import Definitions
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.runner import configure_torch
from maxent_robot.episode_outputs import StepRecord
from maxent_robot.layout import Field, ObservationLayout
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task
from maxent_robot.types import RobotState
from maxent_ros.conversions import from_step_record
from maxent_ros.testing import ros

__all__ = ['ros']

configure_torch()  # as every program does

PERIOD_NS = 50_000_000
SMALL = ('hidden=[16, 16]', 'batch_size=8')  # networks that learn nothing but are quick


IMAGE = (8, 8, 3)


class SeeingTask:
    """A task whose observations end with a picture: stripes as bright as the joints are bent."""

    def __init__(self, task):
        self._task = task
        camera = Field('camera', 8 * 8 * 3, 255.0, shape=IMAGE)
        self.layout = ObservationLayout((*task.layout.fields, camera))

    def __getattr__(self, name):
        return getattr(self._task, name)

    def observe(self, state):
        pixels = np.resize(np.rint(255.0 * np.abs(np.sin(state.position))), 8 * 8 * 3)
        numbers = self._task.layout.unpack(self._task.observe(state))
        return self.layout.pack({**numbers, 'camera': pixels})


class StepSource:
    """Walks the arm at random and says what the policy node would publish."""

    def __init__(self, seed=0, length=10, sees=False):
        self.spec = get_robot('sawyer')
        task = make_task(self.spec, 'reach')
        self.task = SeeingTask(task) if sees else task
        self.length = length
        self._rng = np.random.default_rng(seed)
        self._stamp_ns = 1_000_000_000
        self._episode = -1

    def episode(self, session='session', length=None):
        """Return the steps of one more episode: index 0 and `length` transitions."""
        length = self.length if length is None else length
        self._episode += 1
        position = self.task.reset(self._rng).positions
        return [self._step(session, index, length, position) for index in range(length + 1)]

    def steps(self, episodes):
        """Return the steps of some episodes."""
        return [step for _ in range(episodes) for step in self.episode()]

    def _step(self, session, index, length, position):
        velocity = self._rng.uniform(-0.1, 0.1, 7)
        position += 0.05 * velocity
        state = RobotState(self._stamp_ns, position.copy(), velocity)
        self._stamp_ns += PERIOD_NS
        action = self._rng.uniform(-1.0, 1.0, 7 if index else 0).astype(np.float32)
        outcome = self.task.evaluate(state, action)
        return StepRecord(
            stamp_ns=state.stamp_ns,
            session_id=session,
            episode=self._episode,
            index=index,
            skill='sawyer_reach',
            policy_version=1,
            layout_hash=self.task.layout.hash,
            observation=self.task.observe(state),
            action=action,
            applied_action=(0.5 * action).astype(np.float32),
            reward=outcome.reward if index else 0.0,
            reward_terms=outcome.terms if index else {},
            measures=outcome.measures,
            terminated=False,
            truncated=index == length,
        )


@pytest.fixture
def source():
    return StepSource()


@pytest.fixture
def make_source():
    return StepSource


@pytest.fixture
def change():
    """Return a function that copies a step with other fields."""
    return replace


@pytest.fixture
def small_options():
    return SMALL


@pytest.fixture
def write_bag(tmp_path):
    """Return a function that writes (topic, message) pairs into an MCAP file and returns its path.

    Log times are `step_ns` apart; the file holds no definitions, so types are as installed.
    """

    def write(messages, step_ns=1_000_000):
        path = tmp_path / 'bag.mcap'
        with path.open('wb') as file:
            writer = Writer(file)
            writer.start()
            channels = {}
            for number, (topic, message) in enumerate(messages):
                if topic not in channels:
                    package, kind, _ = type(message).__module__.split('.')
                    name = f'{package}/{kind}/{type(message).__name__}'
                    schema = writer.register_schema(name, 'ros2msg', b'')
                    channels[topic] = writer.register_channel(topic, 'cdr', schema)
                stamp = number * step_ns
                writer.add_message(channels[topic], stamp, serialize_message(message), stamp)
            writer.finish()
        return path

    return write


@pytest.fixture
def record_steps(tmp_path):
    """Return a function that writes steps into a bag as our recorder does; gives its path.

    Bytes stand for a message that is no step.
    """

    def record(steps, name='bag', **about):
        bag, kind = BagFile(tmp_path / name, about), 'maxent_msgs/msg/Step'
        bag.add_topic(Topic('/policy/step', kind, *Definitions().text_and_hash(kind)))
        for number, step in enumerate(steps, 1):
            is_raw = isinstance(step, bytes)
            data = step if is_raw else serialize_message(from_step_record(step))
            stamp = 10**18 + PERIOD_NS * number
            bag.write(Message('/policy/step', stamp, stamp, number, data))
        bag.close()
        return bag.path

    return record


@pytest.fixture
def make_trainer(source, small_options):
    def make(**settings):
        config = {'learning_starts': 20, 'algorithm_options': small_options, **settings}
        return Trainer('sawyer', source.task, TrainerConfig(**config))

    return make
