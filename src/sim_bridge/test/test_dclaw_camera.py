# SPDX-License-Identifier: Apache-2.0
"""What the camera in the palm sees: the angle of the valve, whatever the fingers do."""

import numpy as np
import pytest

from maxent_robot.robots.dclaw import DCLAW, IMAGE_SHAPE, TASK_LOWER, TASK_UPPER, VALVE
from maxent_robot.types import CommandMode
from sim_bridge.dclaw_simulation import DClawConfig, DClawSimulation
from sim_bridge.dclaw_variation import DClawVariation
from sim_bridge.rendering import RenderingUnavailableError

ANGLES = np.deg2rad(np.arange(0, 360, 5))
POSES = {
    'start': DCLAW.start,
    'spread': np.tile([0.4, -1.0, 0.2], 3),
    'mixed': np.array([0.3, -0.1, 0.1, -0.3, -0.5, 0.9, 0.4, -0.8, 0.2]),
    'reaching': np.tile([-0.3, 0.1, -0.1], 3),
}


@pytest.fixture(scope='module')
def simulation():
    made = DClawSimulation()
    try:
        made.signal('camera')
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def picture(simulation, pose, angle):
    """Image (32, 32, 3) of a pose (9,) and an angle of the valve in rad, overlaps or not."""
    simulation._data.qpos[:] = [*pose, angle]
    return simulation.signal('camera').reshape(IMAGE_SHAPE).astype(int)


def orange(image):
    """Mask (32, 32) of pixels in the colour of the pointer."""
    r, g, b = (image[..., i] for i in range(3))
    return (r > 100) & (r > 1.6 * g) & (g > 1.5 * b)


def test_the_picture_is_flat_rgb_and_the_same_every_time(simulation):
    simulation.reset(DCLAW.start, {VALVE: 1.0})
    image = simulation.signal('camera')
    assert image.shape == (DCLAW.signals['camera'],)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(simulation.signal('camera'), image)
    other = DClawSimulation()
    other.reset(DCLAW.start, {VALVE: 1.0})
    np.testing.assert_array_equal(other.signal('camera'), image)
    other.close()


def test_rows_run_from_the_top_and_the_pointer_turns_counter_clockwise(simulation):
    for angle in ANGLES:
        rows, columns = np.nonzero(orange(picture(simulation, DCLAW.start, angle)))
        seen = np.arctan2(15.5 - rows.mean(), columns.mean() - 15.5)
        assert abs(np.angle(np.exp(1j * (seen - angle)))) < np.deg2rad(6)


def test_the_picture_is_neither_dark_nor_bleached(simulation):
    image = picture(simulation, DCLAW.start, 0.0)
    assert 60 < image.mean() < 190
    assert image.std() > 30
    assert np.mean(image > 250) < 0.02


@pytest.mark.parametrize('pose', POSES)
def test_the_nearest_of_72_pictures_tells_an_angle_not_seen_before(simulation, pose):
    known = np.array([picture(simulation, DCLAW.start, angle) for angle in ANGLES])
    for angle in ANGLES + np.deg2rad(2.3):
        image = picture(simulation, POSES[pose], angle)
        nearest = ANGLES[np.argmin(np.square(known - image).sum(axis=(1, 2, 3)))]
        assert abs(np.angle(np.exp(1j * (nearest - angle)))) < np.deg2rad(10)


def test_the_pointer_is_in_sight_while_the_fingers_play_with_the_valve(simulation):
    rng, seen = np.random.default_rng(0), []
    for angle in ANGLES[::8]:
        simulation.reset(DCLAW.start, {VALVE: angle})
        for _ in range(40):
            target = simulation.joints()[0] + rng.uniform(-0.2, 0.2, 9)
            target = np.clip(target, TASK_LOWER, TASK_UPPER)
            simulation.set_command(CommandMode.POSITION, DCLAW.joint_names, target)
            for _ in range(10):
                simulation.step_tick()
            seen.append(orange(simulation.signal('camera').reshape(IMAGE_SHAPE).astype(int)).sum())
    assert np.median(seen) > 40
    assert np.mean(np.array(seen) < 15) < 0.04


def test_the_picture_shows_fingers_that_move(simulation):
    first = picture(simulation, DCLAW.start, 0.0)
    assert np.sum(np.abs(picture(simulation, POSES['mixed'], 0.0) - first) > 40) > 100


def test_the_marker_is_for_people_only(simulation):
    simulation.reset(DCLAW.start)
    picture, view = simulation.signal('camera'), simulation.render()
    for point in ([0.1, 0.0, 0.15], [0.0, -0.125, 0.102], [0.0, 0.0, 0.25]):
        simulation.set_target(point)
        np.testing.assert_array_equal(simulation.signal('camera'), picture)
        assert np.any(simulation.render() != view)


def test_no_drawn_mount_blocks_the_view():
    widest = DClawVariation(mount_shift=(-0.015, 0.015))
    varied = DClawSimulation(DClawConfig(widest))
    try:
        varied.signal('camera')
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    for seed in range(50):
        varied.reset(DCLAW.start, {VALVE: 0.1 * seed}, seed=seed)
        assert orange(varied.signal('camera').reshape(IMAGE_SHAPE).astype(int)).sum() > 35
    varied.close()


def test_pictures_for_people_and_for_the_policy_can_be_drawn_in_turns(simulation):
    simulation.reset(DCLAW.start)
    first = simulation.signal('camera')
    assert simulation.render().shape == (480, 640, 3)
    np.testing.assert_array_equal(simulation.signal('camera'), first)
    simulation.close()
    np.testing.assert_array_equal(simulation.signal('camera'), first)
