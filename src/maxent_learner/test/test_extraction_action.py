# SPDX-License-Identifier: Apache-2.0
"""Extraction of a composition as an action over real DDS: done, refused, cancelled."""

from dataclasses import replace
from pathlib import Path

from action_msgs.msg import GoalStatus
from maxent_msgs.action import ExtractComposition
import numpy as np
import pytest
from rclpy.action import ActionClient
from rclpy.node import Node

from maxent_learner import extraction_action
from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_steps import read_steps
from maxent_learner.extractor_node import ExtractorNode
from maxent_learner.learner_node import LearnerNode
from maxent_learner.skill_export import make_skill
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import list_skills, load_skill, save_skill
from maxent_ros import topics

pytestmark = pytest.mark.ros

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
CREATED = '2026-11-26T15:00:00+00:00'


@pytest.fixture
def root(tmp_path, source, small_options):
    """A folder with the untrained skills a, b (SAC, soft Q-learning) and c (without states)."""
    folder = tmp_path / 'skills'
    steps = source.steps(3)
    for seed, (name, algorithm) in enumerate({'a': 'sac', 'b': 'soft_q', 'c': 'sac'}.items()):
        config = TrainerConfig(algorithm=algorithm, algorithm_options=small_options, seed=seed)
        trainer = Trainer('sawyer', source.task, config)
        for step in steps:
            trainer.observe(step)
        skill = make_skill(trainer, source.spec, name, {}, {'task_options': {}}, CREATED)
        save_skill(folder / name, replace(skill, states=None) if name == 'c' else skill)
    return folder


@pytest.fixture
def extractor(ros, root):
    return ros.add(ExtractorNode, parameters={'skills_folder': str(root)})


class Person(Node):
    """Asks for extractions."""

    def __init__(self, **options):
        super().__init__('person', **options)
        self.client = ActionClient(self, ExtractComposition, topics.EXTRACT_COMPOSITION)
        self.feedback = []

    def send(self, **fields):
        goal = ExtractComposition.Goal(**{'names': ['a', 'b'], 'new_name': 'ab', **fields})
        return self.client.send_goal_async(goal, lambda m: self.feedback.append(m.feedback))


@pytest.fixture
def person(ros):
    return ros.add(Person)


@pytest.fixture
def ask(ros, person):
    """Ask for an extraction; returns its handle."""

    def ask(**fields):
        ros.spin_until(person.client.server_is_ready)
        sent = person.send(**fields)
        ros.spin_until(sent.done)
        return sent.result()

    return ask


@pytest.fixture
def answer_of(ros):
    """Wait for the result of a handle."""

    def answer_of(handle):
        future = handle.get_result_async()
        ros.spin_until(future.done, 60.0)
        return future.result()

    return answer_of


def test_two_skills_become_a_third_one_and_the_progress_is_told(
    extractor, person, ask, answer_of, root
):
    answer = answer_of(ask(steps=30))
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.success, answer.result.message
    made = load_skill(root / 'ab')
    assert made.metadata.sha256 == answer.result.sha256
    assert made.metadata.algorithm == 'sac'
    assert list(made.metadata.provenance['extracted_from']) == ['a', 'b']
    assert person.feedback[-1].steps == person.feedback[-1].total == 30
    again = answer_of(ask(steps=30))
    assert again.status == GoalStatus.STATUS_ABORTED
    assert 'there is a skill called ab already' in again.result.message


def test_with_bags_it_is_fitted_on_what_was_observed_there_and_keeps_that(
    extractor, ask, answer_of, root
):
    answer = answer_of(ask(names=['a', 'c'], new_name='of_bags', steps=5, bags=[str(RECORDED)]))
    assert answer.result.success, answer.result.message
    made = load_skill(root / 'of_bags')
    seen = [step.observation for step in read_steps(BagReader(RECORDED))]
    kept = {row.tobytes() for row in made.states.numpy().astype(np.float16)}
    assert kept == {observation.astype(np.float16).tobytes() for observation in seen}
    assert made.metadata.provenance['bags'] == [str(RECORDED)]


def test_of_long_bags_states_are_taken_evenly(
    extractor, ask, answer_of, root, record_steps, source, monkeypatch
):
    monkeypatch.setattr(extraction_action, 'MOST_STATES', 10)
    steps = source.steps(4)
    bags = [str(record_steps(steps[:22], 'one')), str(record_steps(steps[22:], 'two'))]
    assert answer_of(ask(new_name='of_bags', steps=2, bags=bags)).result.success
    kept = load_skill(root / 'of_bags').states.numpy()
    wanted = np.stack([step.observation for step in steps[::5]])
    np.testing.assert_array_equal(kept.astype(np.float16), wanted.astype(np.float16))


def test_a_bag_of_another_layout_is_refused_and_nothing_is_saved(
    extractor, ask, answer_of, root, record_steps, source, change
):
    steps = [change(step, layout_hash='strange') for step in source.steps(1)]
    path = record_steps(steps, 'strange')
    answer = answer_of(ask(new_name='not_to_be', bags=[str(RECORDED), str(path)]))
    assert answer.status == GoalStatus.STATUS_ABORTED
    layout_hash = source.task.layout.hash
    assert answer.result.message == f'{path} holds no step with observation layout {layout_hash}'
    assert not (root / 'not_to_be').exists()


def test_a_learner_serves_it_too_while_it_waits_for_steps(ros, tmp_path, root, ask, answer_of):
    ros.add(
        LearnerNode,
        parameters={'run_folder': str(tmp_path / 'run'), 'skills_folder': str(root)},
    )
    assert answer_of(ask(new_name='of_the_learner', steps=5)).result.success


def test_cancelled_it_leaves_nothing_and_another_one_may_follow(
    ros, extractor, person, ask, answer_of, root
):
    handle = ask(new_name='never', steps=100_000)
    ros.spin_until(lambda: person.feedback, 20.0)
    refused = answer_of(ask(new_name='second', steps=5))
    assert 'another extraction is under way' in refused.result.message
    handle.cancel_goal_async()
    answer = answer_of(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert 'nothing was saved' in answer.result.message
    assert answer_of(ask(new_name='second', steps=5)).result.success
    assert 'never' not in [about.name for about in list_skills(root)]


def test_closed_at_work_it_ends_at_once(ros, extractor, person, ask):
    ask(new_name='never', steps=100_000)
    ros.spin_until(lambda: person.feedback, 20.0)
    ros.remove(extractor)
    assert not extractor._actions[0]._busy.locked()


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'names': ['a', 'juggling']}, 'juggling'),
        ({'names': ['a']}, 'at least two are needed'),
        ({'names': ['a', 'c']}, r"skills ['c'] hold no states"),
        ({'weights': [1.0, -1.0]}, 'weights: must be positive'),
        ({'weights': [1.0]}, 'one for each of 2 skills'),
        ({'mode': 'xor'}, 'mode: must be one of'),
        ({'new_name': '../up'}, 'not a skill name'),
        ({'new_name': 'a'}, 'there is a skill called a already'),
        ({'bags': ['/nowhere/bag']}, 'there is no bag /nowhere/bag: give a rosbag2 folder'),
        ({'steps': 0}, 'steps must be 1 to 100000, is 0'),
        ({'steps': 100_001}, 'steps must be 1 to 100000, is 100001'),
    ],
)
def test_what_cannot_be_extracted_is_refused_with_the_reason(
    extractor, ask, answer_of, root, fields, reason
):
    before = list_skills(root)
    answer = answer_of(ask(**{'new_name': 'not_to_be', **fields}))
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert not answer.result.success
    assert reason in answer.result.message
    assert list_skills(root) == before
