# SPDX-License-Identifier: Apache-2.0
"""Which nodes with which parameters make up a system, as plain data.

`ros2 launch` (maxent_bringup.launch_adapter) and `maxent up` (maxent_bringup.supervise) both run
what `describe` says. Nothing here imports ROS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
import math
from pathlib import Path
import re
import shlex
import sys
from typing import Any

from maxent_rl.algorithms import ALGORITHMS, algorithm_config
from maxent_rl.skill_metadata import SkillError, check_name
from maxent_robot.option_texts import format_options, parse_options
from maxent_robot.robots import ROBOTS, get_robot
from maxent_robot.safety.config import SIMULATED_REST
from maxent_robot.tasks import FIRST_TASKS, TASKS, TRAINING_STEPS, make_task

RUNS, SKILLS = Path('runs'), Path('skills')
ROS_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*')


class SystemConfigError(ValueError):
    """A system was asked for that cannot be; the text names the choices."""


def setting(
    default: Any, doc: str, choices: Iterable[str] = (), minimum: float = -math.inf
) -> Any:
    """Return a dataclass field with its meaning and the values that it may have."""
    meta = {'doc': doc, 'choices': tuple(choices), 'minimum': minimum}
    return field(default=default, metadata=meta)


def _check(name: str, value: Any, meta: Mapping[str, Any]) -> None:
    if meta['choices'] and value not in meta['choices']:
        raise SystemConfigError(f"unknown {name} '{value}'; choices: {', '.join(meta['choices'])}")
    if meta['minimum'] > -math.inf and not value >= meta['minimum']:
        raise SystemConfigError(f'{name} must be at least {meta["minimum"]}, got {value}')


def _check_names(skill: str, run: str, namespace: str) -> None:
    for name, value in (('skill', skill), ('name', run)):
        try:
            check_name(value)
        except SkillError as error:
            raise SystemConfigError(f'{name}: {error}') from None
    parts = namespace.split('/') if namespace else ()
    if not all(ROS_NAME.fullmatch(part) for part in parts):
        raise SystemConfigError(
            f"namespace '{namespace}' must be of letters, digits and _, parts joined by /"
        )


@dataclass(frozen=True)
class SystemConfig:
    """What somebody wants to run. A combination that cannot be raises SystemConfigError."""

    purpose: str = setting('train', 'train a skill, or run one', ('train', 'run'))
    robot: str = setting('sawyer', 'which robot', ROBOTS)
    task: str = setting('auto', "what it shall do; auto: the robot's first task", ('auto', *TASKS))
    task_options: tuple[str, ...] = setting((), 'settings of the task, such as axis=z')
    mode: str = setting('sim', 'MuJoCo, or a robot on the graph', ('sim', 'hardware'))
    skill: str = setting('', 'skill that is made (train) or used (run); empty: ROBOT_TASK')
    world: tuple[str, ...] = setting((), 'sim: what is varied, such as terrain=slope')
    seed: int = setting(0, 'of start poses, goals, networks and exploration', minimum=0)
    record: bool = setting(False, 'write all topics to a rosbag in the run folder')
    namespace: str = setting('', 'of all nodes: two robots live in two namespaces')
    pacing: str = setting(
        'auto',
        'simulated time waits for the nodes, or runs; auto: train in lockstep, run in realtime',
        ('auto', 'lockstep', 'realtime'),
    )
    real_time_factor: float = setting(1.0, 'speed of simulated time in realtime pacing')
    runs: Path = setting(RUNS, 'folder of the run folders')  # noqa: RUF009
    skills: Path = setting(SKILLS, 'folder of the skill folders')  # noqa: RUF009
    name: str = setting('', 'of the run folder; empty: the name of the skill')
    algorithm: str = setting('sac', 'train: learning algorithm', ALGORITHMS)
    algorithm_options: tuple[str, ...] = setting(
        (), 'train: settings of the algorithm, such as discount=0.99 hidden=[128,128]'
    )
    max_steps: int = setting(
        0, 'train: environment steps; 0: as many as the task takes', minimum=0
    )
    updates_per_step: float = setting(1.0, 'train: gradient steps per environment step', minimum=0)
    max_steps_ahead: int = setting(8, 'train: steps that may await learning', minimum=1)
    bags: tuple[str, ...] = setting((), 'train: bags to learn from, too')
    bag_share: float = setting(
        0.5, 'train: share of every batch that is drawn from bags, if there are any', minimum=0.0
    )
    resume: bool = setting(False, 'train: continue the run of this name')
    episodes: int = setting(0, 'run: stop after so many; 0: go on', minimum=0)
    deterministic: bool = setting(True, 'run: take the mean action instead of a drawn one')
    parameter_files: tuple[Path, ...] = setting((), 'ROS parameter files that every node reads')

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.name, getattr(self, item.name), item.metadata)
        if self.task == 'auto':
            object.__setattr__(self, 'task', FIRST_TASKS[self.robot])
        object.__setattr__(self, 'max_steps', self.max_steps or TRAINING_STEPS[self.task])
        object.__setattr__(self, 'skill', self.skill or f'{self.robot}_{self.task}')
        object.__setattr__(self, 'name', self.name or self.skill)
        bags = tuple(str(Path(bag).expanduser().resolve()) for bag in self.bags)
        object.__setattr__(self, 'bags', bags)
        _check_names(self.skill, self.name, self.namespace)
        if not math.isfinite(self.real_time_factor) or self.real_time_factor <= 0.0:
            raise SystemConfigError(f'real_time_factor must be > 0, got {self.real_time_factor}')
        self._check_hardware()
        try:
            make_task(get_robot(self.robot), self.task, **self.options)
            algorithm_config(self.algorithm, parse_options(self.algorithm_options))
        except ValueError as error:
            raise SystemConfigError(str(error)) from None

    def _check_hardware(self) -> None:
        if self.mode != 'hardware':
            return
        if self.pacing == 'lockstep':
            raise SystemConfigError('a real robot does not wait: pacing must be realtime')
        if self.real_time_factor != 1.0:
            raise SystemConfigError('a real robot runs at real_time_factor 1.0')

    @property
    def options(self) -> dict[str, Any]:
        """Options of the task by name; ValueError if a text is not name=value."""
        return parse_options(self.task_options)

    @property
    def run_folder(self) -> Path:
        """Folder for logs, checkpoints, curves and bags of this run."""
        return self.runs / self.name

    @property
    def actual_pacing(self) -> str:
        """Lockstep or realtime."""
        if self.pacing != 'auto':
            return self.pacing
        is_simulated_training = self.purpose == 'train' and self.mode == 'sim'
        return 'lockstep' if is_simulated_training else 'realtime'


@dataclass(frozen=True)
class NodeSpec:
    """One process of a system."""

    package: str
    executable: str
    name: str
    namespace: str = ''
    parameters: Mapping[str, Any] = field(default_factory=dict)  # bool, int, float, str, lists
    remappings: tuple[tuple[str, str], ...] = ()
    parameter_files: tuple[Path, ...] = ()

    @property
    def full_name(self) -> str:
        """Name in the graph, with the namespace."""
        return f'/{self.namespace}/{self.name}' if self.namespace else f'/{self.name}'


def describe(config: SystemConfig) -> tuple[NodeSpec, ...]:
    """Return the nodes that make up a system; nothing of the simulator in mode hardware."""
    nodes = [_guard(config), _policy(config)]
    if config.mode == 'sim':
        nodes.insert(0, _bridge(config))
    if config.purpose == 'train':
        nodes.append(_learner(config))
    if config.record:
        nodes.insert(0, _recorder(config))  # it shall listen before the others begin
    return tuple(nodes)


def _task(config: SystemConfig) -> dict[str, Any]:
    """Parameters that policy and learner must agree about."""
    return {'robot': config.robot, 'task': config.task, 'seed': config.seed}


def _task_options(config: SystemConfig) -> dict[str, Any]:
    """Options as the policy's parameters: where the task has a float, 1 must be written 1.0."""
    defaults = vars(TASKS[config.task]())
    return {
        f'task.{name}': _as_floats(value) if _is_float(defaults[name]) else value
        for name, value in config.options.items()
    }


def _is_float(default: Any) -> bool:
    return isinstance(default[0] if isinstance(default, tuple) else default, float)


def _as_floats(value: Any) -> Any:
    return [float(each) for each in value] if isinstance(value, list) else float(value)


def _pace(config: SystemConfig) -> dict[str, Any]:
    return {'pacing': config.actual_pacing, 'real_time_factor': config.real_time_factor}


def _bridge(config: SystemConfig) -> NodeSpec:
    parameters = {'robot': config.robot, **_pace(config), **_texts('world', config.world)}
    return _spec(config, 'sim_bridge', 'bridge_node', 'sim_bridge', parameters, is_clock=True)


def _guard(config: SystemConfig) -> NodeSpec:
    parameters = {'robot': config.robot, **_pace(config)}
    if config.mode == 'sim':
        parameters['safety.overload_rest'] = SIMULATED_REST
    return _spec(config, 'maxent_policy_node', 'guard_node', 'guard', parameters)


def _policy(config: SystemConfig) -> NodeSpec:
    is_lockstep = config.actual_pacing == 'lockstep'
    parameters = {
        **_task(config),
        **_task_options(config),
        'pacing': config.actual_pacing,
        'reset': 'service' if is_lockstep or _is_put_back(config) else 'motion',
    }
    if config.record:
        parameters['wait_for_recorder'] = True
    if config.purpose == 'train':
        options = parse_options(config.algorithm_options)
        parameters['algorithm'] = config.algorithm
        parameters['hidden_sizes'] = list(algorithm_config(config.algorithm, options).hidden)
        parameters['wait_for_learner'] = 'step' if is_lockstep else 'episode'
        parameters['max_steps_ahead'] = config.max_steps_ahead
    else:
        parameters['skill'] = config.skill
        parameters['skills_dir'] = str(config.skills)
        parameters['deterministic'] = config.deterministic
        parameters['episodes'] = config.episodes
    return _spec(config, 'maxent_policy_node', 'policy_node', 'policy', parameters)


def _is_put_back(config: SystemConfig) -> bool:
    """Whether the simulation must put back what the robot cannot: itself, or what it moved."""
    return config.mode == 'sim' and not get_robot(config.robot).resets_itself


def _learner(config: SystemConfig) -> NodeSpec:
    parameters = {
        **_task(config),
        **_texts('task_options', config.task_options),
        **_texts('world', config.world),
        'algorithm': config.algorithm,
        **_texts('algorithm_options', config.algorithm_options),
        **_texts('bags', config.bags),
        'bag_share': float(config.bag_share),
        'skill': config.skill,
        'run_folder': str(config.run_folder),
        'skills_folder': str(config.skills),
        'max_steps': config.max_steps,
        'updates_per_step': float(config.updates_per_step),
        'resume': config.resume,
    }
    return _spec(config, 'maxent_learner', 'learner_node', 'learner', parameters)


def _texts(name: str, values: tuple[str, ...]) -> dict[str, Any]:
    """Return a parameter that is a list of texts; none if empty, which ROS cannot write."""
    return {name: list(values)} if values else {}


def _recorder(config: SystemConfig) -> NodeSpec:
    parameters = {'folder': str(config.run_folder / 'bag'), **_texts('about', _about(config))}
    return _spec(config, 'maxent_learner', 'bag_recorder', 'recorder', parameters)


def _about(config: SystemConfig) -> tuple[str, ...]:
    """What a recording is of: all that reading it later needs to know, as name=value."""
    values = {
        'purpose': config.purpose,
        'robot': config.robot,
        'task': config.task,
        'task_options': ' '.join(format_options(config.options)),
        'world': ' '.join(config.world),
        'mode': config.mode,
        'seed': config.seed,
        'pacing': config.actual_pacing,
        'real_time_factor': config.real_time_factor,
        'skill': config.skill,
        **_about_acting(config),
        'command': shlex.join(sys.argv),
    }
    return tuple(f'{name}={value}' for name, value in values.items())


def _about_acting(config: SystemConfig) -> dict[str, Any]:
    """What says which networks act, and whether they draw their actions."""
    if config.purpose == 'run':
        return {'deterministic': config.deterministic}
    options = ' '.join(config.algorithm_options)
    return {
        'algorithm': config.algorithm,
        'algorithm_options': options,
        'updates_per_step': config.updates_per_step,
        'deterministic': False,
    }


def _spec(
    config: SystemConfig,
    package: str,
    executable: str,
    name: str,
    parameters: dict[str, Any],
    *,
    is_clock: bool = False,
) -> NodeSpec:
    is_simulated = config.mode == 'sim'
    # In lock-step no node needs /clock, and reading it would cost a quarter of the CPU time.
    if is_simulated and not is_clock and config.actual_pacing == 'realtime':
        parameters['use_sim_time'] = True
    # Each robot's simulation has a time of its own.
    own_clock = (('/clock', f'/{config.namespace}/clock'),) if config.namespace else ()
    return NodeSpec(
        package,
        executable,
        name,
        config.namespace,
        parameters,
        own_clock if is_simulated else (),
        config.parameter_files,
    )
