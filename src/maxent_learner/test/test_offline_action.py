# SPDX-License-Identifier: Apache-2.0
"""Learning from bags as an action over real DDS: done, refused, cancelled, one at a time."""

from pathlib import Path

from action_msgs.msg import GoalStatus
from maxent_msgs.action import ExtractComposition, TrainOffline
import numpy as np
import pytest
from rclpy.action import ActionClient
from rclpy.node import Node

from maxent_learner import offline
from maxent_learner.extractor_node import ExtractorNode
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import list_skills, load_skill
from maxent_ros import topics

pytestmark = pytest.mark.ros

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
ENDLESS = 10_000_000  # updates: cancelled before


@pytest.fixture
def root(tmp_path):
    """A folder for skills; one is called 'taken'."""
    folder = tmp_path / 'skills'
    (folder / 'taken').mkdir(parents=True)
    return folder


@pytest.fixture
def server(ros, root):
    return ros.add(ExtractorNode, parameters={'skills_folder': str(root)})


class Person(Node):
    """Asks for trainings."""

    def __init__(self, **options):
        super().__init__('person', **options)
        self.client = ActionClient(self, TrainOffline, topics.TRAIN_OFFLINE)
        self.feedback = []

    def send(self, **fields):
        goal = TrainOffline.Goal(**fields)
        return self.client.send_goal_async(goal, lambda m: self.feedback.append(m.feedback))


@pytest.fixture
def person(ros, server):
    return ros.add(Person)


@pytest.fixture
def ask(ros, person, small_options):
    """Ask for a training; returns its handle."""

    def ask(**fields):
        ros.spin_until(person.client.server_is_ready)
        defaults = {
            'bags': [str(RECORDED)],
            'new_name': 'made',
            'updates': 20,
            'algorithm_options': list(small_options),
        }
        sent = person.send(**{**defaults, **fields})
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


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folder in which temporary ones are made, of this test alone."""
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    return folder


def test_a_bag_becomes_a_skill_and_the_progress_is_told(
    folders, person, ask, answer_of, root, monkeypatch
):
    monkeypatch.setattr(offline, 'TELL_EVERY', 10)
    answer = answer_of(ask(updates=30, seed=3))
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.success, answer.result.message
    assert answer.result.message == f'made is a skill in {root / "made"}'
    about = load_skill(root / 'made').metadata
    assert about.sha256 == answer.result.sha256
    assert (about.robot, about.task, about.algorithm) == ('sawyer', 'reach_plane', 'sac')
    assert about.provenance['task_options']['value'] == 0.15
    assert about.provenance['bags'] == {str(RECORDED): 84}
    assert (about.provenance['seed'], about.provenance['updates']) == (3, 30)
    last = person.feedback[-1]
    assert (last.transitions, last.updates, last.total) == (84, 30, 30)
    assert np.isfinite([last.q_loss, last.q_mean]).all()
    assert list(folders.iterdir()) == []


def test_the_skill_is_the_one_that_is_made_without_ros(ask, answer_of, tmp_path, small_options):
    config = RunConfig(
        task='reach_plane',
        task_options=('axis=z', 'value=0.15', 'start_noise=0.2', 'episode_steps=42'),
        bags=(str(RECORDED),),
        skill='mine',
        run_folder=str(tmp_path / 'run'),
        skills_folder=str(tmp_path / 'mine'),
    )
    trainer_config = TrainerConfig(algorithm_options=small_options)
    run = offline.train_offline(config, trainer_config, 20, report=list)
    assert answer_of(ask()).result.sha256 == load_skill(run.skill_folder).metadata.sha256


def test_the_goal_says_of_which_task_and_algorithm_if_not_that_of_the_bag(ask, answer_of, root):
    fields = {'task': 'reach', 'task_options': ['target=[0.6,0.0,0.2]'], 'algorithm': 'soft_q'}
    answer = answer_of(ask(updates=5, **fields))
    assert answer.result.success, answer.result.message
    about = load_skill(root / 'made').metadata
    assert (about.task, about.algorithm) == ('reach', 'soft_q')
    assert about.provenance['task_options'] == {'target': [0.6, 0.0, 0.2]}


def test_options_of_the_bags_task_are_not_those_of_another_task(ask, answer_of, root):
    answer = answer_of(ask(updates=5, task='reach'))
    assert answer.result.success, answer.result.message
    assert load_skill(root / 'made').metadata.provenance['task_options'] == {}


def test_cancelled_it_saves_nothing_and_another_one_may_follow(
    ros, folders, person, ask, answer_of, root
):
    handle = ask(new_name='never', updates=ENDLESS)
    ros.spin_until(lambda: person.feedback, 30.0)
    refused = answer_of(ask(new_name='second'))
    assert refused.status == GoalStatus.STATUS_ABORTED
    assert not refused.result.success
    assert 'another offline_training is under way: wait for it' in refused.result.message
    handle.cancel_goal_async()
    answer = answer_of(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert (answer.result.success, answer.result.sha256) == (False, '')
    assert answer.result.message == 'cancelled; nothing was saved'
    assert not (root / 'never').exists()
    assert list(folders.iterdir()) == []
    assert answer_of(ask(new_name='second')).result.success
    assert [about.name for about in list_skills(root)] == ['second']


def test_the_node_offers_extraction_too_while_it_learns(ros, person, ask, answer_of):
    handle = ask(updates=ENDLESS)
    ros.spin_until(lambda: person.feedback, 30.0)
    client = ActionClient(person, ExtractComposition, topics.EXTRACT_COMPOSITION)
    ros.spin_until(client.server_is_ready)
    sent = client.send_goal_async(ExtractComposition.Goal(names=['a', 'b'], new_name='ab'))
    ros.spin_until(sent.done)
    assert 'there is no skill.json' in answer_of(sent.result()).result.message
    handle.cancel_goal_async()
    assert answer_of(handle).status == GoalStatus.STATUS_CANCELED


def test_closed_at_work_it_ends_and_saves_nothing(ros, server, person, ask, root):
    ask(updates=ENDLESS)
    ros.spin_until(lambda: person.feedback, 30.0)
    ros.remove(server)
    assert not any(action._busy.locked() for action in server._actions)
    assert not (root / 'made').exists()


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'bags': ['/nowhere/bag']}, 'there is no bag /nowhere/bag: give a rosbag2 folder'),
        ({'bags': [str(RECORDED), '/nowhere/bag']}, 'there is no bag /nowhere/bag'),
        ({'bags': []}, 'no bags were given'),
        ({'robot': 'dclaw', 'task': 'turn'}, 'with robot sawyer, this run is for dclaw'),
        ({'robot': 'r2d2'}, 'sawyer'),
        ({'task': 'dance'}, 'known tasks: reach'),
        ({'task_options': ['colour=red']}, "no option 'colour'; known options: axis"),
        ({'task_options': ['red']}, "must have the form 'name=value'"),
        ({'algorithm': 'ppo'}, "'sac'"),
        ({'algorithm_options': ['particles=8']}, "unknown options ['particles'] of sac; known"),
        ({'algorithm_options': ['discount=2']}, 'discount'),
        ({'new_name': 'taken'}, 'there is a skill called taken already: take another name'),
        ({'new_name': '../up'}, 'not a skill name'),
        ({'new_name': ''}, 'not a skill name'),
        ({'updates': 0}, 'updates must be 1 to 10000000, is 0'),
        ({'updates': 10_000_001}, 'updates must be 1 to 10000000, is 10000001'),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(ask, answer_of, root, fields, reason):
    before = sorted(root.iterdir())
    answer = answer_of(ask(**fields))
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert not answer.result.success
    assert reason in answer.result.message
    assert '\n' not in answer.result.message
    assert sorted(root.iterdir()) == before
