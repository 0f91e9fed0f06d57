# SPDX-License-Identifier: Apache-2.0
"""Brings real systems up for benchmarks: real processes, real DDS, a domain of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import dataclasses
import json
import os
from pathlib import Path
import signal
import time
from typing import Any

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor, find_executable
from maxent_bringup.system import NodeSpec, SystemConfig, describe
from maxent_ros.testing import isolated_domain


@contextlib.contextmanager
def running(
    config: SystemConfig,
    *,
    start: bool = True,
    instrumented: str = '',
    parameters: dict[str, dict[str, Any]] | None = None,
    only: Sequence[str] | None = None,
    **listeners: Callable[[Any], None],
) -> Iterator[tuple[Supervisor, Monitor]]:
    """Run the nodes of a system with a monitor beside them.

    Args:
        config: Of the system.
        start: Whether to start all nodes at once.
        instrumented: Node that runs as instrumented_<name>.py of this folder.
        parameters: More parameters for some nodes.
        only: Nodes to have, all if None.
        **listeners: Passed to the monitor.
    """
    extra = parameters or {}
    specs = [
        dataclasses.replace(spec, parameters={**spec.parameters, **extra.get(spec.name, {})})
        for spec in describe(config)
        if only is None or spec.name in only
    ]

    def find(spec: NodeSpec) -> Path:
        if spec.name == instrumented:
            return Path(__file__).with_name(f'instrumented_{spec.name}.py')
        return find_executable(spec)

    # The job pool blocks Ctrl-C in its processes; nodes that inherited this would neither end by
    # being interrupted nor with a job that is killed.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with isolated_domain() as domain:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        with (
            Monitor(config.namespace, **listeners) as monitor,
            Supervisor(specs, config.run_folder, find) as system,
        ):
            for log in system.logs.values():
                log.unlink(missing_ok=True)  # of an earlier measurement
            if start:
                system.start()
            yield system, monitor


def wait(
    system: Supervisor,
    monitor: Monitor,
    until: Callable[[], bool],
    timeout_s: float,
    what: str,
    look: Callable[[Monitor], None] = lambda monitor: monitor.spin(0.01),
) -> None:
    """Serve messages until something is so. TimeoutError naming it if it never is."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {timeout_s} s: {what}')
        look(monitor)
        system.check()


def now_and_then(monitor: Monitor) -> None:
    """Way to look for `wait` that does not slow the watched system down."""
    time.sleep(0.2)
    monitor.poll()


def notes(log: Path, key: str) -> list[dict[str, float]]:
    """Return what an instrumented node wrote so far of what has a figure of this name."""
    if not log.exists():
        return []
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
    rows = [json.loads(line[5:]) for line in lines if line.startswith('NOTE ')]
    return [row for row in rows if key in row]
