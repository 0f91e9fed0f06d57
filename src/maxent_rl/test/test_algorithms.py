# SPDX-License-Identifier: Apache-2.0
"""Algorithms from names and plain options."""

import pytest

from maxent_rl.algorithms import ALGORITHMS, algorithm_config, make_algorithm
from maxent_rl.sac_config import SACConfig


def test_every_known_algorithm_can_be_made_with_its_defaults():
    for name in ALGORITHMS:
        algorithm = make_algorithm(name, 3, 2, {}, seed=0)
        assert (algorithm.obs_dim, algorithm.act_dim) == (3, 2)
        assert (algorithm.policy.obs_dim, algorithm.policy.act_dim) == (3, 2)
        assert algorithm.updates == 0
        assert algorithm.state()[1]['algorithm'] == name


def test_only_the_algorithms_with_entropy_have_a_temperature():
    temperatures = {name: make_algorithm(name, 3, 2, {}, 0).temperature for name in ALGORITHMS}
    assert {name for name, value in temperatures.items() if value > 0.0} == {'sac', 'soft_q'}


def test_options_reach_the_configuration_in_their_types():
    options = {'hidden': [32, 16], 'discount': 0, 'layer_norm': False, 'batch_size': 8}
    config = make_algorithm('sac', 3, 2, options, seed=0).config
    assert config == SACConfig(hidden=(32, 16), discount=0.0, layer_norm=False, batch_size=8)
    assert isinstance(config.discount, float)


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'ppo'.*sac"):
        make_algorithm('ppo', 3, 2, {}, seed=0)


@pytest.mark.parametrize('name', ALGORITHMS)
def test_what_every_configuration_has_can_be_set_for_every_algorithm(name):
    options = {'hidden': [32, 16], 'discount': 0, 'layer_norm': False, 'batch_size': 8}
    config = algorithm_config(name, options)
    assert (config.hidden, config.layer_norm, config.batch_size) == ((32, 16), False, 8)
    assert isinstance(config.discount, float)
    assert algorithm_config(name, {}) == ALGORITHMS[name].config()


@pytest.mark.parametrize('name', ALGORITHMS)
@pytest.mark.parametrize(
    'option', [{'gamma': 0.9}, {'discount': 'high'}, {'batch_size': 0}, {'hidden': [0]}]
)
def test_errors_name_the_algorithm_and_the_option(name, option):
    with pytest.raises(ValueError, match=next(iter(option))) as caught:
        algorithm_config(name, option)
    assert name in str(caught.value).lower()


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'gamma': 0.9}, 'gamma'),
        ({'discount': 'high'}, 'discount'),
        ({'discount': True}, 'discount'),
        ({'batch_size': 2.5}, 'batch_size'),
        ({'hidden': [64, '64']}, 'hidden'),
        ({'hidden': []}, 'hidden'),
        ({'discount': float('nan')}, 'discount'),
        ({'learning_rate': 0.0}, 'learning_rate'),
    ],
)
def test_a_wrong_option_is_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        make_algorithm('sac', 3, 2, options, seed=0)


@pytest.mark.parametrize('name', ALGORITHMS.keys() - {'sac'})
def test_an_algorithm_that_sees_no_images_refuses_them_by_name(name):
    message = rf'{name} cannot learn from images, only sac can; got \(2, 3, 2\)'
    with pytest.raises(ValueError, match=message):
        make_algorithm(name, 15, 2, {}, 0, (2, 3, 2))


def test_sac_takes_the_shape_of_its_images():
    algorithm = make_algorithm('sac', 15, 2, {'hidden': [8]}, 0, (2, 3, 2))
    assert algorithm.policy.image == (2, 3, 2)
    assert 'q2.encoder.conv1.weight' in algorithm.skill_tensors()
