# SPDX-License-Identifier: Apache-2.0
"""Progress files continue where a run is resumed, and their loss does not stop a training."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from maxent_learner.progress import Progress, read_progress


def row(steps):
    return {
        'steps': steps,
        'robot_minutes': steps / 1200.0,
        'episode_return': -1.0,
        'final_measure': 0.1,
        'measure': 'distance',
    }


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def open_progress(tmp_path, complaints):
    def make(resume_steps=0, folder=tmp_path):
        return Progress(folder, 'title', resume_steps, complaints.append)

    return make


def test_a_row_per_episode_and_scalars_can_be_read_back(open_progress, tmp_path, complaints):
    progress = open_progress()
    for steps in (100, 200):
        progress.episode(row(steps))
    progress.scalars('training', {'q_loss': 0.5}, 200)
    progress.close()
    assert read_progress(tmp_path / 'progress.jsonl') == [row(100), row(200)]
    events = EventAccumulator(str(tmp_path / 'tensorboard')).Reload()
    assert [event.step for event in events.Scalars('episode/episode_return')] == [100, 200]
    assert events.Scalars('training/q_loss')[0].value == 0.5
    assert (tmp_path / 'curve.png').is_file()
    assert complaints == []


def test_rows_after_the_checkpoint_that_is_resumed_from_are_dropped(open_progress, tmp_path):
    progress = open_progress()
    for steps in (100, 200, 300):
        progress.episode(row(steps))
    progress.close()
    progress = open_progress(resume_steps=200)
    progress.episode(row(290))
    progress.close()
    assert [each['steps'] for each in read_progress(tmp_path / 'progress.jsonl')] == [
        100,
        200,
        290,
    ]


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / 'progress.jsonl'
    path.write_text(json.dumps(row(100)) + '\n{"steps": 2')
    assert read_progress(path) == [row(100)]


def test_each_thing_that_cannot_be_written_is_reported_once(open_progress, tmp_path, complaints):
    (tmp_path / 'file').touch()
    progress = open_progress(folder=tmp_path / 'file' / 'run')
    for steps in (100, 200, 300):
        progress.episode(row(steps))
        progress.draw()
    progress.close()
    assert len(progress.rows) == 3
    assert len(complaints) == 3
    for what in ('progress.jsonl', 'TensorBoard', 'curve.png'):
        assert sum(f'cannot write {what}' in complaint for complaint in complaints) == 1
    assert all('training goes on' in complaint for complaint in complaints)
