# SPDX-License-Identifier: Apache-2.0
"""Task options are checked against the dataclass that documents them."""

from dataclasses import dataclass

import pytest

from maxent_robot.tasks.options import OptionError, build_config, number


@dataclass(frozen=True)
class Config:
    count: int = number(3, 1, 10, 'how many')
    width: float = number(0.5, 0.0, 1.0, 'm')


def test_options_left_out_keep_their_defaults():
    assert build_config(Config, 'stack', {'count': 5}) == Config(5, 0.5)


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"'stack' has no option 'wide'; known .*: count, width"):
        build_config(Config, 'stack', {'wide': 1.0})


@pytest.mark.parametrize('bad', [-0.1, 1.1, float('nan'), float('inf')])
def test_a_number_outside_its_range_is_refused_with_the_range(bad):
    with pytest.raises(OptionError, match=r"'width' of task 'stack' must lie in 0\.0\.\.1\.0"):
        build_config(Config, 'stack', {'width': bad})


@pytest.mark.parametrize(('name', 'bad'), [('count', 2.5), ('count', True), ('width', '0.5')])
def test_a_value_of_another_type_is_refused(name, bad):
    with pytest.raises(OptionError, match=f"'{name}' of task 'stack' must be a"):
        build_config(Config, 'stack', {name: bad})


def test_a_whole_number_will_do_for_a_real_one():
    assert build_config(Config, 'stack', {'width': 1}).width == 1
