# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import pytest

from maxent_rl.soft_q_config import SoftQConfig


def test_without_annealing_the_temperature_stays():
    config = SoftQConfig(temperature=0.3)
    assert config.temperature_at(0) == config.temperature_at(10**6) == 0.3


def test_annealing_is_a_straight_line_in_logarithms_and_then_stops():
    config = SoftQConfig(temperature=1.0, final_temperature=0.01, annealing_updates=100)
    logs = [math.log10(config.temperature_at(updates)) for updates in (0, 50, 100, 1000)]
    assert logs == pytest.approx([0.0, -1.0, -2.0, -2.0])


@pytest.mark.parametrize(
    ('name', 'value'),
    [('temperature', 0.0), ('particles', 1), ('discount', 1.0), ('learning_rate', math.nan),
     ('hidden', ())],
)  # fmt: skip
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f'soft_q option {name}'):
        SoftQConfig(**{name: value})


def test_every_setting_is_documented():
    assert all(each.metadata.get('doc') for each in dataclasses.fields(SoftQConfig))
