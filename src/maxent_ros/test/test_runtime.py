# SPDX-License-Identifier: Apache-2.0
"""A node's process ends with a meaningful exit code; tried in real processes with real signals."""

import signal
import subprocess
import sys
import textwrap

import pytest

from maxent_ros.testing import RosFixture

PREAMBLE = """
    import sys
    from rclpy.node import Node
    from maxent_ros.runtime import run_node

    class Probe(Node):
        def __init__(self, fail=False):
            super().__init__('probe')
            self.fail = fail
            self.timer = self.create_timer(0.01, self.tick)
            self.said = False

        def tick(self):
            if self.fail:
                raise RuntimeError('broken on purpose')
            if not self.said:
                self.said = True
                print('ready', flush=True)

        def close(self):
            print('closed', self.context.ok(), flush=True)
"""


def _start(ros: RosFixture, body: str) -> subprocess.Popen[str]:
    code = textwrap.dedent(PREAMBLE) + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, '-c', code],
        env=ros.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_code_0_and_the_node_may_still_publish(
    ros: RosFixture, number: signal.Signals
) -> None:
    process = _start(ros, 'sys.exit(run_node(Probe))')
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, 'closed True\n'), err


def test_a_signal_that_comes_twice_at_once_still_ends_with_code_0(ros: RosFixture) -> None:
    process = _start(ros, 'sys.exit(run_node(Probe))')
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, 'closed True\n'), err


def test_an_exception_in_a_callback_is_logged_and_ends_with_code_1(ros: RosFixture) -> None:
    process = _start(ros, 'sys.exit(run_node(lambda: Probe(fail=True)))')
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert 'broken on purpose' in err


def test_a_bad_parameter_is_one_line_and_ends_with_code_1(ros: RosFixture) -> None:
    body = """
    from maxent_ros.parameters import ParameterError

    def make():
        raise ParameterError("parameter 'x' is 3; allowed: 1, 2")

    sys.exit(run_node(make))
    """
    process = _start(ros, body)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "parameter 'x' is 3; allowed: 1, 2" in err
    assert 'Traceback' not in err


def test_work_runs_in_the_main_thread_while_callbacks_are_served(ros: RosFixture) -> None:
    body = """
    import threading

    def work(node, stop):
        assert threading.current_thread() is threading.main_thread()
        while not node.said:
            stop.wait(0.01)
        print('worked', flush=True)

    sys.exit(run_node(Probe, work))
    """
    out, err = _start(ros, body).communicate(timeout=10)
    assert out == 'ready\nworked\nclosed True\n', err
