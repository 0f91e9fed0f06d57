# SPDX-License-Identifier: Apache-2.0
from math import radians, tan

import mujoco
import numpy as np
import pytest

from maxent_robot.robots.minitaur import MINITAUR
from sim_bridge.minitaur_simulation import MinitaurConfig, MinitaurSimulation
from sim_bridge.minitaur_terrain import OBSTACLE_START, TERRAINS, TerrainShape, with_terrain

PLAIN = TerrainShape()
DOWN = TerrainShape(slope_degrees=-10.0)


def simulated(terrain, shape=PLAIN, seed=0):
    simulation = MinitaurSimulation(MinitaurConfig(terrain=terrain, shape=shape))
    simulation.reset(MINITAUR.start, seed=seed)
    return simulation


def height(simulation, x, y=0.0):
    """Height of the ground in m, by a ray from above that only the ground stops."""
    hit = np.zeros(1, dtype=np.int32)
    groups = np.array([0, 1, 0, 0, 0, 0], dtype=np.uint8)
    model, data = simulation.model, simulation._data
    mujoco.mj_forward(model, data)
    top = 5.0
    while True:
        start, down = np.array([x, y, top]), np.array([0.0, 0.0, -1.0])
        distance = mujoco.mj_ray(model, data, start, down, groups, 1, -1, hit)
        top -= distance
        if model.geom_contype[hit[0]]:
            return top
        top -= 1e-4


@pytest.mark.parametrize('terrain', TERRAINS)
def test_the_start_is_flat_up_to_half_a_metre_before_the_feet(terrain):
    simulation = simulated(terrain)
    for x in np.linspace(-2.0, OBSTACLE_START - 0.001, 23):
        for y in (-0.4, 0.0, 0.4):
            assert height(simulation, x, y) == pytest.approx(0.0, abs=1e-9)
    toe = max(simulation._data.geom(name).xpos[0] for name in ('FL_toe', 'FR_toe'))
    assert OBSTACLE_START - toe > 0.4


@pytest.mark.parametrize('shape', [PLAIN, DOWN])
def test_a_slope_rises_or_falls_by_its_angle(shape):
    simulation = simulated('slope', shape)
    for ahead in (0.01, 1.0, 5.0):
        expected = ahead * tan(radians(shape.slope_degrees))
        assert height(simulation, OBSTACLE_START + ahead) == pytest.approx(expected, abs=1e-9)


def test_stairs_lead_down_step_by_step_to_the_floor():
    simulation = simulated('stairs', TerrainShape(steps=3, step_height=0.04, step_depth=0.5))
    middles = [height(simulation, OBSTACLE_START + 0.25 + 0.5 * k) for k in range(5)]
    np.testing.assert_allclose(middles, [-0.04, -0.08, -0.12, -0.12, -0.12], atol=1e-9)


def test_blocks_lie_ahead_where_the_seed_puts_them():
    places = {}
    for seed in (1, 2):
        simulation = simulated('blocks', seed=seed)
        data = simulation._data
        mujoco.mj_forward(simulation.model, data)
        places[seed] = np.array([data.body(f'block_{i}').xpos for i in range(40)])
        tops = 2.0 * places[seed][:, 2]
        assert tops.min() == pytest.approx(0.01)
        assert tops.max() == pytest.approx(0.03)
        assert np.all(places[seed][:, 0] > OBSTACLE_START)
        heights = [height(simulation, x, y) for x, y, _ in places[seed]]
        assert np.all(np.array(heights) >= tops - 1e-9)
    assert np.all(places[1][:, :2] != places[2][:, :2])
    simulation.reset(MINITAUR.start, seed=1)
    mujoco.mj_forward(simulation.model, simulation._data)
    again = [simulation._data.body(f'block_{i}').xpos for i in range(40)]
    np.testing.assert_array_equal(again, places[1])


def test_the_robot_stands_on_blocks_rather_than_in_them():
    simulation = simulated('blocks')
    data, model = simulation._data, simulation.model
    for i in range(3):  # one that is as high as a hand under each of three feet
        index = model.body(f'block_{i}').mocapid[0]
        data.mocap_pos[index, :2] = data.geom(('FL_toe', 'BL_toe', 'FR_toe')[i]).xpos[:2]
        data.mocap_pos[index, 2] = 0.02
    data.qpos[2] += 0.03
    for _ in range(200):
        simulation.step_tick()
    assert min(data.geom(toe).xpos[2] for toe in ('FL_toe', 'BL_toe', 'FR_toe')) > 0.02 + 0.012


def test_the_robot_starts_at_the_same_height_everywhere():
    heights = {simulated(terrain).signal('odometry')[2] for terrain in TERRAINS}
    assert len(heights) == 1


def test_unknown_terrains_and_impossible_shapes_are_refused():
    with pytest.raises(ValueError, match='known terrains: flat, slope'):
        with_terrain('<mujoco/>', 'moon', TerrainShape())
    with pytest.raises(ValueError, match='slope_degrees'):
        TerrainShape(slope_degrees=45.0)
    with pytest.raises(ValueError, match='block_lowest'):
        TerrainShape(block_lowest=0.05)
