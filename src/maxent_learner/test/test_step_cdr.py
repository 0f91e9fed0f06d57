# SPDX-License-Identifier: Apache-2.0
"""Our own reader of Step gives what rclpy gives, and refuses what is none."""

import dataclasses
import random

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from maxent_learner.step_cdr import LITTLE_ENDIAN, decode_step
from maxent_robot.episode_outputs import StepRecord
from maxent_ros.conversions import from_step_record

TEXTS = ('', 'a', 'right_j0', 'ä€', 'x' * 300)


def any_step(rng):
    """Return a step whose every part has some size, none included."""

    def floats():
        return np.array([rng.uniform(-1, 1) for _ in range(rng.randrange(5))], np.float32)

    def named():
        return {f'{k}{rng.choice(TEXTS)}': rng.gauss(0, 1) for k in range(rng.randrange(4))}

    return StepRecord(
        stamp_ns=rng.randrange(2**60),
        session_id=rng.choice(TEXTS),
        episode=rng.randrange(2**64),
        index=rng.randrange(2**32),
        skill=rng.choice(TEXTS),
        policy_version=rng.randrange(2**64),
        layout_hash=rng.choice(TEXTS),
        observation=floats(),
        action=floats(),
        applied_action=floats(),
        reward=rng.choice([0.0, -0.0, 1e-300, float('inf'), rng.gauss(0, 1)]),
        reward_terms=named(),
        measures=named(),
        terminated=rng.random() < 0.5,
        truncated=rng.random() < 0.5,
    )


def plain(step):
    """Return a step as something that is equal if and only if all bits are."""
    fields = dataclasses.asdict(step)
    return {n: (v.dtype, v.tobytes()) if hasattr(v, 'tobytes') else v for n, v in fields.items()}


def test_every_step_that_rclpy_writes_comes_back_the_same():
    rng = random.Random(0)
    for _ in range(2000):
        step = any_step(rng)
        data = serialize_message(from_step_record(step))
        assert data.startswith(LITTLE_ENDIAN)
        assert plain(decode_step(data)) == plain(step)


def test_the_stamp_and_the_frame_of_the_header_are_read(source):
    message = from_step_record(source.episode()[3])
    message.header.frame_id = 'base'
    message.header.stamp.sec, message.header.stamp.nanosec = -5, 7
    assert decode_step(serialize_message(message)).stamp_ns == -5 * 10**9 + 7


def test_a_step_that_ends_early_is_refused():
    rng = random.Random(1)
    for _ in range(20):
        data = serialize_message(from_step_record(any_step(rng)))
        for length in range(len(data) - 3):  # up to three bytes may fill the end
            with pytest.raises(ValueError, match=r'.'):
                decode_step(data[:length])


def test_bytes_at_random_are_refused_or_read_but_nothing_else_happens(source):
    rng = random.Random(2)
    data = bytearray(serialize_message(from_step_record(source.episode()[3])))
    refused = 0
    for _ in range(2000):
        changed = bytearray(data)
        changed[rng.randrange(4, len(data))] = rng.randrange(256)
        try:
            decode_step(bytes(changed))
        except ValueError:
            refused += 1
    assert refused > 100
