# SPDX-License-Identifier: Apache-2.0
"""Pixels as an observation holds them, n/255 in float32, and as the bytes n they came from."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray

_LIGHTEST = np.float32(255.0)


def pixel_count(image: Sequence[int]) -> int:
    """Numbers of an image of shape (height, width, channels); 0 for no image, ()."""
    return math.prod(image) if image else 0


def are_pixels(numbers: NDArray[np.float32]) -> bool:
    """Whether all numbers (...) are n/255 with n in 0..255, to the bit."""
    return bool((numbers == from_bytes(_nearest(numbers))).all())


def to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return n (...) of pixels n/255 (...).

    Raises:
        ValueError: a number that is no such fraction, to the bit.
    """
    levels = _nearest(pixels)
    odd = pixels != from_bytes(levels)
    if odd.any():
        raise ValueError(
            f'{np.count_nonzero(odd)} of {pixels.size} pixels are not n/255 with n in 0..255, '
            f'the first of them is {pixels[odd][0]!r}'
        )
    return levels


def from_bytes(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels n/255 (...) of n (...), each the float32 number nearest to the fraction."""
    pixels: NDArray[np.float32] = np.divide(levels, _LIGHTEST, dtype=np.float32)
    return pixels


def _nearest(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(pixels.clip(0.0, 1.0) * _LIGHTEST).astype(np.uint8)
    return levels
