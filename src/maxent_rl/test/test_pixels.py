# SPDX-License-Identifier: Apache-2.0
"""Pixels as numbers and as bytes: the same to the bit, and nothing else passes."""

import numpy as np
import pytest

from maxent_rl.pixels import are_pixels, from_bytes, pixel_count, to_bytes

LEVELS = np.arange(256, dtype=np.uint8)
# As maxent_robot.layout packs an image: in float64, then rounded to float32.
PACKED = ((np.arange(256.0) - 0.0) / 255.0).astype(np.float32)


def test_every_byte_becomes_the_number_that_an_observation_holds_and_comes_back():
    pixels = from_bytes(LEVELS)
    assert pixels.dtype == np.float32
    assert pixels.tobytes() == PACKED.tobytes()
    assert to_bytes(PACKED).tobytes() == LEVELS.tobytes()
    assert are_pixels(PACKED)


@pytest.mark.parametrize(
    'odd', [-1 / 255, 256 / 255, 0.5, 1e30, -1e30, np.nextafter(PACKED[7], 1)]
)
def test_what_is_no_pixel_to_the_bit_is_refused_with_its_value(odd):
    pixels = PACKED.copy()
    pixels[9] = odd
    assert not are_pixels(pixels)
    with pytest.raises(ValueError, match=r'1 of 256 pixels are not n/255') as refused:
        to_bytes(pixels)
    assert repr(np.float32(odd)) in str(refused.value)


def test_no_pixels_are_pixels():
    assert are_pixels(np.empty(0, np.float32))
    assert to_bytes(np.empty(0, np.float32)).size == 0


def test_an_image_has_as_many_numbers_as_its_lengths_say_and_no_image_has_none():
    assert pixel_count((4, 5, 3)) == 60
    assert pixel_count(()) == 0
