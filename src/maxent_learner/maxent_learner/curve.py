# SPDX-License-Identifier: Apache-2.0
"""Draws the learning curve: episode return and what the task measures against robot time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import os
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray

from maxent_robot.tasks.measures import measure

MEDIAN_WINDOW = 9  # episodes


def running_median(values: Sequence[float], window: int = MEDIAN_WINDOW) -> NDArray[np.float64]:
    """Return the median of the last `window` values at each position, fewer at the start."""
    array = np.asarray(values, dtype=np.float64)
    return np.array([np.median(array[max(0, i + 1 - window) : i + 1]) for i in range(len(array))])


def draw_curve(path: Path, episodes: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: of the PNG.
        episodes: rows of progress.jsonl: robot_minutes, episode_return, final_measure, measure.
        title: says robot, task and seed.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(8.0, 6.0), layout='constrained')
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    figure.suptitle(title)
    minutes = [row['robot_minutes'] for row in episodes]
    name = next((row['measure'] for row in episodes), 'distance')
    _draw(above, minutes, [row['episode_return'] for row in episodes], 'episode return')
    finals = [row['final_measure'] for row in episodes]
    shown = measure(name)
    label = f'final {name} ({shown.unit})' if shown.unit else f'final {name}'
    _draw(below, minutes, [shown.factor * value for value in finals], label)
    if shown.goal is not None:
        style = {'color': 'tab:green', 'linestyle': ':', 'linewidth': 1.0}
        below.axhline(shown.factor * shown.goal, label=shown.text(shown.goal), **style)
    if finals and min(finals) > 0.0 and not shown.more_is_better:
        below.set_yscale('log')
        below.yaxis.set_major_formatter('{x:g}')
    below.set_xlabel('robot time (minutes)')
    for axes in (above, below):
        axes.grid(visible=True, which='both', alpha=0.25)
        axes.legend(loc='best')
    _save(figure, path)


def draw_updates(
    path: Path, updates: Sequence[tuple[int, Mapping[str, float]]], title: str
) -> None:
    """Write a PNG of what gradient steps without a robot did, whole or not at all.

    Args:
        path: of the PNG.
        updates: number of updates, and the metrics of the last of them.
        title: of the picture.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(8.0, 6.0), layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    names = [name for name in ('q_mean', 'q_loss') if all(name in m for _, m in updates)]
    for axes, name in zip(figure.subplots(2, 1, sharex=True), names, strict=False):
        axes.plot([at for at, _ in updates], [m[name] for _, m in updates], linewidth=1.0)
        axes.set_ylabel({'q_mean': 'mean Q of the batch', 'q_loss': 'loss of Q'}[name])
        axes.grid(visible=True, alpha=0.25)
        axes.set_xlabel('updates')
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    partial = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    figure.savefig(partial, format='png', dpi=110)
    partial.replace(path)


def _draw(axes: Any, minutes: Sequence[float], values: Sequence[float], label: str) -> None:
    axes.plot(minutes, values, '.', color='tab:blue', alpha=0.35, label='one episode')
    median = running_median(values)
    axes.plot(
        minutes,
        median,
        color='tab:red',
        linewidth=1.8,
        label=f'median of {MEDIAN_WINDOW} episodes',
    )
    axes.set_ylabel(label)
