# SPDX-License-Identifier: Apache-2.0
"""Steps become transitions; what cannot be learned from is refused, counted, and cuts."""

import json

import numpy as np
import pytest

from maxent_learner.experience import Experience, StepError


@pytest.fixture
def experience(source):
    return Experience(source.task, 1000)


def take(experience, steps):
    return [experience.take(step) for step in steps]


def test_every_step_but_the_first_of_an_episode_makes_a_transition(experience, source):
    assert take(experience, source.steps(2)) == 2 * [False, *[True] * 10]
    assert (experience.transitions, len(experience.buffer)) == (20, 20)
    assert experience.robot_time_ns == 20 * 50_000_000
    assert (experience.gaps, experience.refused) == (0, 0)


def test_what_was_applied_is_stored_and_not_what_was_wished(experience, source):
    steps = source.episode(length=4)
    take(experience, steps)
    stored = experience.buffer.state()
    np.testing.assert_array_equal(stored['action'][1:], [s.applied_action for s in steps[1:]])
    np.testing.assert_array_equal(stored['obs'], [s.observation for s in steps])
    np.testing.assert_array_equal(
        stored['reward'][1:], np.array([s.reward for s in steps[1:]], np.float32)
    )


def test_a_step_delivered_twice_gives_none_and_changes_nothing(experience, source):
    steps = source.episode(length=5)
    take(experience, steps[:3])
    before = experience.state()
    assert experience.take(steps[2]) is None
    assert experience.state() == before
    assert take(experience, steps[3:]) == [True, True, True]


def test_a_gap_is_counted_and_no_transition_crosses_it(experience, source):
    steps = source.episode(length=6)
    assert take(experience, steps[:3] + steps[4:]) == [False, True, True, False, True, True]
    assert (experience.gaps, experience.transitions) == (1, 4)
    assert experience.robot_time_ns == 4 * 50_000_000


@pytest.mark.parametrize('other', [{'session_id': 'restarted'}, {'episode': 77}])
def test_another_session_or_episode_begins_anew(experience, source, change, other):
    steps = source.episode(length=4)
    take(experience, steps[:3])
    assert experience.take(change(steps[3], **other)) is False
    assert (experience.gaps, experience.transitions) == (1, 2)


@pytest.mark.parametrize('end', ['terminated', 'truncated'])
def test_nothing_follows_the_end_of_an_episode(experience, source, change, end):
    steps = source.episode(length=4)
    take(experience, [*steps[:2], change(steps[2], **{end: True})])
    assert experience.take(steps[3]) is False
    assert experience.gaps == 1


def test_a_refused_step_is_named_counted_and_cuts_the_segment(experience, source, change):
    steps = source.episode(length=5)
    take(experience, steps[:3])
    with pytest.raises(StepError, match=r'step 3 of episode 0: .*reward is not finite'):
        experience.take(change(steps[3], reward=float('nan')))
    assert take(experience, steps[4:]) == [False, True]
    assert (experience.refused, experience.gaps, experience.transitions) == (1, 1, 3)


def test_another_layout_is_refused_with_both_named_and_what_to_do(experience, source, change):
    with pytest.raises(StepError) as refused:
        experience.take(change(source.episode()[0], layout_hash='strange'))
    for text in ('strange', source.task.layout.hash, 'reach', 'the same task'):
        assert text in str(refused.value)


def test_restored_in_the_middle_of_an_episode_it_goes_on_exactly(source):
    steps = source.steps(3)
    straight, first, second = (Experience(source.task, 20) for _ in range(3))
    take(straight, steps)
    take(first, steps[:17])
    second.buffer.load_state(first.buffer.state())
    second.load_state(json.loads(json.dumps(first.state())))
    assert second.take(steps[17]) is True
    take(second, steps[18:])
    assert second.state() == straight.state()
    for name, array in straight.buffer.state().items():
        np.testing.assert_array_equal(second.buffer.state()[name], array, name)


def test_restored_without_the_newest_observation_the_next_step_begins_anew(source):
    steps = source.episode()
    first, second = (Experience(source.task, 100) for _ in range(2))
    take(first, steps[:5])
    second.load_state(first.state())  # of the buffer nothing is left
    assert take(second, steps[5:7]) == [False, True]
    assert (second.gaps, second.transitions, len(second.buffer)) == (1, 5, 1)
