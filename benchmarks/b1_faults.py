# SPDX-License-Identifier: Apache-2.0
"""Row B1: learners and recorders that are killed, and bags that are cut off."""

from __future__ import annotations

import os
from pathlib import Path
import random
import shutil
from typing import Any

from bag_damage import cut_at, size_of, wrong_values
from job_workspace import Workspace
from learner_kills import kill_and_resume
from recorder_kills import kill_once

from maxent_ros.testing import isolated_domain

SHORTEST_S, LONGEST_S = 0.5, 3.0  # from the first message to the kill of a recorder


def kill_learners(workspace: Workspace, tries: int, seed: int) -> dict[str, Any]:
    """Kill a learner again and again, and resume it."""
    folder = workspace.folder / 'run'
    shutil.rmtree(folder, ignore_errors=True)
    return kill_and_resume(tries, folder, seed)


def kill_recorders(workspace: Workspace, tries: int, seed: int) -> dict[str, Any]:
    """Kill recorders at random moments; the most that one lost in s."""
    rng = random.Random(seed)
    lost = []
    with isolated_domain() as domain:
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        for number in range(tries):
            folder = workspace.folder / f'bag_{number}'
            shutil.rmtree(folder, ignore_errors=True)
            lost.append(kill_once(folder, rng.uniform(SHORTEST_S, LONGEST_S), environment))
            shutil.rmtree(folder)
            workspace.progress(number + 1, tries)
    return {'tried': tries, 'max_lost_s': max(lost), 'median_lost_s': sorted(lost)[tries // 2]}


def cut_bags(workspace: Workspace, recording: str, tries: int, seed: int) -> dict[str, Any]:
    """Cut a bag at random bytes and count wrong values in what can be read of it."""
    bag = Path(workspace.outcome(recording).result['bag'])
    rng, size = random.Random(seed), size_of(bag)
    wrong = 0
    for number in range(tries):
        folder = workspace.folder / 'cut'
        shutil.rmtree(folder, ignore_errors=True)
        wrong += wrong_values(bag, cut_at(bag, rng.randrange(size), folder))
        workspace.progress(number + 1, tries)
    return {'tried': tries, 'wrong': wrong}
