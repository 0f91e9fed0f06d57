# SPDX-License-Identifier: Apache-2.0
"""What is learned from, how often, and what happens when learning diverges."""

import numpy as np
import pytest
import torch
from trainer_checks import learn, seeing_trainer

from maxent_learner.trainer import MAX_ROLLBACKS, SNAPSHOT_EVERY, StepError
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.diverged import DivergedError
from maxent_rl.weights import decode


def stored(trainer):
    return trainer._buffer.state()


def test_it_learns_from_the_applied_action_and_not_from_the_desired_one(make_trainer, source):
    trainer = make_trainer()
    steps = source.episode()
    learn(trainer, steps)
    expected = [step.applied_action for step in steps[1:]]
    np.testing.assert_array_equal(stored(trainer)['action'][1:], expected)
    assert not np.array_equal(steps[1].action, steps[1].applied_action)


def test_an_episode_gives_one_transition_less_than_it_has_steps(make_trainer, source):
    trainer = make_trainer()
    learn(trainer, source.episode(length=10))
    assert trainer.steps == len(trainer._buffer) == 10
    assert trainer.robot_time_s == pytest.approx(0.5)
    assert trainer.episodes.count == 1


def test_a_gap_in_index_makes_no_transition_across_it(make_trainer, source):
    trainer = make_trainer()
    steps = source.episode(length=10)
    lost = [step for step in steps if step.index not in (4, 5)]
    learn(trainer, lost)
    assert trainer.gaps == 1
    assert trainer.steps == 7  # 1-3 and 7-10
    state = stored(trainer)
    np.testing.assert_array_equal(np.flatnonzero(state['first']), [0, 4])
    np.testing.assert_array_equal(state['obs'][4], steps[6].observation)
    assert trainer.robot_time_s == pytest.approx(0.35)
    assert not trainer.episodes.last.whole


@pytest.mark.parametrize('field', ['session_id', 'episode'])
def test_another_session_or_episode_makes_no_transition_even_if_the_index_goes_on(
    make_trainer, source, change, field
):
    trainer = make_trainer()
    steps = source.episode(length=4)
    other = {'session_id': 'restarted'} if field == 'session_id' else {'episode': 77}
    learn(trainer, [*steps[:2], *(change(step, **other) for step in steps[2:])])
    assert trainer.steps == 3  # index 1; index 2 begins anew; 3 and 4
    assert trainer.gaps == 1


def test_a_step_delivered_twice_counts_once(make_trainer, source):
    trainer = make_trainer()
    for step in source.episode(length=5)[:-1]:
        trainer.observe(step)
        trainer.observe(step)
    assert trainer.steps == 4
    assert trainer.gaps == 0


def test_the_loss_of_an_applied_action_begins_a_new_segment_of_the_same_episode(
    make_trainer, source, change
):
    trainer = make_trainer()
    steps = source.episode(length=6)
    empty = np.empty(0, np.float32)
    cut = change(steps[3], index=0, action=empty, applied_action=empty, reward=0.0)
    rest = [change(step, index=step.index - 3) for step in steps[4:]]
    learn(trainer, [*steps[:3], cut, *rest])
    assert trainer.steps == 5
    assert trainer.gaps == 0
    assert trainer.episodes.count == 1
    assert not trainer.episodes.last.whole


def test_truncation_bootstraps_and_termination_does_not(make_trainer, source, change):
    trainer = make_trainer()
    cut, ended = source.episode(length=3), source.episode(length=3)
    ended[-1] = change(ended[-1], terminated=True, truncated=False)
    learn(trainer, [*cut, *ended])
    state = stored(trainer)
    np.testing.assert_array_equal(np.flatnonzero(state['truncated']), [3])
    np.testing.assert_array_equal(np.flatnonzero(state['terminated']), [7])


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'layout_hash': 'other'}, 'layout other is not'),
        ({'observation': np.full(17, np.nan, np.float32)}, 'observation is not finite'),
        ({'observation': np.zeros(3, np.float32)}, r'shape \(3,\)'),
        ({'applied_action': np.full(7, np.nan, np.float32)}, 'applied_action'),
        ({'applied_action': np.full(7, 1.5, np.float32)}, 'applied_action'),
        ({'applied_action': np.zeros(6, np.float32)}, r'shape \(6,\)'),
        ({'reward': float('inf')}, 'reward'),
    ],
)
def test_a_step_that_cannot_be_learned_from_is_refused_and_cuts_the_segment(
    make_trainer, source, change, fields, reason
):
    trainer = make_trainer()
    steps = source.episode(length=5)
    learn(trainer, steps[:3])
    with pytest.raises(StepError, match=reason):
        trainer.observe(change(steps[3], **fields))
    assert trainer.refused == 1
    learn(trainer, steps[4:])
    assert trainer.steps == 3  # 1, 2 and 5: 4 begins anew
    assert np.isfinite(stored(trainer)['obs']).all()


@pytest.mark.parametrize('updates_per_step', [0.0, 0.5, 1.0, 2.0])
def test_the_pace_is_kept_exactly(make_trainer, source, updates_per_step):
    trainer = make_trainer(updates_per_step=updates_per_step, learning_starts=15)
    for step in source.steps(episodes=4):
        trainer.observe(step)
        while trainer.updates_due() > 0:
            trainer.update()
        assert trainer.updates == int(max(0, trainer.steps - 15) * updates_per_step)
    assert trainer.steps == 40


def test_a_burst_of_steps_is_worked_off_and_a_pause_adds_no_updates(make_trainer, source):
    trainer = make_trainer(updates_per_step=2.0)
    for step in source.steps(episodes=4):
        trainer.observe(step)
    assert trainer.updates_due() == 2 * (40 - 20)
    for _ in range(40):
        trainer.update()
    assert trainer.updates_due() == 0


def test_a_policy_is_due_for_publishing_every_so_many_steps_once_it_has_learned(
    make_trainer, source
):
    trainer = make_trainer(publish_every=10, learning_starts=20)
    published = []
    for step in source.steps(episodes=5):
        trainer.observe(step)
        while trainer.updates_due() > 0:
            trainer.update()
        if trainer.publish_due:
            published.append((trainer.steps, trainer.next_version()))
    assert published == [(21, 2), (31, 3), (41, 4)]


def test_the_payload_is_the_policy_and_nothing_else(make_trainer):
    trainer = make_trainer()
    tensors = decode(trainer.policy_payload())
    ours = trainer.algorithm.policy_tensors()
    assert tensors.keys() == ours.keys()
    assert all(torch.equal(tensors[name], ours[name]) for name in ours)
    assert all(name.startswith('policy.') for name in tensors)


def test_a_step_whose_image_is_none_is_refused_and_cuts_the_segment(
    make_source, small_options, change
):
    source = make_source(sees=True)
    trainer, steps = seeing_trainer(source, small_options), source.episode(length=5)
    learn(trainer, steps[:3])
    blurred = steps[3].observation.copy()
    blurred[-1] = 0.5
    with pytest.raises(StepError, match='its image holds numbers that are not n/255'):
        trainer.observe(change(steps[3], observation=blurred))
    learn(trainer, steps[4:])
    assert (trainer.refused, trainer.steps) == (1, 3)


@pytest.mark.parametrize('algorithm', [name for name in ALGORITHMS if name != 'sac'])
def test_a_task_with_images_is_refused_for_algorithms_that_see_none(
    make_source, small_options, algorithm
):
    with pytest.raises(ValueError, match=f'{algorithm} cannot learn from images'):
        seeing_trainer(make_source(sees=True), small_options, algorithm=algorithm)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_divergence_of_every_algorithm_rolls_back(make_trainer, source, algorithm):
    trainer = make_trainer(algorithm=algorithm)
    for step in source.steps(episodes=3):
        trainer.observe(step)
    good = trainer.policy_payload()
    poison(trainer)
    with pytest.raises(DivergedError):
        trainer.update()
    assert trainer.policy_payload() == good
    trainer.update()
    assert trainer.policy_payload() != good


def test_the_same_seed_learns_the_same_and_another_seed_something_else(make_trainer, make_source):
    steps = make_source().steps(episodes=4)
    one, same, other = make_trainer(seed=1), make_trainer(seed=1), make_trainer(seed=2)
    for trainer in (one, same, other):
        learn(trainer, steps)
    assert one.policy_payload() == same.policy_payload()
    assert one.policy_payload() != other.policy_payload()


def poison(trainer):
    """Put a number that is not finite where the next update stumbles over it."""
    with torch.no_grad():
        next(trainer.algorithm.policy.parameters()).fill_(float('nan'))


def test_divergence_rolls_back_to_the_last_good_state(make_trainer, source):
    trainer = make_trainer(updates_per_step=1.0)
    learn(trainer, source.steps(episodes=3 + SNAPSHOT_EVERY // 10))
    good = trainer.policy_payload()  # as of the snapshot: 10 updates ago at most
    updates = trainer.updates
    poison(trainer)
    with pytest.raises(DivergedError):
        trainer.update()
    assert trainer.rollbacks == 1
    assert trainer.updates == updates + 1
    restored = decode(trainer.policy_payload())
    assert all(torch.isfinite(tensor).all() for tensor in restored.values())
    before = decode(good)
    assert all(torch.allclose(restored[n], before[n], atol=0.05) for n in before)
    trainer.update()
    assert not trainer.hopeless


def test_divergence_again_and_again_is_hopeless(make_trainer, source):
    trainer = make_trainer()
    for step in source.steps(episodes=3):
        trainer.observe(step)
    for _ in range(MAX_ROLLBACKS):
        assert not trainer.hopeless
        poison(trainer)
        with pytest.raises(DivergedError):
            trainer.update()
    assert trainer.hopeless


def test_the_run_is_finished_when_its_steps_are_spent(make_trainer, source):
    trainer = make_trainer(max_steps=15)
    for step in source.steps(episodes=2):
        assert trainer.finished == (trainer.steps >= 15)
        trainer.observe(step)
    assert trainer.finished
