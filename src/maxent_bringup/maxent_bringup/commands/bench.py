# SPDX-License-Identifier: Apache-2.0
"""`maxent bench ROW`: runs a benchmark of the source tree and writes its row of the results.

Without ROW it lists them. What follows ROW goes to the benchmark; `maxent bench ROW --help` tells
what that may be. Ctrl-C stops; the same command goes on with what is missing.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
import signal
import subprocess
import sys

from maxent_bringup.cli import CommandError

MARK = 'result_file.py'  # in the folder of benchmarks


def main(arguments: Sequence[str]) -> int:
    """Run a benchmark and return its exit code, or list them (0)."""
    parser = argparse.ArgumentParser(prog='maxent bench', description=__doc__)
    parser.add_argument('--list', action='store_true', help='list the benchmarks and run none')
    parser.add_argument('row', metavar='ROW', nargs='?', help='such as T2; default: list them')
    parser.add_argument(
        'arguments', nargs=argparse.REMAINDER, metavar='ARGS', help='for its script'
    )
    chosen = parser.parse_args(arguments)
    folder = benchmarks_folder()
    if chosen.row is None or chosen.list:
        _show(folder)
        return 0
    script = find_script(folder, chosen.row)
    # Ctrl-C reaches the script too, which ends in order; its exit code is waited for.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        # In the root of the sources, so that an interrupted benchmark finds its parts in runs/.
        return subprocess.call([sys.executable, str(script), *chosen.arguments], cwd=folder.parent)
    finally:
        signal.signal(signal.SIGINT, before)


def benchmarks_folder() -> Path:
    """Return the folder of benchmarks in the source tree; CommandError if that is not there."""
    sources = (Path(__file__).resolve().parents[4], Path.cwd())
    for root in sources:
        if (root / 'benchmarks' / MARK).is_file():
            return root / 'benchmarks'
    raise CommandError(
        'benchmarks are part of the source tree, and neither '
        f'{sources[0]} nor {sources[1]} is one: run this in the root folder of a git clone'
    )


def find_script(folder: Path, row: str) -> Path:
    """Return the script of a row (T2: t2_*.py); CommandError naming those that there are."""
    wanted = row.lower()
    found = [
        path
        for path in _scripts(folder)
        if path.stem == wanted or path.stem.startswith(f'{wanted}_')
    ]
    if len(found) == 1:
        return found[0]
    known = ', '.join(path.stem for path in found or _scripts(folder))
    what = 'more than one benchmark' if found else 'no benchmark'
    raise CommandError(f"{what} is called '{row}'; in {folder} there are: {known}")


def _scripts(folder: Path) -> list[Path]:
    """Return what can be run, but not the nodes that benchmarks start, which have a `#!`."""
    texts = {path: path.read_text(encoding='utf-8') for path in folder.glob('*.py')}
    found = [
        path
        for path, text in texts.items()
        if "if __name__ == '__main__':" in text and not text.startswith('#!')
    ]
    return sorted(found, key=lambda path: [len(_row(path)), path.stem])  # T4 before T12


def _row(script: Path) -> str:
    """Return T2 for t2_pusher.py, and for what is no row of the table the whole name."""
    start = script.stem.partition('_')[0]
    return start.upper() if start[-1].isdigit() else script.stem


def _show(folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table('row', 'what it does', 'result file')
    for script in _scripts(folder):
        row = _row(script)
        said = ast.get_docstring(ast.parse(script.read_text(encoding='utf-8'))) or ''
        result = folder / 'results' / f'{row}.json'
        about = said.partition('\n')[0].removeprefix(f'Row {row}: ')
        table.add_row(row, about, result.name if result.is_file() else 'none yet')
    Console().print(table)
