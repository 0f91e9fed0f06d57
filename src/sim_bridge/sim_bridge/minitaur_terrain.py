# SPDX-License-Identifier: Apache-2.0
"""Ground for the Minitaur to walk on: flat, a slope, scattered blocks or stairs, all of boxes.

The robot starts at x = y = 0 on flat ground at z = 0 and walks towards +x. Obstacles begin at
OBSTACLE_START, half a metre ahead of the front feet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import cos, isfinite, radians, sin
from typing import Any
from xml.etree import ElementTree

import mujoco
import numpy as np

TERRAINS = ('flat', 'slope', 'blocks', 'stairs')
OBSTACLE_START = 0.75  # m
HALF_WIDTH = 30.0  # m to either side: a robot that does not steer must not fall off the edge
BEHIND = 4.0  # m of flat ground behind the robot
SLOPE_LENGTH = 30.0  # m, more than an episode's way, so nor does it walk off the top
BLOCKS_DEPTH = 4.0  # m from the first to the last block
BLOCKS_HALF_WIDTH = 0.6  # m
BLOCK = 'block_'  # names of blocks begin with this
THICKNESS = 0.5  # m of boxes that serve as ground


def _figure(default: float, low: float, high: float, doc: str) -> Any:
    return field(default=default, metadata={'doc': doc, 'min': low, 'max': high})


@dataclass(frozen=True)
class TerrainShape:
    """How hard the terrain is; ValueError naming a field that is out of its range."""

    slope_degrees: float = _figure(10.0, -20.0, 20.0, 'of the slope; below 0 it leads down')
    blocks: int = _figure(40, 1, 100, 'number of blocks')
    block_lowest: float = _figure(0.01, 0.001, 0.1, 'm, height of the lowest block')
    block_highest: float = _figure(0.03, 0.001, 0.1, 'm, height of the highest block')
    steps: int = _figure(10, 1, 40, 'number of steps down')
    step_height: float = _figure(0.03, 0.001, 0.1, 'm')
    step_depth: float = _figure(0.3, 0.1, 2.0, 'm')

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            low, high = entry.metadata['min'], entry.metadata['max']
            if not (isfinite(value) and low <= value <= high):
                raise ValueError(f'terrain {entry.name} must be in [{low}, {high}], is {value}')
        if self.block_lowest > self.block_highest:
            raise ValueError(
                f'terrain block_lowest {self.block_lowest} must not exceed block_highest '
                f'{self.block_highest}'
            )


def with_terrain(xml: str, kind: str, shape: TerrainShape) -> str:
    """Return the text of a model that has a plane `floor`, on another terrain.

    Raises ValueError naming the known terrains if `kind` is none of them.
    """
    if kind not in TERRAINS:
        raise ValueError(f"unknown terrain '{kind}'; known terrains: {', '.join(TERRAINS)}")
    if kind == 'flat':
        return xml
    root = ElementTree.fromstring(xml)
    world = root.find('worldbody')
    assert world is not None
    builder = {'slope': _slope, 'blocks': _blocks, 'stairs': _stairs}[kind]
    builder(world, shape)
    return ElementTree.tostring(root, encoding='unicode')


def place_blocks(model: mujoco.MjModel, data: mujoco.MjData, seed: int) -> None:
    """Scatter the blocks of a model over the way, if it has any; the seed says where."""
    rng = np.random.default_rng([seed, 2])
    for body in range(model.nbody):
        if not model.body(body).name.startswith(BLOCK):
            continue
        half = model.geom_size[model.body_geomadr[body]]
        reach = float(np.hypot(half[0], half[1]))
        x = rng.uniform(OBSTACLE_START + reach, OBSTACLE_START + BLOCKS_DEPTH)
        y = rng.uniform(-BLOCKS_HALF_WIDTH, BLOCKS_HALF_WIDTH)
        turn = rng.uniform(0.0, np.pi)
        index = model.body_mocapid[body]
        data.mocap_pos[index] = x, y, half[2]
        data.mocap_quat[index] = np.cos(turn / 2.0), 0.0, 0.0, np.sin(turn / 2.0)


def _slope(world: ElementTree.Element, shape: TerrainShape) -> None:
    angle = radians(shape.slope_degrees)
    rise, run = SLOPE_LENGTH * sin(angle), SLOPE_LENGTH * cos(angle)
    if angle < 0.0:
        _lower_floor(world, rise)
    half = THICKNESS / 2.0
    middle = (
        OBSTACLE_START + run / 2.0 + half * sin(angle),
        0.0,
        rise / 2.0 - half * cos(angle),
    )
    _box(world, 'slope', middle, (SLOPE_LENGTH / 2.0, HALF_WIDTH, half), euler=(0.0, -angle, 0.0))
    if angle > 0.0:
        top = (OBSTACLE_START + run + BEHIND / 2.0, 0.0, rise / 2.0)
        _box(world, 'plateau', top, (BEHIND / 2.0, HALF_WIDTH, rise / 2.0))


def _blocks(world: ElementTree.Element, shape: TerrainShape) -> None:
    shares = np.linspace(0.0, 1.0, shape.blocks)
    heights = shape.block_lowest + shares * (shape.block_highest - shape.block_lowest)
    for i, height in enumerate(heights.tolist()):
        # mocap: the one kind of fixed body that can be placed after the model is compiled
        body = ElementTree.SubElement(world, 'body', name=f'{BLOCK}{i}', mocap='true')
        sides = (0.03 + 0.005 * (i % 7), 0.04 + 0.01 * (i % 5), height / 2.0)
        _box(body, f'{BLOCK}{i}', (0.0, 0.0, 0.0), sides, material='step_light')


def _stairs(world: ElementTree.Element, shape: TerrainShape) -> None:
    _lower_floor(world, -shape.steps * shape.step_height)
    for i in range(1, shape.steps):
        x = OBSTACLE_START + (i - 0.5) * shape.step_depth
        z = -i * shape.step_height - THICKNESS / 2.0
        half = (shape.step_depth / 2.0, HALF_WIDTH, THICKNESS / 2.0)
        _box(world, f'step_{i}', (x, 0.0, z), half, material=('step_dark', 'step_light')[i % 2])


def _lower_floor(world: ElementTree.Element, z: float) -> None:
    """Put the floor to a height below 0, and a platform for the start where it was."""
    for geom in world.findall('geom'):
        if geom.get('name') == 'floor':
            geom.set('pos', f'0 0 {z!r}')
    half = ((OBSTACLE_START + BEHIND) / 2.0, HALF_WIDTH, THICKNESS / 2.0)
    middle = ((OBSTACLE_START - BEHIND) / 2.0, 0.0, -THICKNESS / 2.0)
    _box(world, 'platform', middle, half, material='floor')


def _box(
    parent: ElementTree.Element,
    name: str,
    middle: tuple[float, ...],
    half: tuple[float, ...],
    *,
    material: str = 'terrain',
    euler: tuple[float, ...] = (0.0, 0.0, 0.0),
) -> None:
    figures = {'pos': middle, 'size': half, 'euler': euler}
    text = {key: ' '.join(repr(number) for number in value) for key, value in figures.items()}
    ElementTree.SubElement(
        parent,
        'geom',
        {'name': name, 'class': 'ground', 'type': 'box', 'material': material} | text,
    )
