# SPDX-License-Identifier: Apache-2.0
"""S1: speed of lock-step training, and the guard's ticks and weight swaps while learning."""

from __future__ import annotations

from pathlib import Path
import time
from typing import Any

from maxent_msgs.msg import PolicyChunk, SafetyStatus
import numpy as np
from running_system import notes, now_and_then, running, wait

from maxent_bringup.monitor import Monitor
from maxent_bringup.system import SystemConfig
from maxent_ros import qos, topics

FIRST, LAST = 600, 3000  # steps between which the speed is taken: all of them with updates
SETTLED_S, WATCHED_S = 15.0, 120.0
FOLDERS = {'runs': Path('runs'), 'skills': Path('runs/s1/skills')}


def lockstep_speed() -> dict[str, Any]:
    """Policy steps per second over ROS with one gradient step each."""
    config = SystemConfig(
        purpose='train', updates_per_step=1, max_steps=LAST + 1000, name='s1_lockstep', **FOLDERS
    )
    with running(config) as (system, monitor):
        wait(system, monitor, lambda: _steps(monitor) >= FIRST, 120.0, 'first steps', now_and_then)
        first, begin = _steps(monitor), time.monotonic()
        wait(system, monitor, lambda: _steps(monitor) >= LAST, 300.0, 'last steps', now_and_then)
        speed = (_steps(monitor) - first) / (time.monotonic() - begin)
    return {'lockstep_steps_per_s': round(speed, 1)}


def realtime_lateness_and_swaps() -> dict[str, Any]:
    """Train in real time at 20 Hz; watch the guard's ticks and the way of the weights."""
    config = SystemConfig(purpose='train', pacing='realtime', name='s1_realtime', **FOLDERS)
    published: dict[int, float] = {}
    parameters = {'learner': {'use_sim_time': False, 'learning_starts': 60}}
    with running(config, instrumented='policy', parameters=parameters) as (system, monitor):

        def note(chunk: PolicyChunk) -> None:
            stamp = chunk.header.stamp
            published.setdefault(chunk.version, stamp.sec + 1e-9 * stamp.nanosec)

        monitor.node.create_subscription(PolicyChunk, topics.POLICY_CHUNK, note, qos.WEIGHTS)
        wait(system, monitor, lambda: _steps(monitor) >= 100, 180.0, '100 steps')
        monitor.spin(SETTLED_S)
        first = _safety(monitor)
        windows = []
        deadline = time.monotonic() + WATCHED_S
        while time.monotonic() < deadline:
            monitor.spin(10.0)  # the guard's window
            system.check()
            status = _safety(monitor)
            windows.append(
                (status.lateness_p50_us, status.lateness_p99_us, status.lateness_p999_us)
            )
        last = _safety(monitor)
        rows = notes(system.logs['policy'], 'version')
    latencies = [
        1e3 * (row['wall_s'] - published[int(row['version'])])
        for row in rows
        if row['version'] > 1 and row['version'] in published
    ]
    return {
        'lateness_us': {
            name: round(float(np.median([window[i] for window in windows])), 1)
            for i, name in enumerate(('p50', 'p99', 'p999'))
        },
        'lateness_us_p999_of_each_10_s': [round(window[2]) for window in windows],
        'ticks': last.ticks - first.ticks,
        'ticks_missed': last.overruns - first.overruns,
        'swaps': len(latencies),
        'publish_to_swap_ms_p99': round(float(np.percentile(latencies, 99)), 1),
        'publish_to_swap_ms_p50': round(float(np.percentile(latencies, 50)), 1),
    }


def _steps(monitor: Monitor) -> int:
    return 0 if monitor.learner is None else int(monitor.learner.steps)


def _safety(monitor: Monitor) -> SafetyStatus:
    if monitor.safety is None:
        raise RuntimeError('the guard has not been heard')
    return monitor.safety
