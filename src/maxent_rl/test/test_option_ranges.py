# SPDX-License-Identifier: Apache-2.0
"""Numbers outside of the ranges in a configuration's fields are refused by name."""

from dataclasses import dataclass, field

import pytest

from maxent_rl.option_ranges import check_options


@dataclass
class Options:
    hidden: tuple[int, ...] = (8, 8)
    rate: float = field(default=0.5, metadata={'min': 0.1, 'max': 1.0})
    flag: bool = True


@pytest.mark.parametrize('rate', [0.1, 0.5, 1.0])
def test_a_number_in_its_range_passes_bounds_included(rate):
    check_options(Options(rate=rate), 'XY')


@pytest.mark.parametrize('rate', [0.09, 1.01, float('nan'), float('inf'), -float('inf')])
def test_a_number_outside_of_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=r'XY option rate must be in \[0.1, 1.0\], got'):
        check_options(Options(rate=rate), 'XY')


@pytest.mark.parametrize('hidden', [(), (0,), (8, 4097)])
def test_layers_that_cannot_be_made_are_refused(hidden):
    with pytest.raises(ValueError, match='XY option hidden'):
        check_options(Options(hidden=hidden), 'XY')
