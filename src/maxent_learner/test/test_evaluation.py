# SPDX-License-Identifier: Apache-2.0
"""What an evaluation says."""

from __future__ import annotations

import json

import pytest

from maxent_learner.episode_log import EpisodeResult
from maxent_learner.evaluation import judge
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

REACH = make_task(get_robot('sawyer'), 'reach')


def result(episode: int, distance: float) -> EpisodeResult:
    return EpisodeResult('s', episode, 100, -10.0 * distance, {'distance': distance}, False, True)


def test_success_rate_and_distances_are_those_at_the_end_of_the_episodes() -> None:
    results = [result(0, 0.01), result(1, 0.03), result(2, 0.5)]
    content = judge('mine', 'sawyer', REACH, 7, 'ros', results).as_dict()
    assert json.loads(json.dumps(content)) == content
    assert content['success_rate'] == pytest.approx(2 / 3)
    assert content['mean_final_distance'] == pytest.approx(0.18)
    assert content['worst_final_distance'] == 0.5
    names = ('skill', 'robot', 'task', 'episodes', 'seed', 'path')
    assert [content[name] for name in names] == ['mine', 'sawyer', 'reach', 3, 7, 'ros']


def test_the_sentence_names_successes_and_distance() -> None:
    text = judge('mine', 'sawyer', REACH, 7, 'ros', [result(0, 0.01), result(1, 0.5)]).sentence()
    assert 'mine succeeded in 1 of 2 test episodes' in text
    assert '25.5 cm' in text
    assert 'worst 50.0 cm' in text


def test_no_episode_gives_no_judgement() -> None:
    with pytest.raises(ValueError, match='no episode'):
        judge('mine', 'sawyer', REACH, 7, 'ros', [])
