# SPDX-License-Identifier: Apache-2.0
"""Films: what is written is what was seen, in order and at its pace."""

import shutil
import subprocess

import numpy as np
from PIL import Image
import pytest

from sim_bridge.film import film_writer, write_gif, write_mp4, write_strip

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
    with pytest.raises(ValueError, match='at least one frame'):
        write_mp4(tmp_path / 'film.mp4', [], 0.05)
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_decides_about_the_kind_of_film(tmp_path):
    assert film_writer(tmp_path / 'film.GIF') is write_gif
    with pytest.raises(ValueError, match=r"must end with .gif or .mp4, is '.*film.avi'"):
        film_writer(tmp_path / 'film.avi')


@pytest.mark.parametrize('ask', [film_writer, lambda path: write_mp4(path, FRAMES, 0.05)])
def test_without_ffmpeg_an_mp4_is_refused_with_what_to_do(tmp_path, monkeypatch, ask):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ValueError, match='no ffmpeg here: install it'):
        ask(tmp_path / 'film.mp4')


@pytest.mark.skipif(shutil.which('ffmpeg') is None, reason='no ffmpeg here')
def test_an_mp4_holds_every_frame(tmp_path):
    film_writer(tmp_path / 'film.mp4')(tmp_path / 'film.mp4', FRAMES, 0.05)
    show = ['ffmpeg', '-loglevel', 'error', '-i', str(tmp_path / 'film.mp4'), '-f', 'rawvideo']
    seen = subprocess.run([*show, '-pix_fmt', 'rgb24', '-'], capture_output=True, check=True)
    assert len(seen.stdout) == 5 * FRAMES[0].size


@pytest.mark.skipif(shutil.which('ffmpeg') is None, reason='no ffmpeg here')
def test_an_mp4_that_cannot_be_written_says_why(tmp_path):
    with pytest.raises(OSError, match='No such file'):
        write_mp4(tmp_path / 'nowhere' / 'film.mp4', FRAMES, 0.05)
