# SPDX-License-Identifier: Apache-2.0
"""Brings real systems up for benchmarks: real processes, real DDS, a domain of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import dataclasses
import json
import os
from pathlib import Path
import time
from typing import Any

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor, find_executable
from maxent_bringup.system import NodeSpec, SystemConfig, describe
from maxent_ros.testing import isolated_domain

INSTRUMENTED_POLICY = Path(__file__).with_name('instrumented_policy.py')


@contextlib.contextmanager
def running(
    config: SystemConfig,
    *,
    start: bool = True,
    instrumented: bool = False,
    parameters: dict[str, dict[str, Any]] | None = None,
    only: Sequence[str] | None = None,
    **listeners: Callable[[Any], None],
) -> Iterator[tuple[Supervisor, Monitor]]:
    """Run the nodes of a system, with more parameters for some, and a monitor beside them."""
    extra = parameters or {}
    specs = [
        dataclasses.replace(spec, parameters={**spec.parameters, **extra.get(spec.name, {})})
        for spec in describe(config)
        if only is None or spec.name in only
    ]

    def find(spec: NodeSpec) -> Path:
        is_policy = instrumented and spec.name == 'policy'
        return INSTRUMENTED_POLICY if is_policy else find_executable(spec)

    with isolated_domain() as domain:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        with (
            Monitor(config.namespace, **listeners) as monitor,
            Supervisor(specs, config.run_folder, find) as system,
        ):
            if start:
                system.start()
            yield system, monitor


def wait(
    system: Supervisor, monitor: Monitor, until: Callable[[], bool], timeout_s: float, what: str
) -> None:
    """Serve messages until something is so. TimeoutError naming it if it never is."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {timeout_s} s: {what}')
        monitor.spin(0.01)
        system.check()


def watch(
    system: Supervisor, monitor: Monitor, until: Callable[[], bool], timeout_s: float, what: str
) -> None:
    """Like `wait`, but look only now and then, so that the watched system is not slowed down."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {timeout_s} s: {what}')
        time.sleep(0.2)
        monitor.poll()
        system.check()


def swaps(log: Path) -> list[dict[str, float]]:
    """Return what the instrumented policy wrote so far."""
    if not log.exists():
        return []
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith('SWAP ')]
