# SPDX-License-Identifier: Apache-2.0
"""The guard's figures are checked as one."""

from dataclasses import fields

import pytest

from maxent_robot.safety.config import GuardConfig


def test_every_figure_has_words_and_a_default_inside_its_range():
    for entry in fields(GuardConfig):
        assert len(entry.metadata['doc']) > 10
        assert entry.metadata['min'] <= entry.default <= entry.metadata['max']


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -1.0, 'fast', None, True])
@pytest.mark.parametrize('name', [entry.name for entry in fields(GuardConfig)])
def test_a_figure_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        GuardConfig(**{name: value})


def test_the_box_cannot_be_released_later_than_it_trips():
    with pytest.raises(ValueError, match='box_released'):
        GuardConfig(box_exceeded=0.01, box_released=0.01)
