# SPDX-License-Identifier: Apache-2.0
"""A run on disk: new, resumed, finished, and on a disk that gives no more."""

import json
import os
import subprocess
import sys

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


def test_fault_23_what_was_lost_of_the_experience_is_reported(
    make_run, source, tmp_path, complaints
):
    run = make_run()
    learn(run, source.steps(episodes=3))
    run.close()
    (segment,) = (tmp_path / 'run' / 'replay').iterdir()
    os.truncate(segment, segment.stat().st_size - 1)
    again = make_run(resume=True)
    assert again.resumed
    assert again.trainer.steps == 30
    assert again.trainer.lost_transitions == 10
    assert '10 of 30 transitions' in complaints[0]
    learn(again, source.steps(episodes=2))
    assert again.trainer.steps == 50
    assert again.close() == ''


# Trains while the kernel refuses files larger than so many bytes, as a full disk does in the
# middle of a write; then with space again. Prints what was reported.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.runner import configure_torch
from conftest import SMALL, StepSource
configure_torch()
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def make(resume=False):
    config = RunConfig(run_folder=str(folder), resume=resume)
    return Run(config, TrainerConfig(learning_starts=20, algorithm_options=SMALL), print)
def learn(episodes):
    for step in source.steps(episodes):
        run.trainer.observe(step)
        while run.trainer.updates_due() > 0:
            run.trainer.update()
def content():
    return {str(path): path.read_bytes() for name in ('checkpoint', 'replay')
            for path in (folder / name).rglob('*') if path.is_file()}
def free(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
source, run = StepSource(), make()
learn(3)
assert run.checkpoint() == ''
before = content()
free(limit)
for _ in range(2):
    learn(2)
    assert 'cannot write checkpoint' in run.checkpoint()
    now = content()
    grown = {name for name in now if now[name] != before.get(name)}
    assert all(now.get(name, b'').startswith(old) for name, old in before.items())
    assert not [name for name in now if '.tmp-' in name], now.keys()
    assert grown <= {str(folder / 'replay' / 'segment-00000001.bin')}, grown
assert load_newest_checkpoint(folder / 'checkpoint').step == 30
assert run.trainer.updates == 2 * (70 - 20)
early = make(resume=True)
assert early.trainer.steps == len(early.trainer._buffer) == 30
free(resource.RLIM_INFINITY)
learn(1)
assert run.checkpoint() == ''
again = make(resume=True)
ours, theirs = run.trainer._buffer.state(), again.trainer._buffer.state()
assert all((ours[name] == theirs[name]).all() for name in ours)
assert again.trainer.policy_payload() == run.trainer.policy_payload()
assert (again.trainer.steps, again.trainer.lost_transitions) == (80, 0)
"""


@pytest.mark.parametrize('limit', [6_000, 40_000])  # segments, or tensors, do not fit
def test_fault_24_on_a_full_disk_the_old_checkpoint_stays_and_the_next_one_is_whole(
    tmp_path, limit
):
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, '-c', FULL_DISK, str(tmp_path / 'run'), str(limit)],
        env={**os.environ, 'PYTHONPATH': f'{here}:{os.environ.get("PYTHONPATH", "")}'},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reports = [line for line in done.stdout.splitlines() if 'cannot write checkpoint' in line]
    assert len(reports) == 2
    assert all('training goes on' in line for line in reports)
