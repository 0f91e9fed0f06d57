# SPDX-License-Identifier: Apache-2.0
"""Row B1: how fast steps are read, beside plain `rosbags` reading of the same file."""

from __future__ import annotations

from pathlib import Path
from statistics import median
import time
from typing import Any

from job_workspace import Workspace
from rosbags.highlevel import AnyReader

from maxent_learner.bag_reader import BagReader
from maxent_learner.bag_steps import read_steps
from maxent_learner.experience import Experience
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task
from maxent_ros import topics

TIMES = 5
CAPACITY = 1_000_000


def read_fast(workspace: Workspace, recording: str) -> dict[str, Any]:
    """Transitions per second into a replay buffer, and as a ratio to rosbags; medians of 5."""
    bag = Path(workspace.outcome(recording).result['bag'])
    ours, theirs = [], []
    for number in range(TIMES):  # in turns: the machine is shared
        ours.append(_into_buffer(bag))
        theirs.append(_with_rosbags(bag))
        workspace.progress(number + 1, TIMES)
    count, _ = ours[0]
    return {
        'transitions': count,
        'transitions_per_s': count / median(seconds for _, seconds in ours),
        'ratio_to_rosbags': median(
            (b[1] / b[0]) / (a[1] / a[0]) for a, b in zip(ours, theirs, strict=True)
        ),
    }


def _into_buffer(bag: Path) -> tuple[int, float]:
    experience = Experience(make_task(get_robot('sawyer'), 'reach'), CAPACITY)
    begin = time.monotonic()
    for step in read_steps(BagReader(bag)):
        experience.take(step)
    return experience.transitions, time.monotonic() - begin


def _with_rosbags(bag: Path) -> tuple[int, float]:
    """Decode the same messages, and no more."""
    begin, count = time.monotonic(), 0
    with AnyReader([bag]) as reader:
        wanted = [c for c in reader.connections if c.topic == f'/{topics.STEP}']
        for connection, _, data in reader.messages(wanted):
            count += reader.deserialize(data, connection.msgtype).index > 0
    return count, time.monotonic() - begin
