# SPDX-License-Identifier: Apache-2.0
"""What is shown of a training run."""

from __future__ import annotations

import io
import math

from maxent_msgs.msg import LearnerStatus
from rich.console import Console

from maxent_bringup.training_view import TrainingView, figures

STATUS = LearnerStatus(
    skill='mine',
    steps=6000,
    max_steps=12000,
    updates=11000,
    episodes=60,
    policy_version=42,
    robot_time=300.0,
    steps_per_second=100.0,
    updates_per_second=200.0,
    temperature=0.0123,
    entropy=-4.5,
    episode_return=-12.3,
    measure='distance',
    final_measure=0.034,
)


def test_every_figure_has_its_unit() -> None:
    rows = figures(STATUS, 17, 5.0)
    assert rows['robot time'] == '5:00 min'
    assert rows['steps'] == '6000 of 12000'
    assert rows['final distance'] == '3.4 cm'
    assert rows['time left'] == '1:00 min'
    assert rows['real-time factor'] == '5.0'
    assert rows['guard interventions'] == '17'


def test_what_is_not_known_yet_is_a_dash() -> None:
    rows = figures(LearnerStatus(max_steps=100), None, math.nan)
    unknown = ('time left', 'episode return', 'temperature', 'entropy')
    assert [rows[name] for name in unknown] == ['-'] * len(unknown)
    assert rows['real-time factor'] == '-'
    assert 'guard interventions' not in rows
    assert not any(name.startswith('final') for name in rows)  # nor is it known of what


def test_without_a_terminal_there_are_plain_lines_now_and_then() -> None:
    out = io.StringIO()
    with TrainingView(Console(file=out)) as view:
        for _ in range(100):
            view.show(STATUS, 17)
    assert out.getvalue().count('\n') == 1
    assert 'steps: 6000 of 12000' in out.getvalue()


def test_in_a_terminal_there_is_a_table() -> None:
    out = io.StringIO()
    with TrainingView(Console(file=out, force_terminal=True, width=80)) as view:
        view.show(STATUS, 17)
    assert 'learning mine' in out.getvalue()
