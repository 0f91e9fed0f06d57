# SPDX-License-Identifier: Apache-2.0
"""What is learned from, how often, and that a resumed run equals one that never stopped."""

from dataclasses import replace
import os

import numpy as np
import pytest
import torch

from maxent_learner.experience import Experience
from maxent_learner.trainer import MAX_ROLLBACKS, SNAPSHOT_EVERY, ResumeError, StepError, Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.diverged import DivergedError
from maxent_rl.weights import decode


@pytest.fixture
def make_trainer(source, small_options):
    def make(**settings):
        config = {'learning_starts': 20, 'algorithm_options': small_options, **settings}
        return Trainer('sawyer', source.task, TrainerConfig(**config))

    return make


def learn(trainer, steps):
    for step in steps:
        trainer.observe(step)
        while trainer.updates_due() > 0:
            trainer.update()


def everything(trainer):
    """All numbers of a trainer, to compare two of them bit by bit."""
    tensors, scalars = trainer.algorithm.state()
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    arrays |= trainer._buffer.state()
    return arrays, scalars, trainer._rng.bit_generator.state, trainer.metrics


def assert_same(one, other):
    arrays, *rest = everything(one)
    other_arrays, *other_rest = everything(other)
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name], err_msg=name)
    assert rest == other_rest


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


@pytest.mark.parametrize('cut', [44, 47])  # between episodes, and within one
def test_a_resumed_run_equals_one_that_never_stopped_bit_by_bit(
    make_trainer, make_source, tmp_path, cut
):
    straight, first, second = make_trainer(), make_trainer(), make_trainer()
    steps = make_source(seed=3).steps(episodes=8)
    learn(straight, steps)
    learn(first, steps[:cut])
    first.next_version()
    first.save(tmp_path / 'checkpoint')
    assert second.resume(tmp_path / 'checkpoint')
    assert_same(first, second)
    assert second.version == first.version
    assert second.episodes == first.episodes
    learn(second, steps[cut:])
    assert_same(straight, second)
    assert (second.steps, second.updates, second.gaps) == (80, 120, 0)
    assert second.robot_time_s == straight.robot_time_s


@pytest.mark.parametrize('algorithm', [name for name in ALGORITHMS if name != 'sac'])
def test_a_run_of_every_algorithm_resumes_bit_by_bit(
    make_trainer, make_source, tmp_path, algorithm
):
    straight, first, second = (make_trainer(algorithm=algorithm) for _ in range(3))
    steps = make_source(seed=3).steps(episodes=6)
    learn(straight, steps)
    learn(first, steps[:47])
    first.save(tmp_path / 'checkpoint')
    assert second.resume(tmp_path / 'checkpoint')
    assert_same(first, second)
    learn(second, steps[47:])
    assert_same(straight, second)
    assert second.updates == 80


@pytest.mark.parametrize('sees', [False, True])
def test_a_run_whose_ring_is_full_resumes_bit_by_bit_again_and_again(
    make_source, small_options, tmp_path, sees
):
    source = make_source(seed=3, sees=sees)
    straight, parts = (seeing_trainer(source, small_options, buffer_capacity=40) for _ in range(2))
    steps = source.steps(episodes=12)
    learn(straight, steps)
    for start in range(0, len(steps), 19):
        learn(parts, steps[start : start + 19])
        parts.save(tmp_path / 'checkpoint')
        parts = seeing_trainer(source, small_options, buffer_capacity=40)
        assert parts.resume(tmp_path / 'checkpoint')
    assert_same(straight, parts)
    assert torch.equal(straight.recorded_states(9), parts.recorded_states(9))
    assert len(stored(parts)['reward']) == 40


def test_the_policy_version_of_every_step_is_stored_and_resumed(
    make_trainer, source, change, tmp_path
):
    first, second = make_trainer(), make_trainer()
    steps = source.episode(length=5)
    learn(first, [change(step, policy_version=10 + step.index) for step in steps])
    first.save(tmp_path / 'checkpoint')
    second.resume(tmp_path / 'checkpoint')
    for trainer in (first, second):
        assert stored(trainer)['policy_version'].tolist() == [0, 11, 12, 13, 14, 15]


def replay_files(folder):
    return sorted((folder / 'replay').iterdir())


def test_a_checkpoint_holds_no_experience_and_the_segments_each_step_once(
    make_trainer, source, tmp_path
):
    trainer = make_trainer()
    learn(trainer, source.steps(episodes=3))
    trainer.save(tmp_path / 'checkpoint')
    found = load_newest_checkpoint(tmp_path / 'checkpoint')
    assert all(name.startswith('algorithm.') for name in found.tensors)
    assert found.scalars['replay']['written'] == 33
    (segment,) = replay_files(tmp_path)
    size = segment.stat().st_size
    trainer.save(tmp_path / 'checkpoint')
    assert segment.stat().st_size == size


def test_what_came_after_the_checkpoint_is_not_part_of_the_resumed_run(
    make_trainer, make_source, tmp_path
):
    steps = make_source(seed=3).steps(episodes=8)
    straight, killed, resumed = make_trainer(), make_trainer(), make_trainer()
    learn(straight, steps)
    learn(killed, steps[:47])
    killed.save(tmp_path / 'checkpoint')
    learn(killed, steps[50:70])  # other steps than those that will follow
    killed._segments.append(killed._buffer)  # killed before the checkpoint itself
    assert resumed.resume(tmp_path / 'checkpoint')
    learn(resumed, steps[47:60])
    resumed.save(tmp_path / 'checkpoint')
    again = make_trainer()
    assert again.resume(tmp_path / 'checkpoint')
    learn(again, steps[60:])
    assert_same(straight, again)


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize('damage', ['flipped', 'truncated', 'gone'])
def test_fault_23_damaged_experience_is_counted_and_learning_goes_on(
    make_trainer, make_source, tmp_path, damage
):
    steps = make_source(seed=3).steps(episodes=8)
    first, reports = make_trainer(), []
    learn(first, steps[:30])
    first.save(tmp_path / 'checkpoint')
    learn(first, steps[30:47])  # ends within an episode
    first.save(tmp_path / 'checkpoint')
    (segment,) = replay_files(tmp_path)
    size = segment.stat().st_size
    if damage == 'gone':
        segment.unlink()
    elif damage == 'truncated':
        os.truncate(segment, size - 9)
    else:
        flip(segment, size - 9)
    second = make_trainer()
    assert second.resume(tmp_path / 'checkpoint', reports.append)
    lost = 42 if damage == 'gone' else 15
    assert second.lost_transitions == lost
    assert len(second._buffer) == len(first._buffer) - lost
    assert f'{lost} of 42 transitions' in reports[0]
    assert (second.steps, second.updates) == (42, first.updates)
    learn(second, steps[47:])
    assert second.steps == 79  # all but that after the hole, which begins a new segment
    assert second.updates == 2 * (79 - 20)
    second.save(tmp_path / 'checkpoint')
    third = make_trainer()
    assert third.resume(tmp_path / 'checkpoint', reports.append)
    assert_same(second, third)
    assert third.lost_transitions == lost
    assert len(reports) == 1


def test_a_damaged_newest_checkpoint_leaves_the_one_before_with_all_its_experience(
    make_trainer, make_source, tmp_path
):
    steps = make_source(seed=3).steps(episodes=8)
    first, second, straight = make_trainer(), make_trainer(), make_trainer()
    for part in (steps[:30], steps[30:47]):
        learn(first, part)
        first.save(tmp_path / 'checkpoint')
    flip(tmp_path / 'checkpoint' / 'checkpoint-00000002' / 'tensors.safetensors', 99)
    assert second.resume(tmp_path / 'checkpoint')
    assert second.lost_transitions == 0
    learn(second, steps[30:])
    learn(straight, steps)
    assert_same(straight, second)


def test_a_checkpoint_of_an_earlier_version_is_refused_by_name(make_trainer, tmp_path):
    make_trainer().save(tmp_path / 'checkpoint')
    path = tmp_path / 'checkpoint' / 'checkpoint-00000001' / 'manifest.json'
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
    with pytest.raises(ResumeError, match='schema 1, this reads 2'):
        make_trainer().resume(tmp_path / 'checkpoint')


def seeing_trainer(source, options, **settings):
    config = {'learning_starts': 20, 'algorithm_options': options, **settings}
    return Trainer('sawyer', source.task, TrainerConfig(**config))


def test_a_run_that_sees_images_resumes_bit_by_bit(make_source, small_options, tmp_path):
    source = make_source(seed=3, sees=True)
    straight, first, second = (seeing_trainer(source, small_options) for _ in range(3))
    assert straight.algorithm.policy.image == source.task.layout.image == (8, 8, 3)
    steps = source.steps(episodes=6)
    learn(straight, steps)
    learn(first, steps[:47])
    first.save(tmp_path / 'checkpoint')
    assert second.resume(tmp_path / 'checkpoint')
    learn(second, steps[47:])
    assert_same(straight, second)
    assert stored(second)['image'].shape == (66, 8 * 8 * 3)
    whole = second.recorded_states(66).numpy()
    assert {row.tobytes() for row in whole} == {step.observation.tobytes() for step in steps}


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


def test_there_is_nothing_to_resume_in_an_empty_folder(make_trainer, tmp_path):
    assert not make_trainer().resume(tmp_path / 'none')


@pytest.mark.parametrize(
    'settings', [{'seed': 5}, {'buffer_capacity': 1000}, {'algorithm': 'naf'}]
)
def test_a_checkpoint_of_other_settings_is_refused_by_name(make_trainer, tmp_path, settings):
    make_trainer().save(tmp_path / 'checkpoint')
    with pytest.raises(ResumeError, match=next(iter(settings))):
        make_trainer(**settings).resume(tmp_path / 'checkpoint')


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


def experience_of(source, steps):
    """Return recorded experience that can be told from what comes in live: its rewards are 1."""
    recorded = Experience(source.task, 1000)
    for step in steps:
        recorded.take(replace(step, reward=float(step.index > 0)))
    return recorded


@pytest.mark.parametrize(('share', 'recorded'), [(1.0, 8), (0.5, 4), (0.25, 2), (0.9, 7)])
def test_so_much_of_every_batch_is_drawn_from_bags(make_trainer, source, share, recorded):
    trainer = make_trainer()
    for step in source.steps(2):
        trainer.observe(step)
    trainer.use_recorded(experience_of(source, source.steps(3)), share)
    for _ in range(20):
        batch = trainer._batch()
        assert batch.reward.shape == (8,)
        assert batch.obs.shape == batch.next_obs.shape == (8, 17)
        assert (batch.reward == 1.0).sum() == recorded
        assert (batch.reward[:recorded] == 1.0).all()


def test_from_bags_alone_it_learns_before_a_live_step_has_come(make_trainer, source):
    trainer = make_trainer()
    trainer.use_recorded(experience_of(source, source.steps(2)), 1.0)
    assert (trainer._batch().reward == 1.0).all()
    assert trainer.update().keys() >= {'q_loss', 'q_mean'}
    assert (trainer.steps, trainer.recorded_transitions, trainer.updates) == (0, 20, 1)
    assert trainer.robot_time_s == pytest.approx(1.0)


@pytest.mark.parametrize('share', [0.0, -0.1, 1.01, float('nan')])
def test_a_share_of_recorded_experience_that_cannot_be_is_refused(make_trainer, source, share):
    recorded = experience_of(source, source.steps(1))
    with pytest.raises(ValueError, match=r'must be in \(0, 1\], is'):
        make_trainer().use_recorded(recorded, share)


def test_recorded_experience_without_a_transition_is_refused(make_trainer, source):
    recorded = experience_of(source, source.episode()[:1])
    with pytest.raises(ValueError, match='no transition that can be learned from'):
        make_trainer().use_recorded(recorded, 0.5)


def test_with_recorded_experience_a_resumed_run_equals_one_that_never_stopped(
    make_trainer, make_source, tmp_path
):
    source = make_source(seed=3)
    recorded, steps = source.steps(2), source.steps(6)
    straight, first, second, lacking = (make_trainer() for _ in range(4))
    for trainer in (straight, first, second):
        trainer.use_recorded(experience_of(source, recorded), 0.5)
    learn(straight, steps)
    learn(first, steps[:47])
    first.save(tmp_path / 'checkpoint')
    assert second.resume(tmp_path / 'checkpoint')
    learn(second, steps[47:])
    assert_same(straight, second)
    assert (second.steps, second.updates, second.recorded_transitions) == (60, 80, 20)
    with pytest.raises(ResumeError, match='recorded_transitions 20, this run 0'):
        lacking.resume(tmp_path / 'checkpoint')


def test_states_are_those_that_were_seen_live_and_recorded_ones_only_before_that(
    make_trainer, source
):
    trainer, recorded, steps = make_trainer(), source.steps(1), source.steps(1)
    trainer.use_recorded(experience_of(source, recorded), 0.5)

    def kept():
        return {row.tobytes() for row in trainer.recorded_states(50).numpy()}

    assert kept() == {step.observation.tobytes() for step in recorded}
    learn(trainer, steps)
    assert kept() == {step.observation.tobytes() for step in steps}
