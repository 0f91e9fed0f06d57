# SPDX-License-Identifier: Apache-2.0
import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from maxent_robot.robots.sawyer import SAWYER
from sim_bridge.rendering import OffscreenRenderer, RenderingUnavailableError
from sim_bridge.simulation import SawyerSimulation

KEPT = ('PATH', 'PYTHONPATH', 'LD_LIBRARY_PATH', 'HOME')  # MUJOCO_GL and its like are not


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


def test_a_renderer_shows_the_geom_groups_it_is_asked_for(simulation):
    everything = simulation.render(64, 48)
    renderer = OffscreenRenderer(simulation.model, 64, 48, groups=())
    simulation._look()
    nothing = renderer.render(simulation._scratch, 'overview')
    renderer.close()
    assert red(everything) > 50
    assert red(nothing) == 0


def error_in_a_new_process(**environment):
    """What keeps a process with this environment from rendering; '' if nothing does."""
    code = (
        'from sim_bridge.rendering import RenderingUnavailableError\n'
        'from sim_bridge.simulation import SawyerSimulation\n'
        'try:\n'
        '    SawyerSimulation().render(64, 48)\n'
        'except RenderingUnavailableError as error:\n'
        '    print(error)\n'
    )
    inherited = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run(
        [sys.executable, '-c', code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def has_osmesa():
    for version in (8, 6):
        try:
            ctypes.CDLL(f'libOSMesa.so.{version}')
        except OSError:
            continue
        return True
    return False


def test_without_egl_osmesa_is_tried_before_giving_up(simulation):
    if sys.platform != 'linux':
        pytest.skip('EGL is of Linux')
    assert error_in_a_new_process() == ''
    error = error_in_a_new_process(__EGL_VENDOR_LIBRARY_FILENAMES='/nonexistent')
    if has_osmesa():
        assert error == ''
    else:
        assert 'libosmesa6' in error
