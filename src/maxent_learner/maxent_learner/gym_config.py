# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run on a Gymnasium environment, and the environment they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
import json
from typing import Any

import gymnasium

from maxent_learner.trainer_config import setting
from maxent_robot.layout import Field, ObservationLayout

MAY_CHANGE = ('steps', 'checkpoint_every')  # from one part of a run to the next

Environment = gymnasium.Env[Any, Any]


@dataclass(frozen=True)
class GymRunConfig:
    """One run. Raises ValueError naming the setting that cannot be."""

    environment: str  # id, with 'module:' before it if importing that registers it
    environment_options: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = setting('sac', 'learning algorithm')
    algorithm_options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = setting(0, 'of networks, exploration, sampling and starts of episodes', 0)
    steps: int = setting(100_000, 'environment steps of the whole run', 1)
    updates_per_step: float = setting(1.0, 'gradient steps per environment step', 0)
    learning_starts: int = setting(1_000, 'steps of the initial policy before any update', 1)
    checkpoint_every: int = setting(10_000, 'steps, rounded up to the end of an episode', 1)
    buffer_capacity: int = setting(1_000_000, 'observations kept, the oldest go first', 2)

    def __post_init__(self) -> None:
        for each in fields(self):
            minimum, value = each.metadata.get('minimum'), getattr(self, each.name)
            if minimum is not None and not value >= minimum:
                raise ValueError(f'{each.name} is {value!r}; it must be at least {minimum}')

    @property
    def robot(self) -> str:
        """The environment's name without module, namespace and version, in lower case."""
        return self.environment.rpartition(':')[2].rpartition('/')[2].rpartition('-v')[0].lower()

    @property
    def task(self) -> str:
        """The environment's goal, 'default' if it has only one."""
        return str(self.environment_options.get('goal', 'default'))


def identity(config: GymRunConfig) -> dict[str, Any]:
    """Return the settings that make a run what it is, as JSON gives them back."""
    content = {name: value for name, value in asdict(config).items() if name not in MAY_CHANGE}
    return dict(json.loads(json.dumps(content)))


def make_gym(config: GymRunConfig) -> Environment:
    """Make the environment; ValueError if there is none of that name or an option is refused."""
    try:
        return gymnasium.make(
            config.environment, disable_env_checker=True, **config.environment_options
        )
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError) as error:
        raise ValueError(f'environment {config.environment!r}: {error}') from error


def sizes(environment: Environment) -> tuple[int, int]:
    """Return the lengths of observation and action; ValueError for spaces of another kind."""
    space, actions = environment.observation_space, environment.action_space
    name = type(environment.unwrapped).__name__
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ValueError(f'{name} observes {space}: a Box of one axis is needed, flatten it')
    one = isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1
    if not one or (actions.low != -1.0).any() or (actions.high != 1.0).any():
        raise ValueError(f'{name} takes actions {actions}: Box(-1, 1, (m,)) is needed, rescale it')
    return space.shape[0], actions.shape[0]


def layout_of(environment: Environment) -> ObservationLayout:
    """Return the layout that an environment has as `layout`, else one nameless field."""
    whole = ObservationLayout((Field('observation', sizes(environment)[0]),))
    layout: ObservationLayout = getattr(environment.unwrapped, 'layout', whole)
    return layout
