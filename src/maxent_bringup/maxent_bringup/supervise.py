# SPDX-License-Identifier: Apache-2.0
"""Runs the nodes of a system as processes where `ros2 launch` is not installed.

Each node writes straight into its own log file, so a blocked terminal can never stall a control
loop; `maxent up` follows these files. Nothing outlives the supervisor: processes are asked to stop
with SIGINT, then SIGTERM, then killed with all their children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import shutil
import signal
import subprocess
from typing import Any, TextIO

import psutil
import yaml

from maxent_bringup.interrupts import stop_requested
from maxent_bringup.log_follower import LogFollower
from maxent_bringup.system import NodeSpec

TAIL_LINES = 15
GRACE_S = 10.0  # between SIGINT, SIGTERM and SIGKILL


class SupervisionError(RuntimeError):
    """A system could not be started, or a node died; the text names the node and says why."""


@dataclass
class _Running:
    spec: NodeSpec
    process: psutil.Popen
    log: Path


def parameter_file_content(specs: Iterable[NodeSpec]) -> dict[str, Any]:
    """Return the ROS parameter file of a system: full node name -> ros__parameters."""
    return {spec.full_name: {'ros__parameters': dict(spec.parameters)} for spec in specs}


def command_line(spec: NodeSpec, executable: Path, parameter_file: Path) -> list[str]:
    """Return the command that runs one node, with the arguments `ros2 launch` would give it."""
    command = [str(executable), '--ros-args', '-r', f'__node:={spec.name}']
    if spec.namespace:
        command += ['-r', f'__ns:=/{spec.namespace}']
    for source, target in spec.remappings:
        command += ['-r', f'{source}:={target}']
    for path in (*spec.parameter_files, parameter_file):
        command += ['--params-file', str(path)]
    return command


def find_executable(spec: NodeSpec) -> Path:
    """Return the node's program, installed as `ros2 run` expects it."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        path = Path(get_package_prefix(spec.package), 'lib', spec.package, spec.executable)
    except PackageNotFoundError:
        raise SupervisionError(
            f"package '{spec.package}' is not installed here: run `make setup`, then "
            '`. ./setup.bash`'
        ) from None
    if not path.is_file():
        raise SupervisionError(
            f"package '{spec.package}' has no program '{spec.executable}' (looked for {path}): "
            'run `make setup`'
        )
    return path


class Supervisor:
    """Starts, watches and stops the processes of one system. Use as a context manager."""

    def __init__(
        self,
        specs: Sequence[NodeSpec],
        run_folder: Path,
        find: Callable[[NodeSpec], Path] = find_executable,
    ) -> None:
        """Write the parameter file; `find` returns the program of a node."""
        self._find = find
        self._specs = {spec.name: spec for spec in specs}
        self._parameter_file = run_folder / 'params.yaml'
        self._logs = run_folder / 'logs'
        self._running: dict[str, _Running] = {}
        self._logs.mkdir(parents=True, exist_ok=True)
        content = yaml.safe_dump(parameter_file_content(specs), sort_keys=True)
        self._parameter_file.write_text(content, encoding='utf-8')

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def logs(self) -> dict[str, Path]:
        """Log file of every node, by node name."""
        return {name: self._logs / f'{name}.log' for name in self._specs}

    def process(self, name: str) -> psutil.Popen:
        """Return the process of a running node."""
        return self._running[name].process

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start the named nodes, or all of them; from a thread that lives as long as they do."""
        for name in self._specs if names is None else names:
            spec = self._specs[name]
            command = command_line(spec, self._find(spec), self._parameter_file)
            self._running[name] = _start(spec, command, self.logs[name])

    def check(self) -> None:
        """Raise SupervisionError if a node has died, with its last words."""
        for node in self._running.values():
            code = node.process.poll()
            if code is not None:
                raise SupervisionError(_obituary(node, code))

    def stop(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Stop the named nodes, or all, and return their exit codes by name."""
        wanted = set(self._running if names is None else names)
        nodes = [self._running.pop(name) for name in list(self._running) if name in wanted]
        trees = [child for node in nodes for child in _children(node.process)]
        alive = [node.process for node in nodes]
        for request in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for process in alive:
                _signal(process, request)
            _, alive = psutil.wait_procs(alive, timeout=GRACE_S)
            if not alive:
                break
        for orphan in trees:
            _signal(orphan, signal.SIGKILL)
        return {node.spec.name: int(node.process.wait()) for node in nodes}


def supervise(
    specs: Sequence[NodeSpec],
    run_folder: Path,
    out: TextIO,
    find: Callable[[NodeSpec], Path] = find_executable,
) -> int:
    """Run a system in the terminal until Ctrl-C or SIGTERM (returns 0) or a node dies (1)."""
    with stop_requested() as stop, Supervisor(specs, run_folder, find) as system:
        follower = LogFollower(system.logs, out)
        try:
            system.start()
            while not stop.wait(0.1):
                follower.poll()
                system.check()
        except SupervisionError as error:
            out.write(f'{error}\nStopping the others.\n')
            return 1
        finally:
            system.stop()
            follower.poll()
    return 0


def _start(spec: NodeSpec, command: list[str], log: Path) -> _Running:
    # setpriv (util-linux) has the kernel interrupt the node when the supervisor is killed.
    setpriv = shutil.which('setpriv')
    if setpriv is not None:
        command = [setpriv, '--pdeathsig', 'INT', '--', *command]
    with log.open('ab') as sink:
        # A session of its own: Ctrl-C in the terminal reaches only the supervisor.
        process = psutil.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    return _Running(spec, process, log)


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, request: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(request)


def _obituary(node: _Running, code: int) -> str:
    cause = f'killed by {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'
    lines = node.log.read_text(encoding='utf-8', errors='replace').splitlines()[-TAIL_LINES:]
    last_words = '\n'.join(f'  | {line}' for line in lines) or '  | (nothing)'
    return (
        f"node '{node.spec.name}' ({node.spec.package}/{node.spec.executable}) died: {cause}.\n"
        f'Last lines of {node.log}:\n{last_words}'
    )
