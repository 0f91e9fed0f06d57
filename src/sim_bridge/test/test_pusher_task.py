# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.tasks import OptionError
from maxent_robot.tasks.options import build_config
from sim_bridge.pusher_task import GOALS, LAYOUT, PusherConfig, goal_distance


@pytest.mark.parametrize(
    ('goal', 'distance'),
    [
        ('left', 1.6),
        ('middle', 0.6),
        ('right', 0.4),
        ('bottom', 0.3),
        ('bottom_left', np.hypot(1.6, 0.3)),
        ('bottom_middle', np.hypot(0.6, 0.3)),
        ('bottom_right', 0.5),
    ],
)
def test_a_line_counts_one_coordinate_and_a_corner_both(goal, distance):
    assert goal_distance(goal, np.array([0.6, -0.7])) == pytest.approx(distance)


def test_the_distance_to_each_goal_is_known_to_the_test_above():
    assert set(GOALS) == {
        'left', 'middle', 'right', 'bottom', 'bottom_left', 'bottom_middle', 'bottom_right'
    }  # fmt: skip


def test_distances_keep_the_shape_of_a_grid():
    x, y = np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 1.0])
    pucks = np.stack([x, y], axis=-1)
    np.testing.assert_allclose(goal_distance('left', pucks), [[0, 1, 2], [0, 1, 2]])
    np.testing.assert_allclose(goal_distance('bottom', pucks), [[0, 0, 0], [2, 2, 2]])


def test_a_puck_that_is_nowhere_is_not_at_the_goal():
    assert np.isnan(goal_distance('left', np.array([np.nan, 0.0])))


def test_an_observation_holds_fifteen_numbers_in_a_fixed_order():
    values = {part.name: np.arange(part.size) + 10.0 * i for i, part in enumerate(LAYOUT.fields)}
    packed = LAYOUT.pack(values)
    expected = [0, 1, 2, 10, 11, 12, 20 / 3, 7, 22 / 3, 30, 31, 40, 41, 50, 51]
    np.testing.assert_allclose(packed, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('goal', 'top'),
        ('goal', ['left']),
        ('episode_steps', 0),
        ('episode_steps', 2.5),
        ('action_cost', -0.1),
        ('approach', float('nan')),
        ('speed', 1.0),
    ],
)
def test_a_bad_option_is_refused_by_its_name(option, value):
    with pytest.raises(OptionError, match=f"'{option}'"):
        build_config(PusherConfig, 'pusher', {option: value})
