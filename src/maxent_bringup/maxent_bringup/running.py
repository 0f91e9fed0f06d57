# SPDX-License-Identifier: Apache-2.0
"""Runs a skill and shows on one line what the robot does and what the guard makes of it."""

from __future__ import annotations

from collections.abc import Callable
import time

from maxent_msgs.msg import AppliedCommand, SafetyStatus, Step
from rich.console import Console

from maxent_bringup.interrupts import stop_requested
from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig, describe

POLL_S = 0.1
LINE_EVERY_S = 5.0  # where there is no terminal
LEVELS = {
    AppliedCommand.LEVEL_NORMAL: 'normal',
    AppliedCommand.LEVEL_HOLD: 'HOLD',
    AppliedCommand.LEVEL_DAMP: 'DAMP',
    AppliedCommand.LEVEL_RELAX: 'RELAX',
    AppliedCommand.LEVEL_ESTOP: 'EMERGENCY STOP',
}


class Progress:
    """Counts finished episodes and keeps the newest step."""

    def __init__(self) -> None:
        self.newest: Step | None = None
        self.finished = 0

    def add(self, step: Step) -> None:
        """Take a step."""
        self.newest = step
        self.finished += step.terminated or step.truncated


def run_skill(config: SystemConfig) -> None:
    """Bring the system up and run it until Ctrl-C or `config.episodes` episodes.

    Raises:
        SystemRunsError: nodes of these names are on the graph.
        SupervisionError: a node cannot be started, or died.
    """
    progress = Progress()
    specs = describe(config)
    with stop_requested() as stop, Monitor(config.namespace, on_step=progress.add) as monitor:
        monitor.refuse_second_system({spec.full_name for spec in specs})
        with Supervisor(specs, config.run_folder) as system:
            system.start()
            line = StatusLine(Console())
            while not stop.is_set():
                monitor.spin(POLL_S)
                line.show(status_text(progress, monitor.safety), level_of(monitor.safety))
                if config.episodes and progress.finished >= config.episodes:
                    break
                system.check()
            line.end()


def status_text(progress: Progress, safety: SafetyStatus | None) -> str:
    """Return one line: guard, episode, what the task measures, which policy acts."""
    parts = ['guard: waiting' if safety is None else f'guard: {guard_text(safety)}']
    step = progress.newest
    if step is not None:
        parts.append(f'episode {step.episode} step {step.index}')
        for name, value in zip(step.measure_names, step.measures, strict=True):
            parts.append(f'{name} {value:.3f}')
        parts.append(f'{step.skill} v{step.policy_version}')
    if safety is not None:
        parts.append(f'{safety.interventions} interventions')
    return ' | '.join(parts)


def guard_text(safety: SafetyStatus) -> str:
    """Return the rung of the ladder, with its reason unless all is well."""
    level = level_of(safety)
    if safety.idle or safety.level == AppliedCommand.LEVEL_NORMAL:
        return level
    return f'{level} ({safety.reason})'


def level_of(safety: SafetyStatus | None) -> str:
    """Return the rung of the ladder in words."""
    if safety is None:
        return 'waiting'
    return 'idle' if safety.idle else LEVELS.get(safety.level, f'level {safety.level}')


class StatusLine:
    """One line that is written over in a terminal, and printed now and then elsewhere.

    A line on which the guard's level is another than before stays, on a terminal too: an
    emergency stop must not be lost between two prints.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._next = clock()
        self._level = ''

    def show(self, text: str, level: str) -> None:
        """Show the newest text, in which the guard is on this level of its ladder."""
        now = self._clock()
        changed, self._level = level != self._level, level
        if self._console.is_terminal:
            width = self._console.width - 1
            self._console.file.write(f'\r{text[:width]:<{width}}' + '\n' * changed)
            self._console.file.flush()
        elif changed or now >= self._next:
            self._next = now + LINE_EVERY_S
            self._console.print(text, soft_wrap=True, highlight=False, markup=False)

    def end(self) -> None:
        """Leave the line."""
        if self._console.is_terminal:
            self._console.file.write('\n')
