# SPDX-License-Identifier: Apache-2.0
"""Parameters of the policy node: default, range and meaning of each in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maxent_rl.policies import POLICIES
from maxent_robot import MAX_SEED
from maxent_robot.robots import ROBOTS
from maxent_robot.tasks import TASKS


def _option(default: Any, doc: str, **limits: Any) -> Any:
    return field(default=default, metadata={'doc': doc, **limits})


@dataclass(frozen=True)
class PolicyConfig:
    """What the node runs and how. Options of the task are parameters `task.<option>`.

    Raises ValueError when two values contradict each other.
    """

    robot: str = _option('sawyer', 'robot to act on', choices=tuple(ROBOTS))
    task: str = _option('reach', 'task to act in', choices=tuple(TASKS))
    skill: str = _option(
        '', 'skill to run: a folder, or a name under skills_dir; empty: wait for the learner'
    )
    skills_dir: str = _option('skills', 'folder that holds skills by name')
    deterministic: bool = _option(False, "act by the policy's mode instead of sampling")
    seed: int = _option(0, 'of start poses, goals and action noise', minimum=0, maximum=MAX_SEED)
    pacing: str = _option(
        'lockstep',
        'lockstep: simulated time waits for the policy; realtime: it does not',
        choices=('lockstep', 'realtime'),
    )
    reset: str = _option(
        'service',
        'how episodes begin; service: ResetSimulation, motion: drive to the start pose',
        choices=('service', 'motion'),
    )
    episodes: int = _option(0, 'episodes to run, 0: endless', minimum=0, maximum=(1 << 20) - 1)
    wait_for_learner: str = _option(
        'off',
        'hold back actions while the learner is behind, at any step or only between episodes',
        choices=('off', 'step', 'episode'),
    )
    max_steps_ahead: int = _option(
        8,
        'steps that the learner may be behind before actions are held back',
        minimum=1,
        maximum=1_000_000,
    )
    algorithm: str = _option(
        'sac',
        'algorithm of the learner: which policy its weights make up',
        choices=tuple(POLICIES),
    )
    hidden_sizes: tuple[int, ...] = _option(
        (256, 256),
        "hidden layers of the learner's policy; other weights are refused",
        minimum=1,
        maximum=4096,
    )
    verifier: str = _option(
        '', "rule W4: 'module:function' that refuses weights without a signature; empty: none"
    )
    probation: float = _option(
        2.0,
        's after a swap in which a skill that misbehaves gives way to the last good one',
        minimum=0.0,
        maximum=60.0,
    )
    publish_steps: bool = _option(True, 'publish each step of an episode on policy/step')
    wait_for_recorder: bool = _option(
        False, 'act only when a recorder hears it, so that no bag lacks the first steps'
    )
    autostart: bool = _option(
        True, 'configure and activate without being told, once the guard is seen'
    )

    def __post_init__(self) -> None:
        """Check combinations."""
        if self.wait_for_learner == 'step' and self.pacing == 'realtime':
            raise ValueError(
                "wait_for_learner 'step' needs pacing 'lockstep'; a real robot does not wait "
                "within an episode: use 'episode'"
            )
