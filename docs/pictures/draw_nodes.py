# SPDX-License-Identifier: Apache-2.0
"""Draws nodes.png, the picture of the README: python docs/pictures/draw_nodes.py."""

from __future__ import annotations

from pathlib import Path
import sys

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

INK, SOFT, SAFE, LEARN = '#1f2933', '#7b8794', '#b44d12', '#1f5fa8'
Point = tuple[float, float]


def box(axes: Axes, corner: Point, size: Point, title: str, text: str, colour: str) -> None:
    """Draw one node."""
    shape = FancyBboxPatch(
        corner, *size, boxstyle='round,pad=0,rounding_size=0.12', fc='white', ec=colour, lw=2
    )
    axes.add_patch(shape)
    x, top = corner[0] + size[0] / 2, corner[1] + size[1]
    axes.text(x, top - 0.32, title, ha='center', va='center', size=12, weight='bold', color=colour)
    axes.text(x, top - 0.58, text, ha='center', va='top', size=8.5, color=INK, linespacing=1.5)


def arrow(axes: Axes, points: tuple[Point, Point], label: str, at: Point, **style: str) -> None:
    """Draw one topic or service from a node to another."""
    line = FancyArrowPatch(
        *points,
        arrowstyle='-|>',
        mutation_scale=13,
        lw=1.5,
        color=style.get('colour', INK),
        linestyle=style.get('line', '-'),
        connectionstyle=style.get('path', 'arc3'),
        shrinkA=0,
        shrinkB=0,
    )
    axes.add_patch(line)
    axes.text(
        *at,
        label,
        ha='center',
        va='center',
        size=8.5,
        color=style.get('colour', INK),
        family='monospace',
        linespacing=1.4,
    )


def draw() -> Figure:
    """Return the picture."""
    figure = Figure(figsize=(11.6, 4.5))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 11.6), ylim=(0, 4.5), aspect='equal')
    axes.axis('off')
    low, high = 1.75, 3.35
    box(
        axes,
        (0.2, low),
        (2.1, 1.6),
        'sim_bridge',
        'MuJoCo on the robot’s\nown topics - or the\nreal robot',
        INK,
    )
    box(
        axes,
        (4.1, low),
        (2.1, 1.6),
        'guard',
        '200 Hz, no torch:\nlimits, watchdog,\nemergency stop',
        SAFE,
    )
    box(axes, (7.9, low), (1.75, 1.6), 'policy', '20 Hz:\nobserves, acts,\nswaps weights', LEARN)
    arrow(axes, ((2.3, 2.95), (4.1, 2.95)), 'joint_states', (3.2, 3.1))
    arrow(axes, ((4.1, 2.15), (2.3, 2.15)), 'joint_command', (3.2, 2.0), colour=SAFE)
    arrow(axes, ((7.9, 2.95), (6.2, 2.95)), 'policy/action', (7.05, 3.1), colour=LEARN)
    arrow(axes, ((6.2, 2.15), (7.9, 2.15)), 'guard/\napplied_command', (7.05, 1.9), colour=SAFE)
    above = 'arc,angleA=90,angleB=90,armA=28,armB=28,rad=8'
    arrow(axes, ((1.25, high), (8.5, high)), 'robot/joint_states', (4.9, 3.77), path=above)
    arrow(
        axes,
        ((9.05, high), (0.75, high)),
        'simulation/reset (service, simulation only)',
        (4.9, 4.2),
        path='arc,angleA=90,angleB=90,armA=70,armB=70,rad=8',
        colour=SOFT,
        line='--',
    )
    box(axes, (7.75, 0.1), (2.05, 0.95), 'learner', 'SAC in its own process', LEARN)
    arrow(axes, ((8.35, low), (8.35, 1.05)), 'policy/step', (7.7, 1.42), colour=LEARN)
    weights = 'learner/policy_chunk\nlearner/status'
    arrow(axes, ((9.2, 1.05), (9.2, low)), weights, (10.35, 1.42), colour=LEARN)
    box(axes, (0.2, 0.1), (2.1, 0.95), 'recorder', 'every topic to MCAP', SOFT)
    arrow(axes, ((5.15, 0.75), (5.15, low)), '', (0, 0), colour=SAFE)
    axes.text(
        5.15,
        0.5,
        'emergency_stop\n(topic and service)',
        ha='center',
        va='center',
        size=8.5,
        color=SAFE,
        family='monospace',
        linespacing=1.4,
    )
    return figure


if __name__ == '__main__':
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name('nodes.png'))
    draw().savefig(target, dpi=110)  # the heights of arrows depend on it
