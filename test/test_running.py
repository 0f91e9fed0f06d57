# SPDX-License-Identifier: Apache-2.0
"""`maxent run` and `maxent stop`: a skill in real time, and the emergency stop."""

from __future__ import annotations

import signal

import pytest

from maxent_bringup.monitor import Monitor
from maxent_robot.types import Level

pytestmark = pytest.mark.system


def test_a_running_skill_can_be_stopped_cleared_and_ended(maxent, trained) -> None:
    steps = []
    with Monitor(on_step=steps.append) as monitor:
        process = maxent.start('run', str(trained.skills / 'mine'))
        try:
            monitor.until(lambda: len(steps) > 20)
            assert 'latched' in maxent.run('stop')
            monitor.until(lambda: monitor.safety.level == Level.ESTOP)
            maxent.run('stop', '--clear')
            count = len(steps)
            monitor.until(lambda: len(steps) > count + 20)
            assert monitor.safety.level == Level.NORMAL
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30.0)
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert 'EMERGENCY STOP' in output
    assert 'distance' in output


def test_stop_says_so_when_nobody_listens(maxent) -> None:
    process = maxent.start('stop')
    output, _ = process.communicate(timeout=30.0)
    assert process.returncode == 1
    assert 'NO ANSWER from /guard' in output
