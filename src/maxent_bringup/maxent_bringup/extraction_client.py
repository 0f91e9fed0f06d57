# SPDX-License-Identifier: Apache-2.0
"""Asks for ExtractComposition from the command line, with progress, and cancels on Ctrl-C.

A learner that runs serves it. Where none does, a process that serves it is started for the while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import tempfile
import time
from typing import Any

from action_msgs.msg import GoalStatus
from maxent_msgs.action import ExtractComposition
from rclpy.action import ActionClient

from maxent_bringup.cli import CommandError
from maxent_bringup.interrupts import stop_requested
from maxent_bringup.monitor import DISCOVERY_S, Monitor
from maxent_bringup.progress_bar import progress_bar
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import NodeSpec
from maxent_ros import topics

START_S = 30.0  # for a process to load torch
ANSWER_S = 10.0


def extract(namespace: str, skills: Path, **fields: Any) -> ExtractComposition.Result:
    """Have a composition extracted and return what the server says of it.

    Args:
        namespace: of the system, or of the server that is started.
        skills: folder of the skills, for a server that is started.
        **fields: of the goal.

    Raises:
        CommandError: a field that cannot be, or no answer.
        SupervisionError: the server that was started died.
    """
    try:
        goal = ExtractComposition.Goal(**fields)
    except (AssertionError, TypeError) as error:
        raise CommandError(str(error)) from None
    with Monitor(namespace) as monitor:
        client = ActionClient(monitor.node, ExtractComposition, topics.EXTRACT_COMPOSITION)
        monitor.spin(DISCOVERY_S)
        if client.server_is_ready():
            return _follow(monitor, client, goal)
        with _server(namespace, skills) as server:
            monitor.until(client.server_is_ready, START_S, server.check)
            return _follow(monitor, client, goal)


@contextmanager
def _server(namespace: str, skills: Path) -> Iterator[Supervisor]:
    """Run a server of its own for the while."""
    parameters = {'skills_folder': str(skills.absolute())}
    spec = NodeSpec('maxent_learner', 'extractor_node', 'extractor', namespace, parameters)
    with (
        tempfile.TemporaryDirectory(prefix='maxent_extract_') as folder,
        Supervisor([spec], Path(folder)) as server,
    ):
        server.start()
        yield server


def _follow(
    monitor: Monitor, client: ActionClient, goal: ExtractComposition.Goal
) -> ExtractComposition.Result:
    with stop_requested() as stop, progress_bar() as bar:
        task = bar.add_task('extracting', total=goal.steps, figures='')

        def show(message: Any) -> None:
            now = message.feedback
            figures = f'Q {now.q:.4g} nats, error of the fitted Q {now.q_error:.3g}'
            bar.update(task, completed=now.steps, figures=figures)

        sent = client.send_goal_async(goal, show)
        monitor.until(sent.done, ANSWER_S)
        handle = sent.result()
        answer = handle.get_result_async()
        cancelled_s = None
        while not answer.done():
            monitor.spin(0.05)
            if stop.is_set() and cancelled_s is None:
                cancelled_s = time.monotonic()
                handle.cancel_goal_async()
            if cancelled_s is not None and time.monotonic() - cancelled_s > ANSWER_S:
                raise CommandError(f'not cancelled within {ANSWER_S:.0f} s')
    if answer.result().status == GoalStatus.STATUS_UNKNOWN:
        raise CommandError('the extraction is gone: was its server restarted?')
    return answer.result().result
