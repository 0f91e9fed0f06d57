# SPDX-License-Identifier: Apache-2.0
"""Films: what is written is what was seen, in order and at its pace."""

import numpy as np
from PIL import Image
import pytest

from sim_bridge.film import write_gif, write_strip

COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200))
FRAMES = [np.full((20, 30, 3), colour, np.uint8) for colour in COLOURS]


def test_a_gif_shows_every_frame_for_its_time_and_repeats(tmp_path):
    write_gif(tmp_path / 'film.gif', FRAMES, 0.05)
    with Image.open(tmp_path / 'film.gif') as film:
        assert (film.n_frames, film.size) == (5, (30, 20))
        assert film.info['loop'] == 0
        for index, colour in enumerate(COLOURS):
            film.seek(index)
            assert film.info['duration'] == 50
            np.testing.assert_allclose(film.convert('RGB').getpixel((15, 10)), colour, atol=8)


def test_a_strip_goes_from_the_first_frame_to_the_last_in_even_steps(tmp_path):
    write_strip(tmp_path / 'strip.png', FRAMES, 3)
    with Image.open(tmp_path / 'strip.png') as strip:
        assert strip.size == (90, 20)
        seen = [strip.convert('RGB').getpixel((x, 10)) for x in (15, 45, 75)]
    np.testing.assert_allclose(seen, [COLOURS[0], COLOURS[2], COLOURS[4]], atol=8)


def test_films_without_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match='at least one frame'):
        write_gif(tmp_path / 'film.gif', [], 0.05)
    with pytest.raises(ValueError, match='count of 0'):
        write_strip(tmp_path / 'strip.png', FRAMES, 0)
    assert list(tmp_path.iterdir()) == []
