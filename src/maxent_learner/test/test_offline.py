# SPDX-License-Identifier: Apache-2.0
"""Skills learned from bags alone: what is drawn, the same each time, stopped and resumed."""

import itertools
import shutil

import numpy as np
import pytest

from maxent_learner import offline
from maxent_learner.offline import train_offline
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer import ResumeError
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.skill import load_skill

UPDATES = 30


@pytest.fixture
def bag(record_steps, source):
    return record_steps(source.steps(4), robot='sawyer', task='reach')


@pytest.fixture
def told():
    return []


@pytest.fixture
def train(tmp_path, small_options, told):
    """Return a function that trains from bags in a folder of its own."""

    def train(
        bags, name='run', *, updates=UPDATES, resume=False, algorithm='sac', stop=None, **settings
    ):
        config = RunConfig(
            bags=tuple(map(str, bags)),
            skill='poke',
            run_folder=str(tmp_path / name),
            skills_folder=str(tmp_path / name / 'skills'),
            resume=resume,
        )
        trainer_config = TrainerConfig(
            **{'algorithm': algorithm, 'algorithm_options': small_options, **settings}
        )
        should_stop = stop or (lambda: False)
        return train_offline(
            config, trainer_config, updates, should_stop=should_stop, report=told.append
        )

    return train


def after(updates):
    """Return a should_stop that is true once it was asked so often."""
    asked = itertools.count(1)
    return lambda: next(asked) > updates


def skill_of(run):
    return load_skill(run.skill_folder)


def assert_same_skill(one, other):
    ours, theirs = skill_of(one), skill_of(other)
    assert ours.metadata.sha256 == theirs.metadata.sha256
    assert ours.tensors.keys() == theirs.tensors.keys()
    for name, tensor in ours.tensors.items():
        assert tensor.numpy().tobytes() == theirs.tensors[name].numpy().tobytes(), name
    np.testing.assert_array_equal(ours.states.numpy(), theirs.states.numpy())
    assert ours.metadata.metrics == theirs.metadata.metrics


def test_the_same_seed_and_bag_give_the_same_skill_bit_by_bit(train, bag):
    one, two, other = train([bag], 'one'), train([bag], 'two'), train([bag], 'other', seed=1)
    assert_same_skill(one, two)
    assert skill_of(one).metadata.sha256 != skill_of(other).metadata.sha256


@pytest.mark.parametrize('algorithm', ['sac', 'soft_q'])
def test_stopped_in_the_middle_and_resumed_it_is_as_if_it_had_not_stopped(train, bag, algorithm):
    straight = train([bag], 'straight', algorithm=algorithm)
    stopped = train([bag], 'parts', algorithm=algorithm, stop=after(13))
    assert stopped.trainer.updates == 13
    assert not stopped.skill_folder.exists()
    resumed = train([bag], 'parts', algorithm=algorithm, resume=True)
    assert resumed.resumed
    assert resumed.run_id == stopped.run_id
    assert resumed.trainer.updates == UPDATES
    assert_same_skill(straight, resumed)


def test_killed_it_goes_on_from_the_newest_checkpoint(train, bag, monkeypatch):
    def kill():
        if next(asked) > 25:
            raise KeyboardInterrupt  # as of a process that dies: the run is not finished

    monkeypatch.setattr(offline, 'CHECKPOINT_EVERY', 10)
    straight, asked = train([bag], 'straight'), itertools.count(1)
    with pytest.raises(KeyboardInterrupt):
        train([bag], 'parts', stop=kill)
    resumed = train([bag], 'parts', resume=True)
    assert_same_skill(straight, resumed)


def test_other_data_in_the_bags_cannot_be_resumed(train, bag, record_steps, make_source):
    train([bag], stop=after(5))
    shutil.rmtree(bag)
    record_steps(make_source(1).steps(5), robot='sawyer', task='reach')
    with pytest.raises(ResumeError, match='recorded_transitions 40, this run 50'):
        train([bag], resume=True)


def test_a_finished_run_can_be_given_more_updates(train, bag):
    longer = train([bag], 'straight', updates=40)
    train([bag], 'parts')
    assert_same_skill(longer, train([bag], 'parts', updates=40, resume=True))


def test_the_skill_says_out_of_which_bags_it_came(train, record_steps, source):
    one = record_steps(source.steps(2), 'one', robot='sawyer', task='reach')
    two = record_steps(source.steps(3), 'two', robot='sawyer', task='reach')
    skill = skill_of(train([one, two]))
    origin = skill.metadata.provenance
    assert origin['bags'] == {str(one): 20, str(two): 30}
    assert origin['bag_share'] == 1.0
    assert (origin['steps'], origin['updates']) == (0, UPDATES)
    assert origin['robot_minutes'] == pytest.approx(50 * 0.05 / 60.0)


def test_the_skill_keeps_states_out_of_the_bags(train, record_steps, source):
    steps = source.steps(2)
    skill = skill_of(train([record_steps(steps)]))
    kept = {row.tobytes() for row in skill.states.numpy().astype(np.float16)}
    assert kept == {step.observation.astype(np.float16).tobytes() for step in steps}


def options_of(run):
    return skill_of(run).metadata.provenance['algorithm_options']


@pytest.mark.parametrize(
    ('algorithm', 'guard', 'weight'),
    [('sac', 'imitation_weight', 30.0), ('soft_q', 'conservative_weight', 0.3)],
)
def test_what_is_learned_from_bags_is_guarded_unless_it_is_told_not_to_be(
    train, bag, small_options, told, algorithm, guard, weight
):
    guarded = train([bag], 'default', algorithm=algorithm)
    assert options_of(guarded)[guard] == weight
    assert f'learning with {guard}={weight}: docs/bags.md says what for' in ' '.join(told)
    told.clear()
    options = (*small_options, f'{guard}=0')
    free = train([bag], 'free', algorithm=algorithm, algorithm_options=options)
    assert options_of(free)[guard] == 0
    assert guard not in ' '.join(told)
    assert skill_of(free).metadata.sha256 != skill_of(guarded).metadata.sha256


@pytest.mark.parametrize('algorithm', ['ddpg', 'naf'])
def test_algorithms_that_know_no_guard_learn_from_bags_without(train, bag, algorithm):
    learned = train([bag], algorithm=algorithm)
    assert skill_of(learned).metadata.algorithm == algorithm
    assert not {'imitation_weight', 'conservative_weight'} & options_of(learned).keys()


def test_steps_that_cannot_be_learned_from_are_counted_and_told(
    train, record_steps, source, change, told
):
    steps = source.steps(2)
    steps[3] = change(steps[3], reward=float('nan'))
    steps[15] = change(steps[15], applied_action=np.full(7, 2.0, np.float32))
    run = train([record_steps(steps, robot='sawyer', task='reach')])
    assert '2 steps of the bags cannot be learned from' in told
    assert run.trainer.recorded_transitions == 20 - 4
    assert skill_of(run).metadata.provenance['bags'] == {run.config.bags[0]: 16}


def test_what_the_bags_held_is_told(train, bag, told):
    train([bag])
    assert f'{bag}: steps as recorded: steps 44, episodes 4' in told


@pytest.mark.parametrize('bad', [[], 'nothing'])
def test_without_a_transition_there_is_nothing_to_learn_from(
    train, record_steps, source, change, bad
):
    nothing = np.full(17, np.nan, np.float32)
    steps = [change(step, observation=nothing) for step in source.steps(1)] if bad else []
    path = record_steps([*steps, source.episode()[0]])
    with pytest.raises(ValueError, match='the bags hold no transition that can be learned from'):
        train([path])


def test_no_bags_and_no_updates_are_refused(train, bag):
    with pytest.raises(ValueError, match='no bags were given'):
        train([])
    with pytest.raises(ValueError, match='updates must be at least 1, is 0'):
        train([bag], updates=0)


def test_progress_is_told_every_so_often_and_at_the_end(bag, tmp_path, small_options, monkeypatch):
    monkeypatch.setattr(offline, 'TELL_EVERY', 10)
    seen = []
    train_offline(
        RunConfig(bags=(str(bag),), run_folder=str(tmp_path), skills_folder=str(tmp_path / 's')),
        TrainerConfig(algorithm_options=small_options),
        25,
        lambda run: seen.append((run.trainer.updates, np.isfinite(run.trainer.metrics['q_loss']))),
        report=lambda text: None,
    )
    assert seen == [(10, True), (20, True), (25, True)]
