# SPDX-License-Identifier: Apache-2.0
"""The summary of a bag says what was put in, and what is amiss."""

from pathlib import Path

from maxent_msgs.msg import AppliedCommand, SafetyStatus
from mcap.writer import Writer
import pytest
from rclpy.serialization import serialize_message
from std_msgs.msg import Empty

from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_summary import summarise
from maxent_robot.safety.flags import Flag
from maxent_robot.types import Level
from maxent_ros import topics
from maxent_ros.conversions import from_step_record

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
STEP = f'/{topics.STEP}'
APPLIED, STATUS = f'/{topics.APPLIED_COMMAND}', f'/{topics.SAFETY_STATUS}'


@pytest.fixture
def summary_of(write_bag):
    """Return a function that writes messages into a bag and summarises it."""
    return lambda messages: summarise(BagReader(write_bag(messages)))


def as_messages(steps):
    return [(STEP, from_step_record(step)) for step in steps]


def test_a_recorded_run_is_told_as_it_was():
    summary = summarise(BagReader(RECORDED))
    assert summary.about['robot'] == 'sawyer'
    assert [episode.steps for episode in summary.episodes] == [42, 42]
    assert all(episode.measures['distance'] < 0.05 for episode in summary.episodes)
    assert (summary.cut_off, summary.steps.steps, summary.steps.missing) == (0, 86, 0)
    (acted,) = summary.acted
    assert (acted.skill, acted.first_version, acted.last_version) == ('soft_q_z15', 0, 0)
    assert acted.steps == 84
    assert acted.to_s == pytest.approx(2 * 42 * 0.05 + 2.0)  # and the reset
    assert summary.guard.actions == sum(summary.guard.levels.values()) == 84
    assert 0 < summary.guard.changed < 84
    assert summary.guard.levels[Level.DAMP] > 0
    assert summary.guard.stops == summary.damage == []
    assert summary.topics['/policy/action'].messages == 84
    assert summary.messages == sum(total.messages for total in summary.topics.values())
    assert summary.size == (RECORDED / 'sawyer_lockstep.mcap').stat().st_size
    assert all(total.lost == 0 for total in summary.topics.values())


def test_episodes_that_end_and_one_that_is_cut_off(source, summary_of, change):
    steps = source.steps(episodes=3)
    fallen = [change(s, terminated=s.truncated, truncated=False) for s in steps[11:22]]
    summary = summary_of(as_messages([*steps[:11], *fallen, *steps[22:-1]]))
    assert [episode.terminated for episode in summary.episodes] == [False, True]
    assert summary.cut_off == 1
    returns = [sum(step.reward for step in steps[n : n + 11]) for n in (0, 11)]
    assert [e.episode_return for e in summary.episodes] == pytest.approx(returns)


def test_lost_and_doubled_steps_are_counted(source, summary_of):
    messages = as_messages(source.steps(episodes=2))
    summary = summary_of([*messages[:5], messages[4], *messages[7:]])
    assert (summary.steps.missing, summary.steps.duplicates) == (2, 1)
    assert summary.topics[STEP].messages == len(messages) - 1


def test_who_acted_with_which_versions_from_when_to_when(source, summary_of, change):
    first, second, third = (source.episode() for _ in range(3))
    first = [change(step, policy_version=1) for step in first]
    second = [change(step, policy_version=3) for step in second]
    third = [change(step, skill='other', policy_version=0) for step in third]
    summary = summary_of(as_messages([*first, *second, *third]))
    found = [(a.skill, a.first_version, a.last_version, a.steps) for a in summary.acted]
    assert found == [('sawyer_reach', 1, 3, 20), ('other', 0, 0, 10)]
    assert summary.acted[0].from_s == 0.0
    assert summary.acted[1].from_s == pytest.approx(22 * 0.05)


def test_interventions_are_counted_by_flag_and_by_level(summary_of):
    flags = [Flag.WALL | Flag.SLEW, Flag.SLEW, Flag(0), Flag.ACTION_LATE | Flag.APPROACH]
    levels = [Level.NORMAL, Level.NORMAL, Level.NORMAL, Level.HOLD]
    summary = summary_of(
        [
            (APPLIED, AppliedCommand(seq=n, flags=int(flag), level=int(level)))
            for n, (flag, level) in enumerate(zip(flags, levels, strict=True))
        ]
    )
    guard = summary.guard
    assert (guard.actions, guard.changed) == (4, 2)
    assert guard.flags[Flag.SLEW] == 2
    assert guard.flags[Flag.WALL] == guard.flags[Flag.APPROACH] == 1
    assert guard.levels == {Level.NORMAL: 3, Level.HOLD: 1}


def test_emergency_stops_are_told_once_each_with_time_and_reason(summary_of):
    stopped = SafetyStatus(level=int(Level.ESTOP), reason='emergency_stop: service')
    statuses = [SafetyStatus(), stopped, stopped, SafetyStatus(), stopped]
    messages = [(STATUS, status) for status in statuses]
    summary = summary_of([*messages, (f'/{topics.EMERGENCY_STOP}', Empty())])
    assert [reason for _, reason in summary.guard.stops] == [
        'emergency_stop: service',
        'emergency_stop: service',
        'message on /emergency_stop',
    ]
    assert [after for after, _ in summary.guard.stops] == pytest.approx([1e-3, 4e-3, 5e-3])


def test_a_damaged_bag_is_summarised_as_far_as_it_goes_and_says_so(tmp_path):
    data = (RECORDED / 'sawyer_lockstep.mcap').read_bytes()
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes(data[: len(data) // 2])
    summary = summarise(BagReader(cut))
    assert len(summary.damage) == 1
    assert 0 < summary.messages < 2400


def test_an_empty_bag_has_nothing(summary_of):
    summary = summary_of([])
    assert (summary.messages, summary.duration_s, summary.episodes) == (0, 0.0, [])


def test_a_message_that_is_none_of_its_type_is_left_out_and_told(tmp_path):
    path = tmp_path / 'bag.mcap'
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema('maxent_msgs/msg/AppliedCommand', 'ros2msg', b'')
        channel = writer.register_channel(APPLIED, 'cdr', schema)
        for stamp, data in enumerate((b'\x00\x01', serialize_message(AppliedCommand(seq=1)))):
            writer.add_message(channel, stamp, data, stamp)
        writer.finish()
    summary = summarise(BagReader(path))
    assert summary.guard.actions == 1
    assert any('1 messages are left out' in sentence for sentence in summary.damage)
