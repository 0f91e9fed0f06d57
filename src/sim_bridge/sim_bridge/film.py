# SPDX-License-Identifier: Apache-2.0
"""Pictures of an episode: a moving GIF and a film strip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = NDArray[np.uint8]  # (height, width, 3)
COLOURS = 64  # of a GIF's palette: robots have few, and every colour costs


def write_gif(path: Path, frames: Sequence[Frame], seconds_per_frame: float) -> None:
    """Write frames of one size as a GIF that repeats for ever; ValueError if there are none."""
    if not frames:
        raise ValueError('a film needs at least one frame')
    first, *rest = [
        Image.fromarray(frame).convert('P', palette=Image.Palette.ADAPTIVE, colors=COLOURS)
        for frame in frames
    ]
    first.save(
        path,
        save_all=True,
        append_images=rest,
        duration=max(20, round(1000.0 * seconds_per_frame)),  # ms; viewers slow down below 20
        loop=0,
        optimize=True,
    )


def write_strip(path: Path, frames: Sequence[Frame], count: int) -> None:
    """Write `count` frames, evenly spread from the first to the last, beside each other as a PNG.

    Raises ValueError for less than one frame or count.
    """
    if not frames or count < 1:
        raise ValueError(f'a strip needs frames, got {len(frames)} and a count of {count}')
    chosen = np.linspace(0, len(frames) - 1, count).round().astype(int)
    strip = np.concatenate([frames[index] for index in chosen], axis=1)
    Image.fromarray(strip).quantize(128).save(path, optimize=True)
