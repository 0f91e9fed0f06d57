# SPDX-License-Identifier: Apache-2.0
"""A resumed run equals one that never stopped; damage is counted, and learning goes on."""

import os

import pytest
import torch
from trainer_checks import assert_same, learn, seeing_trainer

from maxent_learner.trainer import ResumeError
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.checkpoint import load_newest_checkpoint


def stored(trainer):
    return trainer._buffer.state()


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
    assert (second.steps, second.updates, second.gaps) == (80, 60, 0)
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
    assert second.updates == 40


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
    assert second.updates == 79 - 20
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
    path.write_text(path.read_text().replace('"schema": 3', '"schema": 2'))
    with pytest.raises(ResumeError, match='schema 2, this reads 3'):
        make_trainer().resume(tmp_path / 'checkpoint')


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


def test_there_is_nothing_to_resume_in_an_empty_folder(make_trainer, tmp_path):
    assert not make_trainer().resume(tmp_path / 'none')


@pytest.mark.parametrize(
    'settings', [{'seed': 5}, {'buffer_capacity': 1000}, {'algorithm': 'naf'}]
)
def test_a_checkpoint_of_other_settings_is_refused_by_name(make_trainer, tmp_path, settings):
    make_trainer().save(tmp_path / 'checkpoint')
    with pytest.raises(ResumeError, match=next(iter(settings))):
        make_trainer(**settings).resume(tmp_path / 'checkpoint')
