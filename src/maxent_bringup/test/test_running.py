# SPDX-License-Identifier: Apache-2.0
import io

from maxent_msgs.msg import SafetyStatus
from rich.console import Console

from maxent_bringup.running import LINE_EVERY_S, StatusLine, level_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def printed(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()


def test_a_short_emergency_stop_is_printed_between_two_regular_lines() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    line = StatusLine(console, Clock())
    for level in ('normal', 'normal', 'EMERGENCY STOP', 'normal', 'normal'):
        line.show(f'guard: {level}', level)
    assert printed(console) == ['guard: normal', 'guard: EMERGENCY STOP', 'guard: normal']


def test_an_unchanged_level_is_printed_every_few_seconds() -> None:
    console, clock = Console(file=io.StringIO(), force_terminal=False), Clock()
    line = StatusLine(console, clock)
    for _ in range(101):
        line.show('guard: normal', 'normal')
        clock.now += LINE_EVERY_S / 50
    assert len(printed(console)) in (2, 3)  # rounding of the sum decides the last


def test_on_a_terminal_a_changed_level_keeps_its_line() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=40)
    line = StatusLine(console, Clock())
    for level in ('normal', 'EMERGENCY STOP', 'normal'):
        line.show(f'guard: {level}', level)
    text = console.file.getvalue()
    assert text.count('\n') == 3
    assert text.split('\n')[1].strip() == 'guard: EMERGENCY STOP'


def test_levels_are_words() -> None:
    assert level_of(None) == 'waiting'
    assert level_of(SafetyStatus(idle=True)) == 'idle'
    assert level_of(SafetyStatus(level=SafetyStatus().level)) == 'normal'
