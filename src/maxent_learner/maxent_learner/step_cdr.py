# SPDX-License-Identifier: Apache-2.0
"""Reads maxent_msgs/Step straight into a StepRecord: hours of a recording are read in seconds.

rclpy makes a message object of every step first, which takes several times as long. A test holds
this reader to rclpy's, so a change of Step.msg cannot pass unnoticed.
"""

from __future__ import annotations

import struct

import numpy as np

from maxent_robot.episode_outputs import StepRecord, Vector32
from maxent_robot.types import NANOSECONDS

LITTLE_ENDIAN = b'\x00\x01'  # begins plain CDR as every ROS 2 middleware sends it on a PC

_BODY = 4  # bytes before it; alignment counts from here
_COUNT = struct.Struct('<I')
_STAMP = struct.Struct('<iI')
_UNSIGNED = struct.Struct('<Q')
_DOUBLE = struct.Struct('<d')


def decode_step(data: bytes) -> StepRecord:
    """Return the step that little-endian CDR holds.

    Raises:
        ValueError: the bytes are no Step, or the names of reward terms or measures do not pair up
            with their numbers.
    """
    try:
        return _decode(data)
    except struct.error as error:  # they end too early
        raise ValueError(str(error)) from error


def _decode(data: bytes) -> StepRecord:
    sec, nanosec = _STAMP.unpack_from(data, _BODY)
    _, at = _text(data, _BODY + _STAMP.size)  # frame of the header
    session_id, at = _text(data, at)
    at = _eight(at)
    (episode,) = _UNSIGNED.unpack_from(data, at)
    (index,) = _COUNT.unpack_from(data, at + 8)
    skill, at = _text(data, at + 12)
    at = _eight(at)
    (policy_version,) = _UNSIGNED.unpack_from(data, at)
    layout_hash, at = _text(data, at + 8)
    observation, at = _floats(data, at)
    action, at = _floats(data, at)
    applied_action, at = _floats(data, at)
    at = _eight(at)
    (reward,) = _DOUBLE.unpack_from(data, at)
    reward_terms, at = _named(data, at + 8)
    measures, at = _named(data, at)
    ends = data[at : at + 2]
    if len(ends) != 2 or max(ends) > 1:
        raise ValueError('its flags are neither true nor false')
    return StepRecord(
        stamp_ns=sec * NANOSECONDS + nanosec,
        session_id=session_id,
        episode=episode,
        index=index,
        skill=skill,
        policy_version=policy_version,
        layout_hash=layout_hash,
        observation=observation,
        action=action,
        applied_action=applied_action,
        reward=reward,
        reward_terms=reward_terms,
        measures=measures,
        terminated=ends[0] == 1,
        truncated=ends[1] == 1,
    )


def _eight(at: int) -> int:
    """Return where the next number of eight bytes begins; for four, `& -4` does, as _BODY is 4."""
    return (at - _BODY + 7 & -8) + _BODY


def _text(data: bytes, at: int) -> tuple[str, int]:
    """Return a string and where it ends."""
    at = at + 3 & -4
    (length,) = _COUNT.unpack_from(data, at)
    start, end = at + 4, at + 4 + length
    if length and (end > len(data) or data[end - 1]):
        raise ValueError('a string in it does not end')
    return data[start : end - 1].decode() if length else '', end


def _floats(data: bytes, at: int) -> tuple[Vector32, int]:
    at = at + 3 & -4
    (count,) = _COUNT.unpack_from(data, at)
    if count == 0:
        return np.empty(0, np.float32), at + 4
    return np.frombuffer(data, '<f4', count, at + 4).astype(np.float32), at + 4 + 4 * count


def _named(data: bytes, at: int) -> tuple[dict[str, float], int]:
    """Return names with their numbers, which are two sequences one after the other."""
    at = at + 3 & -4
    (count,) = _COUNT.unpack_from(data, at)
    at += 4
    names = []
    for _ in range(count):  # ends early if there are fewer
        name, at = _text(data, at)
        names.append(name)
    at = at + 3 & -4
    (count,) = _COUNT.unpack_from(data, at)
    at += 4
    if count != len(names):
        raise ValueError(f'{len(names)} names stand for {count} numbers')
    if count:
        at = _eight(at)
    return dict(
        zip(names, struct.unpack_from(f'<{count}d', data, at), strict=True)
    ), at + 8 * count
