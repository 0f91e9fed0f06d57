# SPDX-License-Identifier: Apache-2.0
"""Settings that cannot be are refused by name."""

import pytest

from maxent_learner.trainer_config import TrainerConfig


@pytest.mark.parametrize(
    'setting',
    [
        {'max_steps': 0},
        {'updates_per_step': -1.0},
        {'updates_per_step': float('nan')},
        {'learning_starts': 0},
        {'buffer_capacity': 1},
        {'publish_every': 0},
        {'checkpoint_every': 0},
        {'seed': -1},
    ],
)
def test_a_setting_below_its_range_is_refused_by_name(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        TrainerConfig(**setting)


def test_options_of_the_algorithm_are_parsed():
    config = TrainerConfig(algorithm_options=('discount=0.95', 'hidden=[32, 32]'))
    assert config.options == {'discount': 0.95, 'hidden': [32, 32]}
    with pytest.raises(ValueError, match='name=value'):
        TrainerConfig(algorithm_options=('discount',))


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        ({'algorithm': 'ppo'}, r"'ppo'.*soft_q"),
        ({'algorithm_options': ('particles=8',)}, 'particles.* of sac'),
        ({'algorithm': 'ddpg', 'algorithm_options': ('discount=2.0',)}, 'DDPG option discount'),
    ],
)
def test_an_unknown_algorithm_or_option_is_refused_at_once(settings, named):
    with pytest.raises(ValueError, match=named):
        TrainerConfig(**settings)


def test_each_algorithm_takes_its_own_options():
    config = TrainerConfig(algorithm='soft_q', algorithm_options=('particles=8',))
    assert config.options == {'particles': 8}
