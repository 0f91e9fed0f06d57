# SPDX-License-Identifier: Apache-2.0
"""What a run leaves to be looked at: progress.jsonl, TensorBoard events, curve.png.

A disk that is full or a folder that may not be written must not stop the robot's learning:
each fault is reported once and training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import json
import os
from pathlib import Path
from typing import Any

from maxent_learner.curve import draw_curve

Row = dict[str, Any]


def read_progress(path: Path, max_steps: int | None = None) -> list[Row]:
    """Return the rows of a progress.jsonl; a torn last line is left out.

    Args:
        path: need not exist.
        max_steps: leave out rows of later steps (a run resumed from an earlier checkpoint).
    """
    rows: list[Row] = []
    if not path.is_file():
        return rows
    for line in path.read_text(encoding='utf-8').splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if max_steps is None or row['steps'] <= max_steps:
            rows.append(row)
    return rows


class Progress:
    """Writes one row per episode, and scalars for TensorBoard."""

    def __init__(
        self, folder: Path, title: str, resume_steps: int, report: Callable[[str], None]
    ) -> None:
        """Continue the rows up to `resume_steps`; 0 starts anew.

        Args:
            folder: of the run.
            title: of the curve.
            resume_steps: rows and events of later steps are dropped.
            report: is told, once per kind, what could not be written.
        """
        self._folder = folder
        self._title = title
        self._report = report
        self._reported: set[str] = set()
        self._path = folder / 'progress.jsonl'
        self.rows = read_progress(self._path, resume_steps)
        self._tensorboard: Any = None
        self._attempt('progress.jsonl', self._rewrite)
        self._attempt('TensorBoard logs', lambda: self._open_tensorboard(resume_steps))

    def episode(self, row: Row) -> None:
        """Append a finished episode."""
        self.rows.append(row)
        self._attempt('progress.jsonl', lambda: self._append(row))
        values = {name: row[name] for name in ('episode_return', 'final_measure')}
        self.scalars('episode', values, row['steps'])

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Add scalars to the TensorBoard log."""
        self._attempt('TensorBoard logs', lambda: self._add_scalars(group, values, step))

    def draw(self, path: Path | None = None) -> None:
        """Draw the curve of what there is to `path`, by default curve.png in the run's folder."""
        if not self.rows:
            return
        target = self._folder / 'curve.png' if path is None else path
        self._attempt(target.name, lambda: draw_curve(target, self.rows, self._title))

    def close(self) -> None:
        """Draw the curve and closes the logs."""
        self.draw()
        if self._tensorboard is not None:
            self._attempt('TensorBoard logs', self._tensorboard.close)

    def _rewrite(self) -> None:
        partial = self._path.with_name(f'{self._path.name}.{os.getpid()}.tmp')
        partial.write_text(''.join(map(_line, self.rows)), encoding='utf-8')
        partial.replace(self._path)

    def _append(self, row: Row) -> None:
        with self._path.open('a', encoding='utf-8') as file:
            file.write(_line(row))

    def _open_tensorboard(self, resume_steps: int) -> None:
        # Imported here: it takes a second, which tests of the rest need not wait for.
        from torch.utils.tensorboard.writer import SummaryWriter

        purge = resume_steps + 1 if resume_steps > 0 else None
        self._tensorboard = SummaryWriter(
            str(self._folder / 'tensorboard'), purge_step=purge, flush_secs=10
        )

    def _add_scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        if self._tensorboard is not None:
            for name, value in values.items():
                self._tensorboard.add_scalar(f'{group}/{name}', value, step)

    def _attempt(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            if what not in self._reported:
                self._reported.add(what)
                self._report(
                    f'cannot write {what} in {self._folder}: {error}; training goes on without '
                    'it. Free some space or give another folder.'
                )


def _line(row: Row) -> str:
    return json.dumps(row) + '\n'
