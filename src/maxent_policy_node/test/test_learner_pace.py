# SPDX-License-Identifier: Apache-2.0
"""How far the policy is ahead of the learner."""

from maxent_policy_node.learner_pace import STALL_S, LearnerPace


def _pace(sent: int, start: int = 0, allowed: int = 4) -> LearnerPace:
    pace = LearnerPace(allowed)
    pace.on_status('run', start, True, 0.0)
    for _ in range(sent):
        pace.on_sent()
    return pace


def test_without_a_learner_it_waits() -> None:
    assert LearnerPace(4).must_wait


def test_it_waits_from_the_allowed_number_on() -> None:
    assert not _pace(3).must_wait
    assert _pace(4).must_wait


def test_what_the_learner_has_received_is_subtracted() -> None:
    pace = _pace(10, start=500)
    pace.on_status('run', 508, True, 1.0)
    assert (pace.ahead, pace.must_wait) == (2, False)


def test_a_resumed_or_another_learner_starts_the_comparison_anew() -> None:
    for run_id, steps in (('run', 3), ('other', 90)):
        pace = _pace(10, start=50)
        pace.on_status(run_id, steps, True, 1.0)
        assert pace.ahead == 0


def test_lost_steps_do_not_stop_the_robot_for_ever() -> None:
    pace = _pace(6)
    pace.on_status('run', 1, True, 1.0)
    pace.on_status('run', 1, True, 1.0 + 0.9 * STALL_S)
    assert pace.must_wait
    pace.on_status('run', 1, True, 1.0 + 1.1 * STALL_S)
    assert (pace.must_wait, pace.rebased) == (False, 1)


def test_a_learner_that_saves_or_has_finished_is_waited_for() -> None:
    pace = _pace(6)
    pace.on_status('run', 1, False, 1.0)
    pace.on_status('run', 1, False, 1.0 + 3.0 * STALL_S)
    pace.on_status('run', 1, True, 1.0 + 3.5 * STALL_S)
    assert pace.must_wait
