# SPDX-License-Identifier: Apache-2.0
from dataclasses import asdict

import numpy as np
import pytest

from sim_bridge.minitaur_variation import REAL_WORLD, MinitaurVariation


def test_nothing_varies_by_default():
    drawn = MinitaurVariation().draw(np.random.default_rng(0))
    assert asdict(drawn) == {
        'mass': 1.0,
        'foot_friction': 1.0,
        'motor_strength': 1.0,
        'latency': 0.02,
        'joint_friction': 0.0,
        'voltage': 16.0,
    }


def test_figures_are_drawn_from_all_of_their_ranges():
    drawn = [asdict(REAL_WORLD.draw(np.random.default_rng([s, 1]))) for s in range(300)]
    for name, (low, high) in asdict(REAL_WORLD).items():
        values = [one[name] for one in drawn]
        margin = 0.05 * (high - low)
        assert low <= min(values) < low + margin
        assert high - margin < max(values) <= high


@pytest.mark.parametrize(
    'wrong',
    [{'mass': (1.2, 0.8)}, {'latency': (0.0, 0.5)}, {'voltage': (np.nan, 16.0)}, {'mass': (1.0,)}],
)
def test_a_range_that_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MinitaurVariation(**wrong)
