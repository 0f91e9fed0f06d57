# SPDX-License-Identifier: Apache-2.0
"""A run on disk: new, resumed, finished, and on a disk that gives no more."""

import json

import pytest

from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer import ResumeError
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.skill import load_skill


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def make_run(tmp_path, small_options, complaints):
    def make(run_folder=tmp_path / 'run', resume=False, seed=0, **settings):
        config = RunConfig(
            run_folder=str(run_folder),
            skills_folder=str(tmp_path / 'skills'),
            resume=resume,
            **settings,
        )
        trainer_config = TrainerConfig(
            seed=seed, learning_starts=20, checkpoint_every=20, algorithm_options=small_options
        )
        return Run(config, trainer_config, complaints.append)

    return make


def learn(run, steps):
    for step in steps:
        result = run.trainer.observe(step)
        while run.trainer.updates_due() > 0:
            run.trainer.update()
        if result is not None:
            run.episode_finished(result)
        run.step_finished()


def test_checkpoints_are_saved_as_often_as_asked(make_run, source, tmp_path):
    run = make_run()
    learn(run, source.steps(episodes=5))
    assert load_newest_checkpoint(tmp_path / 'run' / 'checkpoint').step == 40
    run.close()
    assert load_newest_checkpoint(tmp_path / 'run' / 'checkpoint').step == 50


def test_a_resumed_run_keeps_its_identity_rows_and_numbers(make_run, source, complaints):
    run = make_run()
    learn(run, source.steps(episodes=3))
    run.note_version(17)
    run.close()
    again = make_run(resume=True)
    assert again.resumed
    assert again.run_id == run.run_id
    assert again.trainer.steps == 30
    assert again.trainer.version == 17
    assert again.progress.rows == run.progress.rows
    assert complaints == []


def test_with_nothing_to_resume_a_run_starts_anew_and_says_so(make_run, complaints):
    run = make_run(resume=True)
    assert not run.resumed
    assert 'nothing to resume' in complaints[0]


def test_a_new_run_in_the_same_folder_leaves_the_old_one_aside(
    make_run, source, tmp_path, complaints
):
    old = make_run()
    learn(old, source.steps(episodes=3))
    old.close()
    new = make_run()
    assert new.run_id != old.run_id
    assert new.trainer.steps == 0
    assert new.progress.rows == []
    aside = tmp_path / 'run' / f'earlier-{old.run_id}'
    assert load_newest_checkpoint(aside / 'checkpoint').step == 30
    assert str(aside) in complaints[0]


def test_a_run_of_other_settings_cannot_be_resumed(make_run, source):
    make_run().close()
    with pytest.raises(ResumeError, match='seed'):
        make_run(resume=True, seed=1)


def test_the_skill_says_what_was_learned_and_where_it_came_from(make_run, source, tmp_path):
    run = make_run(skill='poke', task_options=('target=[0.5, 0.0, 0.3]',))
    learn(run, source.steps(episodes=3))
    assert run.save_skill() == ''
    skill = load_skill(tmp_path / 'skills' / 'poke')
    about = skill.metadata
    assert (about.robot, about.task, about.algorithm) == ('sawyer', 'reach', 'sac')
    assert about.hidden == (16, 16)
    assert about.limits['command_effort'] == run.spec.limits.command_effort.tolist()
    assert about.action_scale == tuple(run.task.mapping.scale)
    assert about.provenance['steps'] == 30
    assert about.provenance['run_id'] == run.run_id
    assert about.provenance['task_options'] == {'target': [0.5, 0.0, 0.3]}
    assert about.metrics['mean_final_measure'] > 0.0
    ours = run.trainer.algorithm.policy_tensors()
    assert all((skill.tensors[name] == ours[name]).all() for name in ours)
    assert (tmp_path / 'skills' / 'poke' / 'curve.png').is_file()


def test_the_folder_says_how_the_run_was_made(make_run, tmp_path):
    run = make_run()
    content = json.loads((tmp_path / 'run' / 'config.json').read_text())
    assert content['run_id'] == run.run_id
    assert content['trainer']['learning_starts'] == 20
    assert content['run']['task'] == 'reach'
    assert 'torch' in content['versions']


def test_a_name_that_no_skill_may_have_is_refused_before_the_training(make_run):
    with pytest.raises(ValueError, match='not a skill name'):
        make_run(skill='../../poke')


def test_a_folder_that_cannot_be_written_is_reported_and_learning_goes_on(
    make_run, source, tmp_path, complaints
):
    (tmp_path / 'file').touch()
    (tmp_path / 'skills').touch()
    run = make_run(run_folder=tmp_path / 'file' / 'run')
    learn(run, source.steps(episodes=3))
    assert run.trainer.updates == 20
    assert 'cannot write checkpoint' in run.checkpoint()
    assert 'cannot write skill' in run.save_skill()
    run.close()
    assert all('goes on' in complaint for complaint in complaints)
