# SPDX-License-Identifier: Apache-2.0
"""From a live topic through our recorder and a bag into a learner: nothing is lost or changed."""

from maxent_msgs.msg import Step
import numpy as np
import pytest
from rclpy.node import Node
from rclpy.serialization import serialize_message

from maxent_learner.bag_file import BagFile, Split
from maxent_learner.bag_metadata import Topic
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_recorder import BagRecorder
from maxent_learner.bag_steps import read_steps
from maxent_learner.mcap_output import Message
from maxent_learner.message_definitions import Definitions
from maxent_learner.step_order import StepCounts
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_ros import qos, topics
from maxent_ros.conversions import from_step_record

TIMEOUT_S = 60.0


class Talker(Node):
    """Publishes steps as the policy node does."""

    def __init__(self, **options):
        super().__init__('talker', **options)
        self.steps = self.create_publisher(Step, topics.STEP, qos.EXPERIENCE)


@pytest.fixture
def assert_same_buffer(source, small_options):
    """Return a function that compares what two learners have learned from, bit by bit."""

    def state(steps):
        trainer = Trainer('sawyer', source.task, TrainerConfig(algorithm_options=small_options))
        for step in steps:
            trainer.observe(step)
        return trainer._buffer.state()

    def assert_same_buffer(live, recorded):
        ours, theirs = state(live), state(recorded)
        assert ours.keys() == theirs.keys()
        for name, array in ours.items():
            assert np.asarray(array).tobytes() == np.asarray(theirs[name]).tobytes(), name

    return assert_same_buffer


@pytest.mark.ros
def test_a_recorded_run_fills_the_buffer_as_the_live_one_did(
    ros, source, assert_same_buffer, tmp_path
):
    talker = ros.add(Talker)
    recorder = ros.add(BagRecorder, parameters={'folder': str(tmp_path / 'bag')})
    ros.spin_until(lambda: talker.steps.get_subscription_count() > 0, TIMEOUT_S)
    steps = source.steps(10)
    for step in steps:
        talker.steps.publish(from_step_record(step))
    ros.spin_until(lambda: recorder.counts.get('/policy/step') == len(steps), TIMEOUT_S)
    ros.remove(recorder)
    counts = StepCounts()
    reader = BagReader(tmp_path / 'bag')
    assert_same_buffer(steps, list(read_steps(reader, counts)))
    assert counts == StepCounts(steps=len(steps), episodes=10)
    assert (reader.damage, reader.notes) == ([], [])


def test_a_recording_in_several_files_is_read_as_one(source, assert_same_buffer, tmp_path):
    bag = BagFile(tmp_path / 'bag', {'robot': 'sawyer'}, Split(duration_s=1.0))
    name = 'maxent_msgs/msg/Step'
    bag.add_topic(Topic('/policy/step', name, *Definitions().text_and_hash(name)))
    steps = source.steps(10)
    for number, step in enumerate(steps):
        stamp = 10**18 + 50_000_000 * number
        data = serialize_message(from_step_record(step))
        bag.write(Message('/policy/step', stamp, stamp, number + 1, data))
    bag.close()
    reader = BagReader(tmp_path / 'bag')
    assert len(reader.files) > 4
    assert reader.about == {'robot': 'sawyer'}
    assert_same_buffer(steps, list(read_steps(reader)))
    assert [m.sequence for m in reader.messages()] == list(range(1, len(steps) + 1))
    assert (reader.damage, reader.notes) == ([], [])
