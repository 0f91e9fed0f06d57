# SPDX-License-Identifier: Apache-2.0
"""A run on disk: new, resumed, finished, and on a disk that gives no more."""

from dataclasses import replace
import json
import os
import shutil
import subprocess
import sys

import numpy as np
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
    def make(run_folder=tmp_path / 'run', resume=False, seed=0, share=0.5, **settings):
        config = RunConfig(
            run_folder=str(run_folder),
            skills_folder=str(tmp_path / 'skills'),
            resume=resume,
            **settings,
        )
        trainer_config = TrainerConfig(
            seed=seed,
            learning_starts=20,
            checkpoint_every=20,
            bag_share=share,
            algorithm_options=small_options,
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


@pytest.fixture
def bag(record_steps, source):
    """A bag of 20 transitions, whose rewards are 1 so that they can be told from live ones."""
    steps = [replace(step, reward=float(step.index > 0)) for step in source.steps(2)]
    return record_steps(steps, robot='sawyer', task='reach', task_options='')


def test_a_live_run_with_bags_learns_from_both(make_run, bag, source, tmp_path, complaints):
    run = make_run(bags=(str(bag),), skill='both')
    assert complaints == [f'{bag}: steps as recorded: steps 22, episodes 2']
    learn(run, source.steps(episodes=3))
    trainer = run.trainer
    assert (trainer.steps, trainer.recorded_transitions, trainer.updates) == (30, 20, 10)
    rewards = trainer._batch().reward
    assert (rewards == 1.0).tolist() == [True] * 4 + [False] * 4
    assert run.progress.rows[-1]['robot_minutes'] == pytest.approx(50 * 0.05 / 60.0)
    assert run.save_skill() == ''
    origin = load_skill(tmp_path / 'skills' / 'both').metadata.provenance
    assert (origin['bags'], origin['bag_share']) == ({str(bag): 20}, 0.5)
    assert origin['steps'] == 30
    content = json.loads((tmp_path / 'run' / 'config.json').read_text())
    assert content['run']['bags'] == [str(bag)]


def test_a_skill_without_bags_says_nothing_of_them(make_run, source):
    run = make_run()
    learn(run, source.steps(episodes=1))
    assert not {'bags', 'bag_share'} & run.make_skill().metadata.provenance.keys()


def test_after_resuming_the_bags_are_read_again_and_learning_goes_on_exactly(
    make_run, bag, source, tmp_path
):
    steps, bags = source.steps(episodes=6), (str(bag),)
    straight = make_run(tmp_path / 'straight', bags=bags)
    learn(straight, steps)
    first = make_run(bags=bags)
    learn(first, steps[:37])
    first.close()
    again = make_run(resume=True, bags=bags)
    assert again.resumed
    assert again.trainer.recorded_transitions == 20
    learn(again, steps[37:])
    assert again.trainer.policy_payload() == straight.trainer.policy_payload()
    ours, theirs = (each.make_skill() for each in (straight, again))
    np.testing.assert_array_equal(ours.states, theirs.states)


def test_a_bag_that_holds_something_else_by_now_cannot_be_resumed_with(
    make_run, bag, source, record_steps
):
    run = make_run(bags=(str(bag),))
    learn(run, source.steps(episodes=3))
    run.close()
    shutil.rmtree(bag)
    record_steps(source.steps(3), robot='sawyer', task='reach')
    with pytest.raises(ResumeError, match='recorded_transitions 20, this run 30: resume with'):
        make_run(resume=True, bags=(str(bag),))
    with pytest.raises(ResumeError, match='recorded_transitions 20, this run 0: resume with'):
        make_run(resume=True)


@pytest.mark.parametrize('share', [0.0, 1.5])
def test_a_share_that_cannot_be_is_refused_where_there_are_bags(make_run, bag, share):
    make_run(share=share)
    with pytest.raises(ValueError, match=rf'must be in \(0, 1\], is {share}'):
        make_run(share=share, bags=(str(bag),))


def test_bags_that_cannot_be_used_are_refused_before_an_earlier_run_is_set_aside(
    make_run, source, tmp_path
):
    old = make_run()
    learn(old, source.steps(episodes=2))
    old.close()
    with pytest.raises(ValueError, match='there is no bag'):
        make_run(bags=(str(tmp_path / 'nowhere'),))
    assert make_run(resume=True).trainer.steps == 20


def test_a_folder_that_cannot_be_written_is_reported_and_learning_goes_on(
    make_run, source, tmp_path, complaints
):
    (tmp_path / 'file').touch()
    (tmp_path / 'skills').touch()
    run = make_run(run_folder=tmp_path / 'file' / 'run')
    learn(run, source.steps(episodes=3))
    assert run.trainer.updates == 10
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
assert run.trainer.updates == 70 - 20
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
