# SPDX-License-Identifier: Apache-2.0
"""Parameters come from a dataclass: declared, described, validated, changed."""

from dataclasses import dataclass, field, replace

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from maxent_ros import parameters
from maxent_ros.parameters import ParameterError
from maxent_ros.testing import RosFixture


@dataclass(frozen=True)
class Config:
    """One field of each kind."""

    pacing: str = field(
        default='lockstep', metadata={'doc': 'who sets the pace', 'choices': ('lockstep', 'real')}
    )
    rate: float = field(
        default=1.0,
        metadata={'doc': 'factor', 'minimum': 0.1, 'maximum': 10.0, 'read_only': False},
    )
    limit: float = field(default=5.0, metadata={'doc': 'above rate', 'minimum': 0.0})
    episodes: int = field(default=0, metadata={'doc': '0: endless', 'minimum': 0})
    target: tuple[float, ...] = field(default=(), metadata={'doc': 'point (m)'})
    tags: tuple[str, ...] = field(default=('a',), metadata={'doc': 'words'})
    active: bool = field(default=False, metadata={'doc': 'on or off'})

    def __post_init__(self) -> None:
        """Check what concerns two fields."""
        if self.rate > self.limit:
            raise ValueError(f'rate {self.rate} is above limit {self.limit}')


def test_without_overrides_the_defaults_hold(ros: RosFixture) -> None:
    assert parameters.declare(ros.add(Node, 'n'), Config) == Config()


def test_given_values_reach_the_configuration_with_their_types(ros: RosFixture) -> None:
    given = {
        'pacing': 'real',
        'rate': 0.5,
        'episodes': 3,
        'target': [0.1, 0.2],
        'tags': ['x', 'y'],
        'active': True,
    }
    config = parameters.declare(ros.add(Node, 'n', parameters=given), Config)
    assert config == Config('real', 0.5, 5.0, 3, (0.1, 0.2), ('x', 'y'), True)


def test_given_defaults_take_the_place_of_those_of_the_dataclass(ros: RosFixture) -> None:
    robots_own = Config('real', 0.5, 7.0, 3, (0.1, 0.2), (), True)
    node = ros.add(Node, 'n')
    assert parameters.declare(node, Config, prefix='safety.', defaults=robots_own) == robots_own
    assert node.get_parameter('safety.limit').value == 7.0
    given = ros.add(Node, 'given', parameters={'limit': 9.0, 'tags': ['x']})
    config = parameters.declare(given, Config, defaults=robots_own)
    assert config == replace(robots_own, limit=9.0, tags=('x',))


def test_values_that_contradict_the_given_defaults_are_refused(ros: RosFixture) -> None:
    node = ros.add(Node, 'n', parameters={'limit': 4.0})
    with pytest.raises(ParameterError, match=r'rate 5\.0 is above limit 4\.0'):
        parameters.declare(node, Config, defaults=Config(rate=5.0))


def test_a_change_at_run_time_keeps_the_given_defaults_of_the_others(ros: RosFixture) -> None:
    node, seen = ros.add(Node, 'n'), list[Config]()
    parameters.declare(node, Config, on_change=seen.append, defaults=Config(limit=8.0))
    assert node.set_parameters([Parameter('rate', value=6.0)])[0].successful
    assert seen == [Config(rate=6.0, limit=8.0)]


def test_a_prefix_groups_the_names(ros: RosFixture) -> None:
    node = ros.add(Node, 'n', parameters={'task.rate': 2.0})
    assert parameters.declare(node, Config, prefix='task.').rate == 2.0


def test_the_descriptor_tells_meaning_and_range(ros: RosFixture) -> None:
    node = ros.add(Node, 'n')
    parameters.declare(node, Config)
    rate = node.describe_parameter('rate')
    assert rate.description == 'factor'
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (
        0.1,
        10.0,
    )
    assert 'lockstep, real' in node.describe_parameter('pacing').additional_constraints


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('pacing', 'warp', "parameter 'pacing' is 'warp'; allowed: lockstep, real"),
        ('rate', 11.0, "parameter 'rate' allows 0.1 to 10.0"),
        ('rate', float('nan'), "parameter 'rate' allows 0.1 to 10.0"),
        ('limit', float('inf'), "parameter 'limit' is inf; allowed: at least 0.0"),
        ('rate', 1, "parameter 'rate' must be a number with a decimal point"),
        ('episodes', -1, "parameter 'episodes' allows at least 0"),
        ('episodes', 'many', "parameter 'episodes' must be a whole number"),
        ('target', [0.1, float('nan')], "parameter 'target' is nan"),
        ('rate', 6.0, 'Config: rate 6.0 is above limit 5.0'),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_is_allowed(
    ros: RosFixture, name: str, value: object, expected: str
) -> None:
    node = ros.add(Node, 'n', parameters={name: value})
    with pytest.raises(ParameterError) as error:
        parameters.declare(node, Config)
    assert expected in str(error.value)


def test_a_change_at_run_time_reaches_the_node_when_it_is_valid(ros: RosFixture) -> None:
    node = ros.add(Node, 'n')
    seen: list[Config] = []
    parameters.declare(node, Config, on_change=seen.append)
    assert node.set_parameters([Parameter('rate', value=2.0)])[0].successful
    assert [config.rate for config in seen] == [2.0]


def test_an_invalid_change_at_run_time_changes_nothing(ros: RosFixture) -> None:
    node = ros.add(Node, 'n')
    seen: list[Config] = []
    parameters.declare(node, Config, on_change=seen.append)
    for value, reason in ((float('nan'), 'rate'), (6.0, 'above limit'), (99.0, 'rate')):
        result = node.set_parameters([Parameter('rate', value=value)])[0]
        assert not result.successful
        assert reason in result.reason
    assert seen == []
    assert node.get_parameter('rate').value == 1.0


def test_read_only_parameters_stay(ros: RosFixture) -> None:
    node = ros.add(Node, 'n')
    parameters.declare(node, Config, on_change=lambda config: None)
    assert not node.set_parameters([Parameter('limit', value=9.0)])[0].successful
    quiet = ros.add(Node, 'quiet')
    parameters.declare(quiet, Config)
    assert not quiet.set_parameters([Parameter('rate', value=2.0)])[0].successful


def test_the_table_names_every_parameter() -> None:
    table = parameters.describe(Config)
    assert '| rate | 1.0 | 0.1 to 10.0 | factor |' in table
    assert len(table.splitlines()) == 2 + 7


def test_a_field_without_default_or_of_another_type_is_a_programming_error() -> None:
    @dataclass(frozen=True)
    class Bad:
        value: dict = field(default_factory=dict)  # type: ignore[type-arg]

    with pytest.raises(TypeError, match="field 'value' has type"):
        parameters.describe(Bad)


def test_a_mistyped_name_in_a_group_is_refused(ros: RosFixture) -> None:
    node = ros.add(Node, 'n', parameters={'task.rate': 2.0, 'task.raet': 3.0})
    parameters.declare(node, Config, prefix='task.')
    with pytest.raises(ParameterError, match=r"unknown parameters \['task.raet'\]"):
        parameters.refuse_unknown(node, 'task.')
