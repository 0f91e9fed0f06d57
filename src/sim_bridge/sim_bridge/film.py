# SPDX-License-Identifier: Apache-2.0
"""Pictures of an episode: a moving GIF or MP4, and a film strip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
import shutil
import subprocess

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


def write_mp4(path: Path, frames: Sequence[Frame], seconds_per_frame: float) -> None:
    """Write frames of one size as an MP4 (H.264), by the program ffmpeg.

    Raises:
        ValueError: no frames, or there is no ffmpeg; says what to do.
        OSError: ffmpeg cannot write the file; with what it says.
    """
    if not frames:
        raise ValueError('a film needs at least one frame')
    program = _ffmpeg(path)
    height, width, _ = frames[0].shape
    source = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{width}x{height}']
    rate = ['-r', f'{1.0 / seconds_per_frame:.6f}', '-i', '-']
    target = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-y', str(path)]
    done = subprocess.run(
        [program, '-loglevel', 'error', *source, *rate, *target],
        input=b''.join(frame.tobytes() for frame in frames),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise OSError(f'{path} cannot be written: {done.stderr.decode(errors="replace").strip()}')


def film_writer(path: Path) -> Callable[[Path, Sequence[Frame], float], None]:
    """Return what writes a film of this name, before anybody takes the trouble to draw it.

    Raises:
        ValueError: a suffix other than .gif or .mp4, or no ffmpeg for an MP4.
    """
    suffix = path.suffix.lower()
    if suffix == '.gif':
        return write_gif
    if suffix != '.mp4':
        raise ValueError(f"a film's name must end with .gif or .mp4, is '{path}'")
    _ffmpeg(path)
    return write_mp4


def _ffmpeg(path: Path) -> str:
    program = shutil.which('ffmpeg')
    if program is None:
        raise ValueError(f'{path}: there is no ffmpeg here: install it, or ask for a .gif')
    return program
