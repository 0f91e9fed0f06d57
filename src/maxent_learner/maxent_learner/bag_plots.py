# SPDX-License-Identifier: Apache-2.0
"""Draws a bag as PNGs: episodes, joints over time, interventions of the guard over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maxent_learner.bag_signals import BagSignals, Series, read_signals
from maxent_learner.curve import MEDIAN_WINDOW, running_median
from maxent_learner.episode_log import EpisodeResult
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.safety.flags import INTERVENTIONS, Flag
from maxent_robot.safety.guard import GAP_NS
from maxent_robot.tasks.measures import measure
from maxent_robot.types import NANOSECONDS

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagReader

POINTS = 4000  # of a line at most: more are no more to see
BINS = 120  # of the time axis at most, in which shares are taken
DPI, COLOURS = 100, 64
MARGIN = 0.02  # of the time axis, before the first episode
MOST_BORDERS = 80  # of episodes that can be told apart
MEASURED, COMMANDED = 'tab:blue', 'tab:orange'


def draw_bag(
    reader: BagReader, spec: RobotSpec, episodes: Sequence[EpisodeResult], folder: Path
) -> list[Path]:
    """Write PNGs of what the bag holds into an existing folder and return their paths.

    Raises:
        BagError: a message that cannot be.
        OSError: a file cannot be written.
    """
    signals = read_signals(reader, spec)
    title = f'{spec.name}: {reader.path.name}'
    drawn: list[Path] = []
    if episodes:
        drawn.append(_save(_episodes(episodes, title), folder / 'episodes.png'))
    if len(signals.positions):
        drawn.append(_save(_joints(signals, spec, title), folder / 'joints.png'))
    if signals.flags:
        drawn.append(_save(_interventions(signals, title), folder / 'interventions.png'))
    return drawn


def _figure(title: str, width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout='constrained')
    figure.suptitle(title)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    """Write a PNG of few colours: lines and letters need no more, and it takes a third."""
    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert('RGB')
    picture.quantize(COLOURS).save(path, format='PNG', optimize=True)
    return path


def _episodes(episodes: Sequence[EpisodeResult], title: str) -> Figure:
    figure = _figure(f'{title}, episodes', 8.0, 5.5)
    above, below = figure.subplots(2, 1, sharex=True)
    _dots(above, [episode.episode_return for episode in episodes])
    above.set_title('return', fontsize=10)
    name = next(iter(episodes[0].measures), '')
    shown = measure(name)
    _dots(below, [shown.factor * episode.final_measure for episode in episodes])
    unit = f' ({shown.unit})' if shown.unit else ''
    below.set_title(f'{shown.title} in the end{unit}', fontsize=10)
    if shown.goal is not None:
        goal = shown.factor * shown.goal
        below.axhline(goal, color='tab:green', linestyle=':', label=shown.text(shown.goal))
    below.set_xlabel('episode, in the order of the bag')
    below.xaxis.get_major_locator().set_params(integer=True)
    for axes in (above, below):
        axes.grid(visible=True, alpha=0.25)
        axes.legend(loc='best')
    return figure


def _dots(axes: Any, values: Sequence[float]) -> None:
    numbers = range(1, len(values) + 1)
    axes.plot(
        numbers, values, 'o', markersize=4.0, color='tab:blue', alpha=0.6, label='one episode'
    )
    if len(values) > MEDIAN_WINDOW:
        median = running_median(values)
        axes.plot(numbers, median, color='tab:red', label=f'median of {MEDIAN_WINDOW} episodes')


def _joints(signals: BagSignals, spec: RobotSpec, title: str) -> Figure:
    """One row for each joint; commands beside the positions unless they are positions, too."""
    n, beside = len(spec.joint_names), signals.command_unit not in ('', 'rad')
    figure = _figure(f'{title}, joints', 11.0, 1.0 + 1.15 * n)
    grid = figure.subplots(n, 2 if beside else 1, sharex=True, squeeze=False)
    begin_ns = _begin_ns(signals)
    positions = _line(signals.positions, begin_ns)
    commands = _line(signals.commands, begin_ns)
    for j, name in enumerate(spec.joint_names):
        grid[j, 0].plot(positions[0], positions[1][:, j], color=MEASURED, linewidth=0.9)
        told = grid[j, -1]
        told.plot(commands[0], commands[1][:, j], color=COMMANDED, linewidth=0.9)
        grid[j, 0].set_ylabel(name, rotation=0, ha='right', va='center')
        for axes in grid[j]:
            axes.grid(visible=True, alpha=0.25)
            axes.tick_params(labelsize=8)
            _borders(axes, signals.begins_ns, begin_ns)
    overlaid = signals.command_unit == 'rad'
    text = 'position (rad): blue measured, orange commanded' if overlaid else 'position (rad)'
    grid[0, 0].set_title(text, fontsize=10)
    if beside:
        grid[0, 1].set_title(f'command ({signals.command_unit})', fontsize=10)
    if signals.begins_ns:  # what was before did not move
        end_ns = signals.positions.thinned(POINTS)[0][-1]
        seconds = [(stamp - begin_ns) / NANOSECONDS for stamp in (signals.begins_ns[0], end_ns)]
        grid[0, 0].set_xlim(seconds[0] - MARGIN * (seconds[1] - seconds[0]), seconds[1])
    for axes in grid[-1]:
        axes.set_xlabel('time of the robot (s); dotted: an episode begins')
    return figure


def _line(series: Series, begin_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Times (m,) in s and values (m, n), with a row of NaN where the robot was put back."""
    stamps, values = series.thinned(POINTS)
    usual = np.median(np.diff(stamps)) if len(stamps) > 1 else 0.0
    breaks = np.flatnonzero(np.diff(stamps) > max(2.0 * usual, GAP_NS)) + 1
    seconds = (stamps - begin_ns) / NANOSECONDS
    gaps = np.full((len(breaks), values.shape[1]), np.nan, np.float32)
    return np.insert(seconds, breaks, seconds[breaks]), np.insert(values, breaks, gaps, axis=0)


def _begin_ns(signals: BagSignals) -> int:
    if len(signals.positions):
        return int(signals.positions.thinned(1)[0][0])
    return signals.flags[0][0]


def _borders(axes: Any, begins_ns: Sequence[int], begin_ns: int) -> None:
    if len(begins_ns) <= MOST_BORDERS:
        for stamp_ns in begins_ns:
            second = (stamp_ns - begin_ns) / NANOSECONDS
            axes.axvline(second, color='black', linestyle=':', linewidth=0.8)


def _interventions(signals: BagSignals, title: str) -> Figure:
    """Share of the actions that the guard changed, and for each flag the share that raised it."""
    begin_ns = _begin_ns(signals)
    stamps, flags = np.array(signals.flags, np.int64).T
    seconds = (stamps - begin_ns) / NANOSECONDS
    raised = [flag for flag in Flag if (flags & int(flag)).any()]
    figure = _figure(f'{title}, what the guard did', 9.0, 3.4 + 0.28 * len(raised))
    heights = [2.0, max(0.6, 0.28 * len(raised))]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    edges = _bins(seconds)
    changed = _shares(seconds, flags & int(INTERVENTIONS) != 0, edges)
    above.stairs(100.0 * np.nan_to_num(changed), edges, fill=True, color='tab:red', alpha=0.6)
    above.set_ylabel('actions changed (%)')
    above.set_ylim(0.0, 100.0)
    above.grid(visible=True, alpha=0.25)
    _borders(above, signals.begins_ns, begin_ns)
    rows = [_shares(seconds, flags & int(flag) != 0, edges) for flag in raised]
    shares = np.array(rows).reshape(-1, len(edges) - 1)
    mesh = below.pcolormesh(
        edges, np.arange(len(raised) + 1), 100.0 * shares, vmin=0.0, vmax=100.0, cmap='Reds'
    )
    below.set_yticks(np.arange(len(raised)) + 0.5, [str(flag.name) for flag in raised], fontsize=8)
    below.set_xlabel('time of the robot (s); dotted: an episode begins')
    figure.colorbar(mesh, ax=below, label='% of actions')
    return figure


def _bins(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of equal intervals, each wide enough for some actions."""
    first, last = seconds.min(), seconds.max() + 1e-3
    usual = np.median(np.diff(seconds)) if len(seconds) > 1 else 1.0
    count = int(np.clip((last - first) / max(3.0 * usual, 1e-6), 1, BINS))
    return np.linspace(first, last, count + 1)


def _shares(
    seconds: NDArray[np.float64], mask: NDArray[np.bool_], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share (bins,) of what is true in each interval; NaN where nothing happened."""
    total = np.histogram(seconds, edges)[0]
    hits = np.histogram(seconds[mask], edges)[0]
    shares = np.full(len(total), np.nan)
    np.divide(hits, total, out=shares, where=total > 0)
    return shares
