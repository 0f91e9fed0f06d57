# SPDX-License-Identifier: Apache-2.0
"""The learning curve is a picture that opens, whatever the run was like."""

import numpy as np
from PIL import Image
import pytest

from maxent_learner.curve import draw_curve, running_median


def rows(count, measure='distance'):
    return [
        {
            'robot_minutes': k / 12.0,
            'episode_return': -50.0 / (1 + k),
            'final_measure': 0.5 / (1 + k),
            'measure': measure,
        }
        for k in range(count)
    ]


@pytest.mark.parametrize('count', [0, 1, 50])
@pytest.mark.parametrize('measure', ['distance', 'angle'])
def test_the_curve_is_drawn_whole(tmp_path, count, measure):
    path = tmp_path / 'curve.png'
    draw_curve(path, rows(count, measure), 'sawyer reach, sac, seed 0')
    with Image.open(path) as image:
        image.load()
        assert image.format == 'PNG'
        assert image.size == (880, 660)
    assert list(tmp_path.iterdir()) == [path]


def test_the_running_median_looks_back_only():
    np.testing.assert_array_equal(
        running_median([5.0, 1.0, 3.0, 9.0, 2.0], window=3), [5.0, 3.0, 3.0, 3.0, 3.0]
    )
    assert len(running_median([])) == 0
