# SPDX-License-Identifier: Apache-2.0
from dataclasses import asdict, fields
import math

import numpy as np
import pytest

from sim_bridge.dclaw_variation import RANDOM_DYNAMICS, DClawDynamics, DClawVariation

FIELDS = [entry.name for entry in fields(DClawVariation)]


def test_every_drawn_figure_lies_within_its_range_and_fills_it():
    drawn = [DClawDynamics.draw(RANDOM_DYNAMICS, 9, seed) for seed in range(300)]
    for name, (low, high) in asdict(RANDOM_DYNAMICS).items():
        values = np.array([getattr(dynamics, name) for dynamics in drawn])
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high


def test_nothing_varies_unless_it_is_asked_for():
    for seed in range(3):
        dynamics = DClawDynamics.draw(DClawVariation(), 9, seed)
        for name, (low, high) in asdict(DClawVariation()).items():
            assert low == high
            assert np.all(getattr(dynamics, name) == low)


def test_the_same_seed_draws_the_same_and_another_seed_something_else():
    first, again, other = (DClawDynamics.draw(RANDOM_DYNAMICS, 9, seed) for seed in (7, 7, 8))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert np.all(getattr(first, name) != getattr(other, name))


def test_joints_vary_one_by_one():
    dynamics = DClawDynamics.draw(RANDOM_DYNAMICS, 9, 0)
    for name in ('joint_damping', 'joint_friction', 'servo_gain'):
        assert len(set(getattr(dynamics, name))) == 9


@pytest.mark.parametrize('name', FIELDS)
@pytest.mark.parametrize('bad', [(1.0, 0.5), (math.nan, 1.0), (0.5, math.inf), (-100.0, 0.1)])
def test_a_range_that_cannot_be_is_refused_by_name(name, bad):
    with pytest.raises(ValueError, match=name):
        DClawVariation(**{name: bad})


def test_a_range_may_come_as_a_list_as_in_json():
    assert DClawVariation(servo_gain=[1, 3]) == DClawVariation(servo_gain=(1.0, 3.0))
