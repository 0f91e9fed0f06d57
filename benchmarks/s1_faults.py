# SPDX-License-Identifier: Apache-2.0
"""S1: how soon the guard brakes when the policy is killed, and how soon an e-stop acts."""

from __future__ import annotations

import signal
import time
from typing import Any

from maxent_msgs.msg import AppliedCommand, Step
import numpy as np
from running_system import notes, running, wait
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig
from maxent_ros import qos, topics

KILLS = 20
STOPS = 30
SKILL = 'sawyer_reach'


class _Steps:
    """Counts the steps of the episode that is being acted."""

    def __init__(self) -> None:
        self.acting = 0

    def add(self, step: Step) -> None:
        self.acting = 0 if step.truncated or step.terminated else step.index


def damping_after_kill() -> dict[str, Any]:
    """Kill the policy at random moments of its episodes; worst time until the guard damps."""
    rng = np.random.default_rng(0)
    steps, times = _Steps(), []
    config = SystemConfig(purpose='run', skill=SKILL, pacing='realtime', name='s1_damping')
    with running(config, on_step=steps.add) as (system, monitor):
        for _ in range(KILLS):
            _wait_until_acting(system, monitor, steps)
            monitor.spin(float(rng.uniform(0.0, 1.0)))
            begin = time.monotonic()
            system.process('policy').send_signal(signal.SIGKILL)
            while _level(monitor) < AppliedCommand.LEVEL_DAMP:
                monitor.node.executor.spin_once(timeout_sec=0.01)
                if time.monotonic() - begin > 2.0:
                    raise TimeoutError('the guard did not damp within 2 s')
            times.append(1e3 * (time.monotonic() - begin))
            system.stop(['policy'])
            steps.acting = 0
            system.start(['policy'])
    return {
        'damping_ms': round(max(times), 1),
        'damping_ms_median': round(float(np.median(times)), 1),
        'policy_kills': len(times),
    }


def estop_ticks() -> dict[str, Any]:
    """Stop by topic at random moments; guard ticks from its arrival to the command that stops."""
    rng = np.random.default_rng(1)
    steps, times = _Steps(), []
    config = SystemConfig(purpose='run', skill=SKILL, pacing='realtime', name='s1_estop')
    with running(config, instrumented='guard', on_step=steps.add) as (system, monitor):
        node = monitor.node
        stop = node.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
        clear = node.create_client(Trigger, topics.CLEAR_EMERGENCY_STOP_SERVICE)
        for _ in range(STOPS):
            _wait_until_acting(system, monitor, steps)
            monitor.spin(float(rng.uniform(0.0, 0.5)))
            begin = time.monotonic()
            stop.publish(Empty())
            while _level(monitor) < AppliedCommand.LEVEL_ESTOP:
                node.executor.spin_once(timeout_sec=0.01)
                if time.monotonic() - begin > 2.0:
                    raise TimeoutError('the emergency stop did not act within 2 s')
            times.append(1e3 * (time.monotonic() - begin))
            steps.acting = 0
            _clear(system, monitor, clear)
        ticks = [note['ticks'] for note in notes(system.logs['guard'], 'ticks')]
    return {
        'estop_ticks': max(ticks),
        'estop_ms_worst_seen_by_sender': round(max(times), 1),
        'estop_ms_median_seen_by_sender': round(float(np.median(times)), 1),
        'estops': len(ticks),
    }


def _wait_until_acting(system: Supervisor, monitor: Monitor, steps: _Steps) -> None:
    """Let the robot be at least ten steps into an episode, and the guard content."""
    wait(
        system,
        monitor,
        lambda: steps.acting >= 10 and _level(monitor) == AppliedCommand.LEVEL_NORMAL,
        60.0,
        'an episode under way',
    )


def _clear(system: Supervisor, monitor: Monitor, client: Any) -> None:
    """Ask until the guard agrees: the robot must have come to rest."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        answer = client.call_async(Trigger.Request())
        wait(system, monitor, answer.done, 5.0, 'an answer of the guard')
        if answer.result().success:
            return
        monitor.spin(0.1)
    raise TimeoutError(f'the emergency stop cannot be cleared: {answer.result().message}')


def _level(monitor: Monitor) -> int:
    return -1 if monitor.safety is None else int(monitor.safety.level)
