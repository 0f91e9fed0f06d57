# SPDX-License-Identifier: Apache-2.0
"""Makes a skill out of what was learned on a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
import sys
from typing import Any

from maxent_learner.gym_config import GymRunConfig, layout_of, make_gym, sizes
from maxent_learner.skill_export import layout_fields, versions
from maxent_learner.software import commit
from maxent_rl.skill import Skill, SkillMetadata


def skill_of(config: GymRunConfig, algorithm: Any, metrics: Mapping[str, Any], name: str) -> Skill:
    """Return what `algorithm` has learned in a run of `config` as the skill `name`.

    Actions of a Gymnasium environment are its own normalised ones: scale 1, no limits. An
    environment with an ObservationLayout as `layout` lends it to the skill.

    Raises:
        maxent_rl.skill.SkillError: a name that may not be, or weights that are not finite.
    """
    with closing(make_gym(config)) as environment:
        _, act_dim = sizes(environment)
        layout = layout_of(environment)
    metadata = SkillMetadata(
        name=name,
        robot=config.robot,
        task=config.task,
        algorithm=config.algorithm,
        temperature=algorithm.temperature,
        discount=algorithm.config.discount,
        layout=layout_fields(layout),
        layout_hash=layout.hash,
        action_mode='torque',
        action_joints=tuple(f'action_{index}' for index in range(act_dim)),
        action_scale=(1.0,) * act_dim,
        hidden=algorithm.config.hidden,
        layer_norm=algorithm.config.layer_norm,
        limits={},
        metrics=dict(metrics),
        provenance={
            'command': ' '.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            'commit': commit(),
            'versions': versions(),
            'updates': algorithm.updates,
            'task_options': dict(config.environment_options),
            **{key: value for key, value in asdict(config).items() if key != 'algorithm'},
        },
        created=datetime.now(UTC).isoformat(timespec='seconds'),
    )
    return Skill(metadata, algorithm.skill_tensors())
