# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters: documented, in range by default, refused outside of it."""

from dataclasses import fields

import pytest

from maxent_rl.sac_config import SACConfig


def test_the_defaults_are_those_of_the_paper_and_the_project():
    config = SACConfig()
    assert (config.discount, config.learning_rate, config.batch_size) == (0.98, 1e-3, 256)
    assert (config.target_smoothing, config.hidden) == (0.005, (256, 256))
    assert (config.target_entropy_per_dim, config.initial_temperature) == (-1.0, 0.05)
    assert config.layer_norm
    assert config.automatic_temperature


def test_every_option_is_documented_and_every_number_has_a_range():
    for spec in fields(SACConfig):
        assert spec.metadata['doc']
        if isinstance(spec.default, float) or type(spec.default) is int:
            assert spec.metadata['min'] <= spec.default <= spec.metadata['max']


@pytest.mark.parametrize('spec', [s for s in fields(SACConfig) if 'min' in s.metadata])
@pytest.mark.parametrize('bad', ['below', 'above', 'nan'])
def test_a_number_outside_its_range_is_refused_by_name(spec, bad):
    low, high = spec.metadata['min'], spec.metadata['max']
    value = {'below': low - 1, 'above': high + 1, 'nan': float('nan')}[bad]
    with pytest.raises(ValueError, match=spec.name):
        SACConfig(**{spec.name: value})
