# SPDX-License-Identifier: Apache-2.0
"""Training and evaluating without ROS: same steps as in the graph, exact resume, same figures."""

import pytest

from maxent_learner.in_process import evaluate, make_environment, train_in_process
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.skill import load_skill
from maxent_robot import episode_seed


@pytest.fixture
def train(tmp_path, small_options):
    def run(name='run', episodes=None, resume=False, max_steps=60, **settings):
        finished = []
        config = RunConfig(
            task=settings.pop('task', 'reach'),
            task_options=('episode_steps=20', *settings.pop('task_options', ())),
            run_folder=str(tmp_path / name),
            skills_folder=str(tmp_path / name / 'skills'),
            resume=resume,
        )
        trainer_config = TrainerConfig(
            max_steps=max_steps, learning_starts=20, algorithm_options=small_options, **settings
        )
        return train_in_process(
            config,
            trainer_config,
            progress=lambda _, row: finished.append(row),
            should_stop=lambda: episodes is not None and len(finished) >= episodes,
            report=lambda text: None,
        )

    return run


def test_a_run_spends_its_steps_and_leaves_a_skill(train):
    run = train()
    assert (run.trainer.steps, run.trainer.updates, run.trainer.episodes.count) == (60, 40, 3)
    assert run.trainer.robot_time_s == pytest.approx(3.0)
    assert run.trainer.gaps == run.trainer.refused == 0
    assert load_skill(run.skill_folder).metadata.provenance['steps'] == 60


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_every_algorithm_trains_and_leaves_a_skill_that_can_be_evaluated(train, algorithm):
    run = train(algorithm=algorithm, max_steps=40, updates_per_step=1.0)
    assert (run.trainer.updates, run.trainer.rollbacks) == (20, 0)
    skill = load_skill(run.skill_folder)
    assert skill.metadata.algorithm == algorithm
    assert skill.tensors.keys() == run.trainer.algorithm.skill_tensors().keys()
    assert evaluate(skill, episodes=1, seed=0).as_dict()['mean_final_distance'] > 0.0


def test_a_run_whose_exploration_has_a_memory_resumes_bit_by_bit_too(train):
    straight = train('straight', algorithm='ddpg')
    train('parts', algorithm='ddpg', episodes=2)
    resumed = train('parts', algorithm='ddpg', resume=True)
    assert resumed.trainer.policy_payload() == straight.trainer.policy_payload()
    assert resumed.progress.rows == straight.progress.rows


def test_a_stopped_and_resumed_run_equals_one_that_never_stopped_bit_by_bit(train):
    straight = train('straight')
    train('parts', episodes=1)
    resumed = train('parts', resume=True)
    assert resumed.resumed
    assert resumed.trainer.policy_payload() == straight.trainer.policy_payload()
    ours, theirs = resumed.trainer._buffer.state(), straight.trainer._buffer.state()
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert resumed.progress.rows == straight.progress.rows


def test_another_seed_gives_other_episodes(train):
    one, other = train('one', seed=1), train('other', seed=2)
    assert one.progress.rows[0]['episode_return'] != other.progress.rows[0]['episode_return']


def test_the_first_observation_stored_is_that_of_the_first_episode(train):
    run = train()
    environment = make_environment('sawyer', 'reach', {'episode_steps': 20})
    environment.reset(seed=episode_seed(0, 0))
    state = run.trainer._buffer.state()
    assert state['first'][0]
    first, _ = environment.reset(seed=episode_seed(0, 0))
    assert (state['obs'][0] == first).all()


def test_an_evaluation_counts_successes_and_measures_distances(train):
    skill = load_skill(train().skill_folder)
    result = evaluate(skill, episodes=2, seed=7).as_dict()
    assert result == evaluate(skill, episodes=2, seed=7).as_dict()
    assert {key: result[key] for key in ('skill', 'robot', 'task', 'episodes', 'seed')} == {
        'skill': 'sawyer_reach',
        'robot': 'sawyer',
        'task': 'reach',
        'episodes': 2,
        'seed': 7,
    }
    assert 0.0 <= result['success_rate'] <= 1.0
    assert 0.0 < result['mean_final_distance'] <= result['worst_final_distance']


def test_a_skill_is_evaluated_with_the_options_that_it_was_trained_with(train):
    low, high = (
        load_skill(train(f'z{value}', task_options=(f'target=[0.6, 0.0, {value}]',)).skill_folder)
        for value in (0.15, 0.45)
    )
    distances = {evaluate(skill, 1, 0).as_dict()['mean_final_distance'] for skill in (low, high)}
    assert len(distances) == 2


def test_what_cannot_be_is_refused_by_name(train):
    with pytest.raises(ValueError, match="no simulation of robot 'wall_e'"):
        make_environment('wall_e', 'reach', {})
    with pytest.raises(ValueError, match='juggle'):
        train(task='juggle')
    skill = load_skill(train().skill_folder)
    with pytest.raises(ValueError, match='no episode was finished'):
        evaluate(skill, episodes=0, seed=0)
