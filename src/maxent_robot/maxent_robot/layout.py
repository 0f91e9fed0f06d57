# SPDX-License-Identifier: Apache-2.0
"""The order and scaling of an observation vector, and a hash that says when two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
import math

import numpy as np
from numpy.typing import NDArray

from maxent_robot.types import Vector

Vector32 = NDArray[np.float32]

PIXEL_MAX = 255.0  # brightness of a pixel that an observation holds as 1


class LayoutError(ValueError):
    """A layout that cannot be, or values that do not fit it; the message names the field."""


@dataclass(frozen=True)
class Field:
    """One named part of an observation: packed as (value - offset) / scale, per number.

    Scale and offset are one number for all, or one per number. With a shape the field is an
    image of bytes: rows, columns, channels, in this order, packed with scale 255, so that an
    observation holds n/255 for n in 0..255. Raises LayoutError.
    """

    name: str
    size: int
    scale: tuple[float, ...] | float = 1.0  # SI units that become 1
    offset: tuple[float, ...] | float = 0.0  # SI units that become 0
    shape: tuple[int, ...] = ()  # (height, width, channels) of an image, () for other numbers

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise LayoutError(f"field name '{self.name}' must be an identifier")
        if self.size < 1:
            raise LayoutError(f"field '{self.name}' must hold at least one number")
        for key in ('scale', 'offset'):
            given = getattr(self, key)
            numbers = (given,) * self.size if isinstance(given, (int, float)) else tuple(given)
            if len(numbers) != self.size or not np.isfinite(numbers).all():
                raise LayoutError(
                    f"{key} of field '{self.name}' must be {self.size} finite numbers, is {given}"
                )
            object.__setattr__(self, key, tuple(float(number) for number in numbers))
        if not all(number > 0.0 for number in self.scales):
            raise LayoutError(f"scale of field '{self.name}' must be above 0, is {self.scale}")
        if self.shape:
            self._check_image()

    @property
    def scales(self) -> tuple[float, ...]:
        """Scale per number, (size,)."""
        return self.scale if isinstance(self.scale, tuple) else (self.scale,) * self.size

    @property
    def offsets(self) -> tuple[float, ...]:
        """Offset per number, (size,)."""
        return self.offset if isinstance(self.offset, tuple) else (self.offset,) * self.size

    def canonical(self) -> str:
        """Return one line of text, equal exactly for equal fields."""
        text = f'{self.name} {self.size} {self.scales!r} {self.offsets!r}'
        return f'{text} {self.shape!r}' if self.shape else text  # hashes from before images hold

    def _check_image(self) -> None:
        object.__setattr__(self, 'shape', tuple(self.shape))
        whole = all(isinstance(length, int) and length > 0 for length in self.shape)
        if len(self.shape) != 3 or not whole or math.prod(self.shape) != self.size:
            raise LayoutError(
                f"shape of field '{self.name}' must be (height, width, channels) of "
                f'{self.size} numbers, is {self.shape}'
            )
        if set(self.scales) != {PIXEL_MAX} or set(self.offsets) != {0.0}:
            raise LayoutError(f"image '{self.name}' must have scale {PIXEL_MAX} and offset 0")


@dataclass(frozen=True)
class ObservationLayout:
    """Fields in the order in which an observation holds them, an image last.

    Raises LayoutError.
    """

    fields: tuple[Field, ...]
    size: int = field(init=False)  # numbers in an observation
    hash: str = field(init=False)  # 16 hexadecimal digits over names, sizes, scales, ...
    _scale: Vector = field(init=False, repr=False, compare=False)
    _offset: Vector = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [part.name for part in self.fields]
        if not names or len(set(names)) != len(names):
            raise LayoutError(f'field names must be unique, and at least one, got {names}')
        images = [part.name for part in self.fields[:-1] if part.shape]
        if images:
            raise LayoutError(f'an image must be the last field, {images} are not')
        text = '\n'.join(part.canonical() for part in self.fields)
        scale = np.array([number for part in self.fields for number in part.scales])
        offset = np.array([number for part in self.fields for number in part.offsets])
        object.__setattr__(self, 'size', len(scale))
        object.__setattr__(self, 'hash', sha256(text.encode()).hexdigest()[:16])
        object.__setattr__(self, '_scale', scale)
        object.__setattr__(self, '_offset', offset)

    @property
    def image(self) -> tuple[int, ...]:
        """Height, width and channels of the image that ends an observation; () without one."""
        return self.fields[-1].shape

    def pack(self, values: Mapping[str, Vector]) -> Vector32:
        """Scale and join one array (size of the field,) per field into float32 (self.size,).

        Raises LayoutError if a field is missing, extra, of the wrong size or not finite, or an
        image holds anything but whole numbers 0..255.
        """
        if len(values) != len(self.fields) or any(f.name not in values for f in self.fields):
            names = [part.name for part in self.fields]
            raise LayoutError(f'the layout has the fields {names}, got {list(values)}')
        for part in self.fields:
            if np.shape(values[part.name]) != (part.size,):
                raise LayoutError(
                    f"field '{part.name}' must hold {part.size} numbers, "
                    f'has shape {np.shape(values[part.name])}'
                )
        joined = np.concatenate([values[part.name] for part in self.fields])
        with np.errstate(over='ignore'):  # to infinity, which is refused below
            packed: Vector32 = ((joined - self._offset) / self._scale).astype(np.float32)
        if not np.isfinite(packed).all():
            raise LayoutError(f'fields {self._not_finite(packed)} are not finite as float32')
        if self.image:
            self._check_pixels(joined[-self.fields[-1].size :])
        return packed

    def unpack(self, observation: NDArray[np.floating]) -> dict[str, Vector]:
        """Return the fields (..., size of the field) of observations (..., self.size), SI units.

        Raises LayoutError for another size.
        """
        if observation.shape[-1:] != (self.size,):
            raise LayoutError(
                f'an observation holds {self.size} numbers, got shape {observation.shape}'
            )
        values = np.asarray(observation, np.float64) * self._scale + self._offset
        ends = np.cumsum([part.size for part in self.fields])
        parts = np.split(values, ends[:-1], axis=-1)
        return {part.name: each for part, each in zip(self.fields, parts, strict=True)}

    def _check_pixels(self, pixels: Vector) -> None:
        if not ((pixels >= 0.0) & (pixels <= PIXEL_MAX) & (pixels == np.rint(pixels))).all():
            name = self.fields[-1].name
            raise LayoutError(f"image '{name}' must hold whole numbers 0 to {PIXEL_MAX:.0f}")

    def _not_finite(self, packed: Vector32) -> list[str]:
        ends = np.cumsum([part.size for part in self.fields])
        parts = np.split(np.isfinite(packed), ends[:-1])
        return [f.name for f, ok in zip(self.fields, parts, strict=True) if not ok.all()]
