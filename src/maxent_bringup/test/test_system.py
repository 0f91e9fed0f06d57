# SPDX-License-Identifier: Apache-2.0
"""Which nodes make up which system."""

from __future__ import annotations

from pathlib import Path

import pytest

from maxent_bringup.system import NodeSpec, SystemConfig, SystemConfigError, describe
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl.algorithms import ALGORITHMS, algorithm_config
from maxent_robot.option_texts import parse_options


def by_name(config: SystemConfig) -> dict[str, NodeSpec]:
    return {spec.name: spec for spec in describe(config)}


def test_training_in_simulation_is_bridge_guard_policy_and_learner() -> None:
    assert list(by_name(SystemConfig())) == ['sim_bridge', 'guard', 'policy', 'learner']


def test_running_a_skill_needs_no_learner() -> None:
    assert list(by_name(SystemConfig(purpose='run'))) == ['sim_bridge', 'guard', 'policy']


def test_recording_adds_the_recorder() -> None:
    nodes = by_name(SystemConfig(record=True))
    assert next(iter(nodes)) == 'recorder'
    assert nodes['policy'].parameters['wait_for_recorder']
    assert 'wait_for_recorder' not in by_name(SystemConfig())['policy'].parameters


def test_a_recording_says_what_it_is_of() -> None:
    options = ('value=0.3', 'axis=z')
    config = SystemConfig(record=True, seed=3, task='reach_plane', task_options=options)
    about = dict(text.split('=', 1) for text in by_name(config)['recorder'].parameters['about'])
    assert (about['robot'], about['task'], about['seed']) == ('sawyer', 'reach_plane', '3')
    assert parse_options(about['task_options'].split()) == config.options
    assert (about['mode'], about['pacing'], about['purpose']) == ('sim', 'lockstep', 'train')
    assert about['skill'] == 'sawyer_reach_plane'
    assert 'pytest' in about['command']


@pytest.mark.parametrize('purpose', ['train', 'run'])
def test_hardware_has_no_simulator_and_nothing_that_belongs_to_it(purpose: str) -> None:
    nodes = by_name(SystemConfig(purpose=purpose, mode='hardware', record=True))
    assert 'sim_bridge' not in nodes
    assert nodes['policy'].parameters['reset'] == 'motion'
    for spec in nodes.values():
        assert 'use_sim_time' not in spec.parameters
        assert spec.parameters.get('pacing', 'realtime') == 'realtime'
        assert not spec.remappings


def test_simulated_training_is_in_lockstep_and_running_in_real_time() -> None:
    assert SystemConfig(purpose='train').actual_pacing == 'lockstep'
    assert SystemConfig(purpose='run').actual_pacing == 'realtime'
    assert SystemConfig(purpose='run', pacing='lockstep').actual_pacing == 'lockstep'


def test_nodes_follow_the_clock_of_a_simulation_that_runs_by_itself() -> None:
    nodes = by_name(SystemConfig(purpose='run', pacing='realtime'))
    assert {name for name, s in nodes.items() if 'use_sim_time' in s.parameters} == {
        'guard',
        'policy',
    }


def test_all_nodes_agree_about_pace_robot_and_seed() -> None:
    for config in (SystemConfig(seed=7), SystemConfig(purpose='run', seed=7)):
        for name in ('pacing', 'robot', 'task', 'seed'):
            values = {s.parameters[name] for s in describe(config) if name in s.parameters}
            assert len(values) == 1, name


def test_policy_and_learner_get_the_same_task_options() -> None:
    options = ('axis=z', 'value=0.3', 'episode_steps=50')
    nodes = by_name(SystemConfig(task='reach_plane', task_options=options))
    policy, learner = nodes['policy'].parameters, nodes['learner'].parameters
    assert (policy['task.axis'], policy['task.value']) == ('z', 0.3)
    assert policy['task.episode_steps'] == 50
    assert learner['task_options'] == list(options)


def test_policy_and_learner_get_the_same_algorithm_and_network() -> None:
    options = ('hidden=[64,32]', 'particles=8')
    nodes = by_name(SystemConfig(algorithm='soft_q', algorithm_options=options))
    policy, learner = nodes['policy'].parameters, nodes['learner'].parameters
    assert policy['algorithm'] == learner['algorithm'] == 'soft_q'
    assert learner['algorithm_options'] == list(options)
    assert policy['hidden_sizes'] == [64, 32]


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_the_learners_default_network_is_what_the_policy_expects(algorithm: str) -> None:
    nodes = by_name(SystemConfig(algorithm=algorithm))
    expected = TrainerConfig(algorithm=nodes['learner'].parameters['algorithm'])
    hidden = algorithm_config(algorithm, expected.options).hidden
    assert tuple(nodes['policy'].parameters['hidden_sizes']) == hidden
    assert 'algorithm_options' not in nodes['learner'].parameters


def test_running_a_skill_leaves_the_algorithm_to_the_skill() -> None:
    parameters = by_name(SystemConfig(purpose='run'))['policy'].parameters
    assert not {'algorithm', 'hidden_sizes'} & parameters.keys()


def test_whole_numbers_become_floats_where_the_task_has_floats() -> None:
    options = ('target=[0.6,0,0.2]', 'tolerance=1')
    parameters = by_name(SystemConfig(task_options=options))['policy'].parameters
    assert [type(each) for each in parameters['task.target']] == [float, float, float]
    assert isinstance(parameters['task.tolerance'], float)


def test_two_robots_have_different_node_names_and_clocks() -> None:
    specs = [*describe(SystemConfig(namespace='left')), *describe(SystemConfig(namespace='right'))]
    assert len({spec.full_name for spec in specs}) == len(specs)
    assert {spec.remappings for spec in specs} == {
        (('/clock', '/left/clock'),),
        (('/clock', '/right/clock'),),
    }


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        ({'robot': 'r2d2'}, 'sawyer'),
        ({'task': 'dance'}, 'reach_random'),
        ({'mode': 'dream'}, 'hardware'),
        ({'pacing': 'leisurely'}, 'lockstep'),
        ({'seed': -1}, 'seed'),
        ({'max_steps': -1}, 'max_steps'),
        ({'bag_share': -0.1}, 'bag_share must be at least 0.0'),
        ({'bag_share': float('nan')}, 'bag_share'),
        ({'task': 'reach_plane', 'task_options': ('axis=w',)}, 'x, y or z'),
        ({'task_options': ('colour=red',)}, 'target'),
        ({'task_options': ('red',)}, 'name=value'),
        ({'algorithm': 'ppo'}, 'soft_q'),
        ({'algorithm_options': ('particles=8',)}, 'particles.* of sac'),
        ({'algorithm_options': ('hidden=[0]',)}, 'hidden'),
        ({'skill': '../../etc'}, 'skill'),
        ({'namespace': 'a b'}, 'namespace'),
        ({'real_time_factor': float('nan')}, 'real_time_factor'),
        ({'mode': 'hardware', 'pacing': 'lockstep'}, 'pacing'),
        ({'mode': 'hardware', 'real_time_factor': 2.0}, 'real_time_factor'),
    ],
)
def test_what_cannot_be_is_refused_naming_setting_or_choices(
    settings: dict[str, object], named: str
) -> None:
    with pytest.raises(SystemConfigError, match=named):
        SystemConfig(**settings)


def test_run_folder_is_named_after_the_skill_unless_it_has_a_name() -> None:
    assert SystemConfig().run_folder == Path('runs/sawyer_reach')
    assert SystemConfig(skill='mine').run_folder == Path('runs/mine')
    assert SystemConfig(skill='mine', name='second').run_folder == Path('runs/second')


@pytest.mark.parametrize(
    ('robot', 'mode', 'reset'),
    [
        ('sawyer', 'sim', 'motion'),
        ('minitaur', 'sim', 'service'),
        ('dclaw', 'sim', 'service'),
        ('minitaur', 'hardware', 'motion'),
        ('dclaw', 'hardware', 'motion'),
    ],
)
def test_a_simulation_puts_back_what_its_robot_cannot(robot: str, mode: str, reset: str) -> None:
    nodes = describe(SystemConfig(purpose='run', robot=robot, mode=mode))
    (policy,) = [node for node in nodes if node.name == 'policy']
    assert policy.parameters['reset'] == reset


@pytest.mark.parametrize(
    ('robot', 'task', 'steps'),
    [('sawyer', 'reach', 12_000), ('minitaur', 'walk', 25_000), ('dclaw', 'turn', 30_000)],
)
def test_a_robot_does_its_first_task_for_as_many_steps_as_that_takes(
    robot: str, task: str, steps: int
) -> None:
    config = SystemConfig(robot=robot)
    assert (config.task, config.max_steps) == (task, steps)
    assert SystemConfig(robot=robot, max_steps=7).max_steps == 7


def test_a_simulation_ends_an_overload_by_itself_and_hardware_waits_for_a_person() -> None:
    for mode, rests in (('sim', True), ('hardware', False)):
        nodes = describe(SystemConfig(robot='minitaur', mode=mode))
        (guard,) = [node for node in nodes if node.name == 'guard']
        assert ('safety.overload_rest' in guard.parameters) is rests


def test_the_world_is_told_to_the_simulator_and_kept_by_the_learner() -> None:
    nodes = describe(SystemConfig(robot='minitaur', world=('terrain=slope',)))
    told = [node.name for node in nodes if 'world' in node.parameters]
    assert told == ['sim_bridge', 'learner']


def test_bags_and_their_share_are_told_to_the_learner_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = SystemConfig(bags=('one', '/two', '~/three'), bag_share=1)
    nodes = describe(config)
    assert [node.name for node in nodes if 'bags' in node.parameters] == ['learner']
    (learner,) = [node for node in nodes if node.name == 'learner']
    wanted = [str(tmp_path / 'one'), '/two', str(Path.home() / 'three')]
    assert learner.parameters['bags'] == wanted  # whatever folder the node works in
    assert learner.parameters['bag_share'] == 1.0
    assert isinstance(learner.parameters['bag_share'], float)


def test_without_bags_none_are_told() -> None:
    assert 'bags' not in by_name(SystemConfig())['learner'].parameters
