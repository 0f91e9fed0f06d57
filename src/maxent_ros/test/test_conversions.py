# SPDX-License-Identifier: Apache-2.0
"""Conversions keep every value, bit by bit."""

import time

from maxent_msgs.msg import AppliedCommand, PolicyAction, PolicyChunk, Step
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension

from maxent_robot.episode_outputs import StepRecord
from maxent_robot.types import (
    ActionSample,
    AppliedAction,
    Command,
    CommandMode,
    JointSample,
    Level,
)
from maxent_ros import conversions

NAMES = ('right_j0', 'right_j1')


def test_a_stamp_survives_for_times_far_from_zero_and_before_it() -> None:
    for ns in (0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789, -1):
        assert conversions.to_ns(conversions.to_stamp(ns)) == ns


def test_a_joint_state_survives_the_wire_bit_by_bit() -> None:
    sample = JointSample(5_000_000, NAMES, np.array([0.1, np.nan]), np.array([-1e300, 5e-324]))
    wire = serialize_message(conversions.from_joint_sample(sample))
    back = conversions.to_joint_sample(deserialize_message(wire, JointState))
    assert back.stamp_ns == sample.stamp_ns
    assert back.names == sample.names
    np.testing.assert_array_equal(back.position, sample.position)
    np.testing.assert_array_equal(back.velocity, sample.velocity)


def test_a_joint_state_with_too_few_numbers_is_passed_on_as_it_is() -> None:
    message = JointState(name=['a', 'b'], position=[1.0])
    sample = conversions.to_joint_sample(message)
    assert sample.position.shape == (1,)
    assert sample.velocity.shape == (0,)


def test_measured_efforts_are_passed_on_and_missing_ones_are_empty() -> None:
    message = JointState(name=['a', 'b'], position=[1.0, 2.0], effort=[0.5, np.nan])
    back = conversions.to_joint_sample(message)
    assert back.effort is not None
    np.testing.assert_array_equal(back.effort, [0.5, np.nan])
    silent = conversions.to_joint_sample(JointState(name=['a']))
    assert silent.effort is not None
    assert silent.effort.shape == (0,)


@pytest.mark.parametrize('stamp_ns', [0, 4_000_000_000, 1_700_000_000_123_456_789])
def test_positions_survive_the_wire_with_the_stamp_that_they_answer(stamp_ns: int) -> None:
    values = np.array([0.1, -1e300, 5e-324])
    command = Command(stamp_ns, CommandMode.POSITION, values)
    wire = serialize_message(conversions.from_positions(command))
    message = deserialize_message(wire, Float64MultiArray)
    np.testing.assert_array_equal(message.data, values)
    assert conversions.answered_stamp(message) == stamp_ns
    (dimension,) = message.layout.dim
    assert (dimension.size, dimension.stride, message.layout.data_offset) == (3, 3, 0)


@pytest.mark.parametrize(
    'labels',
    [(), ('',), ('joint',), ('-5',), ('1.5',), ('5', '6'), (' 7',), ('\u00b2',), ('9' * 5000,)],
)
def test_positions_of_other_senders_answer_no_stamp(labels: tuple[str, ...]) -> None:
    message = Float64MultiArray(data=[0.0])
    message.layout.dim = [MultiArrayDimension(label=label) for label in labels]
    assert conversions.answered_stamp(message) is None


def test_an_action_survives_the_wire() -> None:
    action = ActionSample(
        50_000_000, 'session', 2**40, 'reach', 7, CommandMode.TORQUE, NAMES, np.array([0.5, -0.25])
    )
    wire = serialize_message(conversions.from_action_sample(action))
    back = conversions.to_action_sample(deserialize_message(wire, PolicyAction))
    assert _without(back, 'values') == _without(action, 'values')
    np.testing.assert_array_equal(back.values, action.values)


def test_an_unknown_command_mode_is_refused_by_number() -> None:
    with pytest.raises(ValueError, match=r'command mode 9 is unknown; known are 1 \(POSITION\)'):
        conversions.to_action_sample(PolicyAction(command_mode=9))


def test_an_applied_action_survives_the_wire() -> None:
    applied = AppliedAction(
        50_000_000,
        's',
        3,
        CommandMode.POSITION,
        np.array([1.0, 2.0]),
        np.array([0.5, 2.0]),
        10,
        2**31,
        Level.DAMP,
    )
    wire = serialize_message(conversions.from_applied_action(applied, NAMES))
    message = deserialize_message(wire, AppliedCommand)
    back = conversions.to_applied_action(message)
    assert tuple(message.joint_names) == NAMES
    assert _without(back, 'desired', 'applied') == _without(applied, 'desired', 'applied')
    np.testing.assert_array_equal(back.desired, applied.desired)
    np.testing.assert_array_equal(back.applied, applied.applied)


@pytest.mark.parametrize(
    ('mode', 'filled'),
    [
        (CommandMode.POSITION, 'position'),
        (CommandMode.VELOCITY, 'velocity'),
        (CommandMode.TORQUE, 'effort'),
    ],
)
def test_a_command_fills_only_the_field_of_its_mode(mode: CommandMode, filled: str) -> None:
    message = conversions.from_command(Command(1, mode, np.array([1.0, 2.0])), NAMES)
    for name in ('position', 'velocity', 'acceleration', 'effort'):
        assert list(getattr(message, name)) == ([1.0, 2.0] if name == filled else [])
    assert conversions.to_command(message).mode is mode
    np.testing.assert_array_equal(conversions.to_command(message).values, [1.0, 2.0])


def test_a_step_survives_the_wire() -> None:
    step = _step()
    wire = serialize_message(conversions.from_step_record(step))
    back = conversions.to_step_record(deserialize_message(wire, Step))
    arrays = ('observation', 'action', 'applied_action')
    assert _without(back, *arrays) == _without(step, *arrays)
    for name in arrays:
        np.testing.assert_array_equal(getattr(back, name), getattr(step, name))
        assert getattr(back, name).dtype == np.float32


def test_a_payload_of_a_megabyte_is_assigned_in_a_few_milliseconds() -> None:
    payload = bytes(1_000_000)
    start = time.perf_counter()
    chunk = PolicyChunk(data=conversions.to_bytes(payload[: PolicyChunk.MAX_DATA]))
    for _ in range(16):
        chunk.data = conversions.to_bytes(payload[: PolicyChunk.MAX_DATA])
    # Element by element takes seconds; this bound only tells the two apart.
    assert time.perf_counter() - start < 1.0
    assert bytes(chunk.data) == payload[: PolicyChunk.MAX_DATA]


def _without(value: object, *names: str) -> dict[str, object]:
    return {key: item for key, item in vars(value).items() if key not in names}


def _step() -> StepRecord:
    return StepRecord(
        stamp_ns=50_000_000,
        session_id='s',
        episode=2**33,
        index=4,
        skill='reach',
        policy_version=3,
        layout_hash='abc',
        observation=np.array([1.0, 2.0], dtype=np.float32),
        action=np.array([0.1], dtype=np.float32),
        applied_action=np.array([0.05], dtype=np.float32),
        reward=-0.5,
        reward_terms={'distance': -0.4, 'effort': -0.1},
        measures={'distance': 0.4},
        terminated=False,
        truncated=True,
    )
