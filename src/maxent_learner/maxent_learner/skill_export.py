# SPDX-License-Identifier: Apache-2.0
"""Makes a skill out of what a trainer has learned, and says where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses
import importlib.metadata
from pathlib import Path
import platform
from typing import TYPE_CHECKING, Any

from maxent_learner.software import commit
from maxent_rl.skill import Skill, SkillMetadata
from maxent_rl.skill_metadata import LayoutField

if TYPE_CHECKING:
    from maxent_learner.trainer import Trainer
    from maxent_robot.layout import ObservationLayout
    from maxent_robot.robot_spec import RobotSpec

STATES = 1024  # kept with a skill: enough to extract a policy on, some 30 kB
STATES_BYTES = 200_000  # fewer where they are large, so that a skill stays below 1 MB
_HALF = 2  # bytes of a number in a skill's file
_DISTRIBUTIONS = ('torch', 'numpy', 'mujoco', 'safetensors', 'ros-rclpy')


def make_skill(
    trainer: Trainer,
    spec: RobotSpec,
    name: str,
    metrics: Mapping[str, Any],
    origin: Mapping[str, Any],
    created: str,
) -> Skill:
    """Return what the trainer has learned as a skill.

    Args:
        trainer: of a task of `spec`.
        spec: the robot; its limits are written down as those trained under.
        name: of the skill.
        metrics: what it achieved.
        origin: where it came from, see `provenance`.
        created: ISO 8601.

    Raises:
        maxent_rl.skill.SkillError: a name that may not be, or weights that are not finite.
    """
    task, algorithm = trainer.task, trainer.algorithm
    metadata = SkillMetadata(
        name=name,
        robot=spec.name,
        task=task.name,
        algorithm=trainer.config.algorithm,
        temperature=algorithm.temperature,
        discount=algorithm.config.discount,
        layout=layout_fields(task.layout),
        layout_hash=task.layout.hash,
        action_mode=task.mapping.mode.name.lower(),
        action_joints=task.mapping.joint_names,
        action_scale=tuple(task.mapping.scale.tolist()),
        hidden=algorithm.config.hidden,
        layer_norm=algorithm.config.layer_norm,
        limits=limits(spec),
        metrics=dict(metrics),
        provenance=dict(origin),
        created=created,
    )
    states = trainer.recorded_states(state_count(task.layout))
    return Skill(metadata, algorithm.skill_tensors(), states)


def layout_fields(layout: ObservationLayout) -> tuple[LayoutField, ...]:
    """Return what a skill says of its observations."""
    return tuple(
        {'name': part.name, 'size': part.size, 'shape': part.shape}
        if part.shape
        else {'name': part.name, 'size': part.size}
        for part in layout.fields
    )


def state_count(layout: ObservationLayout) -> int:
    """Return how many states to keep with a skill."""
    return min(STATES, max(1, STATES_BYTES // (_HALF * layout.size)))


def limits(spec: RobotSpec) -> dict[str, Any]:
    """Return the limits of a robot by name, one number per joint, SI units."""
    joint_limits = spec.limits
    names = [item.name for item in dataclasses.fields(joint_limits)]
    values = {name: getattr(joint_limits, name) for name in names if name != 'joint_names'}
    return {name: value.tolist() for name, value in values.items()}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that shape a result."""
    found = {'python': platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def provenance(
    trainer: Trainer, command: Sequence[str], task_options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how the skill came about: command, sources, versions, seed, amount of training."""
    return {
        'command': ' '.join([Path(command[0]).name, *command[1:]]),
        'commit': commit(),
        'versions': versions(),
        'seed': trainer.config.seed,
        'steps': trainer.steps,
        'updates': trainer.updates,
        'episodes': trainer.episodes.count,
        'robot_minutes': trainer.robot_time_s / 60.0,
        'updates_per_step': trainer.config.updates_per_step,
        'algorithm_options': trainer.config.options,
        'task_options': dict(task_options),
    }


def training_metrics(trainer: Trainer, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the newest update's metrics and the mean outcome of the last ten episodes."""
    metrics = trainer.metrics
    last = rows[-10:]
    if last:
        for name in ('episode_return', 'final_measure'):
            metrics[f'mean_{name}'] = sum(row[name] for row in last) / len(last)
    return metrics
