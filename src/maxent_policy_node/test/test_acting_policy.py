# SPDX-License-Identifier: Apache-2.0
"""Who acts: skills and the learner's versions take turns."""

import numpy as np
import pytest

from maxent_policy_node.acting_policy import ActingPolicy
from maxent_policy_node.skill_library import Loaded
from maxent_rl.policies import make_policy
from maxent_robot.policy_switch import GuardReport, PolicySwitch
from maxent_robot.types import Level

OBSERVATION = np.zeros(3, np.float32)


def loaded(name: str) -> Loaded:
    return Loaded(name, make_policy('sac', 3, 2, (4,)).requires_grad_(False), f'hash of {name}')


def acting(learner_acts: bool = False) -> ActingPolicy:
    return ActingPolicy(PolicySwitch(2, 0.05, 2.0), 0, False, learner_acts)


def fail(who: ActingPolicy) -> str | None:
    """Let the guard change every command."""
    for ticks in (100, 200):
        who.on_guard(GuardReport(Level.NORMAL, ticks, ticks))
    return who.roll_back()


def who_acts(who: ActingPolicy) -> tuple[str, int]:
    assert who.policy is not None
    return who.policy.name, who.policy.version


def test_versions_of_skills_count_the_swaps() -> None:
    who = acting()
    assert [who.swap(loaded(name), 0.0) for name in 'aba'] == [0, 1, 2]
    assert who_acts(who) == ('a', 2)


def test_the_learners_versions_follow_each_other_without_probation() -> None:
    who = acting(learner_acts=True)
    for version in (1, 2, 3):
        who.learn(loaded('x').policy, 'run', version)
        assert who_acts(who) == ('run', version)
        assert not who.switch.on_probation


def test_the_learner_after_a_skill_is_blended_in_and_on_probation() -> None:
    who = acting()
    who.swap(loaded('a'), 0.0)
    who.learn(loaded('x').policy, 'run', 1)
    assert who_acts(who) == ('run', 1)
    assert who.switch.on_probation
    assert 'back to' in (fail(who) or '')
    assert who_acts(who) == ('a', 0)


def test_a_skill_that_failed_is_refused_by_its_hash_and_another_is_not() -> None:
    who = acting()
    who.swap(loaded('a'), 0.0)
    who.swap(loaded('b'), 0.0)
    assert fail(who) == "'b' version 1: the guard changed 100 of 100 commands; back to 'a'"
    with pytest.raises(ValueError, match='b failed before: the guard changed'):
        who.swap(loaded('b'), 0.0)
    assert who.swap(loaded('c'), 0.0) == 2


def test_after_a_way_back_to_the_learner_its_versions_follow_each_other_again() -> None:
    who = acting(learner_acts=True)
    who.learn(loaded('x').policy, 'run', 1)
    who.swap(loaded('a'), 0.0)
    fail(who)
    assert who_acts(who) == ('run', 1)
    who.learn(loaded('x').policy, 'run', 2)
    assert who_acts(who) == ('run', 2)
    assert not who.switch.on_probation


def test_nothing_is_rolled_back_while_nothing_has_failed() -> None:
    who = acting()
    assert who.roll_back() is None
    who.swap(loaded('a'), 0.0)
    assert who.roll_back() is None
    assert who.policy.call(OBSERVATION).shape == (2,)
