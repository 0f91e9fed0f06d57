# SPDX-License-Identifier: Apache-2.0
"""Batches that are drawn from bags, in part or as a whole."""

from dataclasses import replace

import pytest
from trainer_checks import assert_same, learn

from maxent_learner.experience import Experience
from maxent_learner.trainer import ResumeError


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
    straight, first, second, lacking, sharing = (make_trainer() for _ in range(5))
    for trainer in (straight, first, second):
        trainer.use_recorded(experience_of(source, recorded), 0.5)
    learn(straight, steps)
    learn(first, steps[:47])
    first.save(tmp_path / 'checkpoint')
    assert second.resume(tmp_path / 'checkpoint')
    learn(second, steps[47:])
    assert_same(straight, second)
    assert (second.steps, second.updates, second.recorded_transitions) == (60, 40, 20)
    with pytest.raises(ResumeError, match='recorded_transitions 20, this run 0'):
        lacking.resume(tmp_path / 'checkpoint')
    sharing.use_recorded(experience_of(source, recorded), 0.25)
    with pytest.raises(ResumeError, match=r'bag_share 0\.5, this run 0\.25'):
        sharing.resume(tmp_path / 'checkpoint')


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
