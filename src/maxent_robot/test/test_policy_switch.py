# SPDX-License-Identifier: Apache-2.0
"""Swaps of the acting policy: no jump, and a way back."""

import numpy as np
import pytest

from maxent_robot.episode import ActivePolicy
from maxent_robot.policy_switch import GuardReport, PolicySwitch
from maxent_robot.types import Level

OBSERVATION = np.zeros(3, np.float32)


def constant(value, name='policy', version=0, begun=None):
    """Make a policy that always does the same."""
    begin = (lambda: begun.append(name)) if begun is not None else (lambda: None)
    return ActivePolicy(lambda o: np.full(2, value, np.float32), name, version, begin)


def switch(first=None, probation_s=2.0):
    """Make a switch of 20 Hz on which `first` acts and is good."""
    made = PolicySwitch(2, 0.05, probation_s)
    if first is not None:
        made.swap(first, 0.0)
    return made


def swapped_after(*reports):
    """Make a switch that has heard these reports before a swap."""
    made = switch(constant(-1.0, 'old'))
    for report in reports:
        made.on_guard(report)
    made.swap(constant(1.0), 0.0)
    return made


def actions(made, count):
    return np.array([made.policy.call(OBSERVATION)[0] for _ in range(count)])


def test_without_a_policy_there_is_none_and_the_first_one_acts_at_once_and_without_probation():
    made = switch()
    assert made.policy is None
    first = constant(0.3, 'first')
    made.swap(first, 1.0)
    assert made.policy is first
    assert not made.on_probation


def test_a_swap_blends_monotonically_from_the_old_actions_to_the_new():
    made = switch(constant(-1.0, 'old'))
    made.swap(constant(1.0, 'new', 4), 0.5)
    values = actions(made, 12)
    assert -1.0 < values[0] < -0.9
    assert np.all(np.diff(values[:10]) > 0.0)
    assert np.diff(values).max() < 2.0 * 1.5 / 10.0  # the steepest part of a smoothstep
    np.testing.assert_array_equal(values[10:], 1.0)
    assert (made.policy.name, made.policy.version) == ('new', 4)


def test_a_swap_without_a_blend_is_complete_with_the_next_action():
    made = switch(constant(-1.0))
    made.swap(constant(1.0), 0.0)
    assert actions(made, 1)[0] == 1.0


@pytest.mark.parametrize('blend_s', [-0.1, float('nan'), float('inf')])
def test_a_blend_that_cannot_be_is_refused_and_changes_nothing(blend_s):
    made = switch(constant(-1.0))
    with pytest.raises(ValueError, match='at least 0 s'):
        made.swap(constant(1.0), blend_s)
    assert actions(made, 1)[0] == -1.0


def test_both_policies_hear_of_a_new_episode_during_a_probation():
    begun = []
    made = switch(constant(-1.0, 'old', begun=begun))
    made.swap(constant(1.0, 'new', begun=begun), 0.1)
    made.policy.begin()
    assert begun == ['old', 'new']


@pytest.mark.parametrize('bad', [[np.nan, 0.0], [np.inf, 0.0], [0.0], [[0.0, 0.0]]])
def test_an_unusable_action_within_the_probation_is_replaced_by_the_last_good_policys(bad):
    made = switch(constant(-0.5, 'old'))
    made.swap(ActivePolicy(lambda o: np.array(bad, np.float32), 'new', 1), 0.0)
    assert actions(made, 3).tolist() == [-0.5] * 3
    assert 'must be 2 finite numbers' in made.failure
    assert made.restore().name == 'old'
    assert made.failure is None
    assert made.policy.name == 'old'


def test_the_probation_ends_after_its_time_and_the_new_policy_is_then_on_its_own():
    made = switch(constant(-1.0), probation_s=0.5)
    new = constant(1.0, 'new')
    made.swap(new, 0.2)
    actions(made, 4 + 10)
    assert made.on_probation
    actions(made, 1)
    assert made.policy is new


def test_a_policy_whose_commands_the_guard_mostly_changes_fails_its_probation():
    made = switch(constant(-1.0, 'old'))
    made.on_guard(GuardReport(Level.NORMAL, 1000, 990))  # of the time before: counts for nothing
    made.swap(constant(1.0), 0.0)
    made.on_guard(GuardReport(Level.NORMAL, 1100, 1040))
    assert made.failure is None
    made.on_guard(GuardReport(Level.NORMAL, 1120, 1051))
    assert made.failure == 'the guard changed 61 of 120 commands'
    assert actions(made, 1)[0] == -1.0  # at once, before `restore`


def test_a_swap_while_the_guard_pushes_the_arm_back_anyway_is_not_the_new_policys_fault():
    made = swapped_after(
        GuardReport(Level.NORMAL, 1000, 100), GuardReport(Level.NORMAL, 1200, 260)
    )
    made.on_guard(GuardReport(Level.NORMAL, 1300, 360))  # all of 100; 0.8 of them before
    assert made.failure is None
    made = swapped_after(
        GuardReport(Level.NORMAL, 1000, 100), GuardReport(Level.NORMAL, 1200, 220)
    )
    made.on_guard(GuardReport(Level.NORMAL, 1300, 304))
    assert made.failure is None
    made.on_guard(GuardReport(Level.NORMAL, 1320, 324))  # 0.867; 0.6 before
    assert made.failure == 'the guard changed 104 of 120 commands'


def test_who_swaps_again_and_again_cannot_get_used_to_interventions():
    made = swapped_after(GuardReport(Level.NORMAL, 1000, 0), GuardReport(Level.NORMAL, 1200, 0))
    made.on_guard(GuardReport(Level.NORMAL, 1218, 18))
    made.swap(constant(0.5, 'third'), 0.0)  # still on probation
    made.on_guard(GuardReport(Level.NORMAL, 1318, 118))
    assert made.failure == 'the guard changed 100 of 100 commands'


def test_some_braking_after_a_swap_in_full_motion_is_no_failure():
    made = swapped_after(GuardReport(Level.NORMAL, 1000, 0), GuardReport(Level.NORMAL, 1200, 0))
    for ticks, interventions in ((1220, 20), (1260, 50), (1300, 50)):
        made.on_guard(GuardReport(Level.NORMAL, ticks, interventions))
        assert made.failure is None


def test_a_policy_that_makes_the_guard_slow_the_robot_down_again_and_again_fails():
    made = switch(constant(-1.0))
    made.swap(constant(1.0), 0.0)
    for trip in range(5):
        assert made.failure is None
        made.on_guard(GuardReport(Level.NORMAL, 10 + 2 * trip, 0))
        made.on_guard(GuardReport(Level.DAMP, 11 + 2 * trip, 0))
        if made.failure:
            break
    assert trip == 3
    assert 'slowed the robot down 4 times' in made.failure


def test_a_restart_of_the_guard_begins_its_count_anew():
    made = switch(constant(-1.0))
    made.swap(constant(1.0), 0.0)
    made.on_guard(GuardReport(Level.NORMAL, 100_000, 5))
    made.on_guard(GuardReport(Level.NORMAL, 30, 20))
    made.on_guard(GuardReport(Level.NORMAL, 60, 20))
    assert made.failure is None


def test_a_swap_during_a_probation_keeps_the_last_good_policy():
    made = switch(constant(-1.0, 'good'))
    made.swap(constant(1.0, 'second'), 0.0)
    actions(made, 1)
    made.swap(ActivePolicy(lambda o: np.full(2, np.nan, np.float32), 'third', 1), 0.0)
    assert actions(made, 1)[0] == -1.0
    assert made.restore().name == 'good'


def test_a_newer_version_of_what_acts_takes_its_place_at_once():
    made = switch(constant(-1.0, 'skill'))
    made.swap(constant(0.5, 'run', 1), 0.5)
    newer = constant(1.0, 'run', 2)
    made.renew(newer)
    assert made.policy is newer
    assert not made.on_probation
