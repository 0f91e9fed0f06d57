# SPDX-License-Identifier: Apache-2.0
"""Algorithms from names and plain options."""

import pytest

from maxent_rl.algorithms import ALGORITHMS, make_algorithm
from maxent_rl.sac_config import SACConfig


def test_every_known_algorithm_can_be_made_with_its_defaults():
    for name in ALGORITHMS:
        algorithm = make_algorithm(name, 3, 2, {}, seed=0)
        assert (algorithm.obs_dim, algorithm.act_dim) == (3, 2)


def test_options_reach_the_configuration_in_their_types():
    options = {'hidden': [32, 16], 'discount': 0, 'layer_norm': False, 'batch_size': 8}
    config = make_algorithm('sac', 3, 2, options, seed=0).config
    assert config == SACConfig(hidden=(32, 16), discount=0.0, layer_norm=False, batch_size=8)
    assert isinstance(config.discount, float)


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'ppo'.*sac"):
        make_algorithm('ppo', 3, 2, {}, seed=0)


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
