# SPDX-License-Identifier: Apache-2.0
"""Returns are sums of rewards, per episode, and episodes with losses are marked."""

import json

import pytest

from maxent_learner.episode_log import EpisodeLog


def add_all(log, steps):
    return [r for step in steps if (r := log.add(step, transition=step.index > 0)) is not None]


def test_an_episode_sums_its_rewards_and_keeps_its_last_measures(source):
    log = EpisodeLog()
    steps = source.episode(length=8)
    (result,) = add_all(log, steps)
    assert result.episode_return == pytest.approx(sum(step.reward for step in steps))
    assert result.steps == 8
    assert result.measures == dict(steps[-1].measures)
    assert result.final_measure == steps[-1].measures['distance']
    assert result.whole
    assert log.last == result
    assert log.count == 1


def test_an_episode_that_is_broken_off_does_not_count_nor_spill_into_the_next(source):
    log = EpisodeLog()
    add_all(log, source.episode(length=8)[:5])
    steps = source.episode(length=3)
    (result,) = add_all(log, steps)
    assert (log.count, result.steps, result.whole) == (1, 3, True)
    assert result.episode_return == pytest.approx(sum(step.reward for step in steps))


def test_an_episode_seen_from_its_middle_on_is_not_whole(source):
    (result,) = add_all(EpisodeLog(), source.episode(length=8)[3:])
    assert not result.whole


@pytest.mark.parametrize('cut', range(0, 22, 3))
def test_the_state_goes_through_json_at_any_time(source, cut):
    steps = source.steps(episodes=2)
    straight, log = EpisodeLog(), EpisodeLog()
    add_all(straight, steps)
    add_all(log, steps[:cut])
    log = EpisodeLog.from_state(json.loads(json.dumps(log.state())))
    add_all(log, steps[cut:])
    assert log == straight
