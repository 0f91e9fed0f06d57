# SPDX-License-Identifier: Apache-2.0
"""Opens a skill for a robot and a task, and refuses one that does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maxent_rl.skill import Skill, SkillError, load_skill
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks import Task


def find_skill(name: str, skills_dir: str) -> Path:
    """Return the folder of a skill given by name under skills_dir, or by path.

    Raises:
        SkillError: there is none; names both places, and the skills that there are.
    """
    named = Path(skills_dir) / name
    for folder in (named, Path(name)):
        if (folder / 'skill.json').is_file():
            return folder
    there = sorted(path.parent.name for path in Path(skills_dir).glob('*/skill.json'))
    raise SkillError(
        f"no skill '{name}': neither {named} nor {Path(name)} holds a skill.json; "
        f'{skills_dir} has {there}'
    )


def open_skill(folder: Path, spec: RobotSpec, task: Task) -> Skill:
    """Load a skill and check that it belongs to this robot, observation layout and action space.

    Raises:
        SkillError: it is damaged, or names the first thing that differs.
    """
    skill = load_skill(folder)
    meta, mapping = skill.metadata, task.mapping
    wanted: dict[str, tuple[object, object]] = {
        'robot': (meta.robot, spec.name),
        'observation layout': (meta.layout_hash, task.layout.hash),
        'action mode': (meta.action_mode, mapping.mode.name.lower()),
        'joints': (meta.action_joints, mapping.joint_names),
    }
    for what, (theirs, ours) in wanted.items():
        if theirs != ours:
            raise SkillError(
                f"skill '{meta.name}' in {folder} has {what} {theirs}, but task '{task.name}' of "
                f"robot '{spec.name}' has {ours}"
            )
    if not np.allclose(meta.action_scale, mapping.scale, rtol=1e-9, atol=0.0):
        raise SkillError(
            f"skill '{meta.name}' in {folder} has action scale {meta.action_scale}, but task "
            f"'{task.name}' has {tuple(mapping.scale.tolist())}"
        )
    return skill
