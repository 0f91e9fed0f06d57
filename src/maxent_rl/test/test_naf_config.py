# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters: documented, in range by default, refused outside of it."""

from dataclasses import fields

import pytest

from maxent_rl.naf_config import NAFConfig
from maxent_rl.sac_config import SACConfig


def test_every_option_is_documented_and_every_number_has_a_range():
    for spec in fields(NAFConfig):
        assert spec.metadata['doc']
        if isinstance(spec.default, float) or type(spec.default) is int:
            assert spec.metadata['min'] <= spec.default <= spec.metadata['max']


@pytest.mark.parametrize('spec', [s for s in fields(NAFConfig) if 'min' in s.metadata])
@pytest.mark.parametrize('bad', ['below', 'above', 'nan'])
def test_a_number_outside_its_range_is_refused_by_name(spec, bad):
    low, high = spec.metadata['min'], spec.metadata['max']
    value = {'below': low - 1, 'above': high + 1, 'nan': float('nan')}[bad]
    with pytest.raises(ValueError, match=f'NAF option {spec.name}'):
        NAFConfig(**{spec.name: value})


def test_what_skills_must_share_to_be_composed_is_that_of_sac():
    assert NAFConfig().discount == SACConfig().discount
    assert NAFConfig().hidden == SACConfig().hidden
