# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from maxent_robot.robots.sawyer import SAWYER
from sim_bridge.rendering import RenderingUnavailableError
from sim_bridge.simulation import SawyerSimulation


@pytest.fixture
def simulation():
    made = SawyerSimulation()
    made.reset(SAWYER.start)
    try:
        made.render(64, 48)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def red(image):
    """Number of pixels in the colour of the arm's shell."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    return int(np.sum((r > 60) & (r > 2 * g) & (r > 2 * b)))


def green(image):
    """Mean (row, column) of the pixels in the colour of the target, and their number."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    rows, columns = np.nonzero((g > 100) & (g > 1.5 * r) & (g > 1.5 * b))
    return rows.mean(), columns.mean(), len(rows)


def test_a_frame_shows_the_arm_and_the_target(simulation):
    simulation.set_target([0.65, 0.15, 0.2])
    image = simulation.render()
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    assert red(image) > 3000
    assert green(image)[2] > 50


def test_the_target_appears_where_it_was_moved(simulation):
    simulation.set_target([0.6, -0.2, 0.2])
    near = green(simulation.render())
    simulation.set_target([0.6, -0.2, 0.4])
    assert green(simulation.render())[0] < near[0] - 20


def test_the_frame_shows_the_present_state(simulation):
    first = simulation.render()
    np.testing.assert_array_equal(simulation.render(), first)
    simulation.reset(SAWYER.neutral)
    assert np.any(simulation.render() != first)


def test_an_impossible_size_is_refused(simulation):
    with pytest.raises(ValueError, match='640 x 480'):
        simulation.render(10_000, 10)
