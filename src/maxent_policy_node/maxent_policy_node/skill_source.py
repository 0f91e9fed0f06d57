# SPDX-License-Identifier: Apache-2.0
"""Finds a skill, and refuses one that does not fit a robot and a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maxent_rl.recipe import RECIPE_FILE
from maxent_rl.skill import METADATA_FILE
from maxent_rl.skill_metadata import SkillError, SkillMetadata
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks import Task


def find_skill(name: str, skills_dir: str) -> Path:
    """Return the folder of a skill given by name under skills_dir, or by path.

    Raises:
        SkillError: there is none; names both places, and the skills that there are.
    """
    named = Path(skills_dir) / name
    for folder in (named, Path(name)):
        if any((folder / file).is_file() for file in (METADATA_FILE, RECIPE_FILE)):
            return folder
    there = sorted(
        path.parent.name
        for file in (METADATA_FILE, RECIPE_FILE)
        for path in Path(skills_dir).glob(f'[!.]*/{file}')
    )
    raise SkillError(
        f"no skill '{name}': neither {named} nor {Path(name)} holds a skill; "
        f'{skills_dir} has {there}'
    )


def check_fit(meta: SkillMetadata, spec: RobotSpec, task: Task) -> None:
    """Check that a skill belongs to this robot, observation layout and action space.

    Raises:
        SkillError: names the first thing that differs.
    """
    mapping = task.mapping
    wanted: dict[str, tuple[object, object]] = {
        'robot': (meta.robot, spec.name),
        'observation layout': (meta.layout_hash, task.layout.hash),
        'action mode': (meta.action_mode, mapping.mode.name.lower()),
        'joints': (meta.action_joints, mapping.joint_names),
    }
    for what, (theirs, ours) in wanted.items():
        if theirs != ours:
            raise SkillError(
                f"skill '{meta.name}' has {what} {theirs}, but task '{task.name}' of robot "
                f"'{spec.name}' has {ours}"
            )
    if not np.allclose(meta.action_scale, mapping.scale, rtol=1e-9, atol=0.0):
        raise SkillError(
            f"skill '{meta.name}' has action scale {meta.action_scale}, but task '{task.name}' "
            f'has {tuple(mapping.scale.tolist())}'
        )
