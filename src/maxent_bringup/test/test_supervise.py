# SPDX-License-Identifier: Apache-2.0
"""Processes are started with their parameters, watched, and always brought to an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import io
import os
from pathlib import Path
import signal
import stat
import sys
import threading
import time

import psutil
import pytest
import yaml

from maxent_bringup import supervise as module
from maxent_bringup.supervise import SupervisionError, Supervisor, command_line, supervise
from maxent_bringup.system import NodeSpec

POLITE = 'import signal, sys\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(0))\n'
STUBBORN = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n'
DEAF = STUBBORN + 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
WAIT = 'print("ready", flush=True)\nsignal.pause()\n'


def node(name: str) -> NodeSpec:
    return NodeSpec('some_package', name, name, parameters={'gain': 2.0, 'names': ['a', 'b']})


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(**programs: str) -> Supervisor:
        for name, text in programs.items():
            program = tmp_path / name
            program.write_text(f'#!{sys.executable}\n{text}')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        made.append(
            Supervisor(
                [node(n) for n in programs], tmp_path / 'run', lambda spec: tmp_path / spec.name
            )
        )
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop()


def until(predicate: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline, 'did not happen in time'
        time.sleep(0.01)


def ready(supervisor: Supervisor, name: str) -> None:
    until(lambda: supervisor.logs[name].exists() and 'ready' in supervisor.logs[name].read_text())


def test_a_node_gets_its_name_namespace_remappings_and_parameters(tmp_path: Path) -> None:
    spec = NodeSpec(
        'p',
        'e',
        'guard',
        'left',
        {'gain': 1.0},
        (('/clock', '/left/clock'),),
        (Path('robot.yaml'),),
    )
    command = command_line(spec, Path('/bin/e'), tmp_path / 'params.yaml')
    assert command[:2] == ['/bin/e', '--ros-args']
    for wanted in ('__node:=guard', '__ns:=/left', '/clock:=/left/clock'):
        assert command[command.index(wanted) - 1] == '-r'
    # What the system says comes after the robot's own file and so wins.
    assert [c for c in command if c.endswith('.yaml')] == [
        'robot.yaml',
        str(tmp_path / 'params.yaml'),
    ]


def test_the_parameter_file_says_what_each_node_was_given(system, tmp_path: Path) -> None:
    system(guard=POLITE + WAIT)
    content = yaml.safe_load((tmp_path / 'run' / 'params.yaml').read_text())
    assert content == {'/guard': {'ros__parameters': {'gain': 2.0, 'names': ['a', 'b']}}}


def test_a_polite_node_ends_with_0_on_the_first_request(system) -> None:
    supervisor = system(guard=POLITE + WAIT, policy=POLITE + WAIT)
    supervisor.start()
    ready(supervisor, 'guard')
    ready(supervisor, 'policy')
    supervisor.check()
    assert supervisor.stop() == {'guard': 0, 'policy': 0}


def test_a_node_that_ignores_ctrl_c_is_terminated_and_then_killed(
    system, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'GRACE_S', 0.3)
    supervisor = system(stubborn=STUBBORN + WAIT, deaf=DEAF + WAIT)
    supervisor.start()
    ready(supervisor, 'stubborn')
    ready(supervisor, 'deaf')
    assert supervisor.stop() == {'stubborn': -signal.SIGTERM, 'deaf': -signal.SIGKILL}


def test_children_of_a_killed_node_die_with_it(system) -> None:
    child = 'import subprocess\nprint(subprocess.Popen(["sleep", "600"]).pid, flush=True)\n'
    supervisor = system(parent=POLITE + child + WAIT)
    supervisor.start()
    ready(supervisor, 'parent')
    pid = int(supervisor.logs['parent'].read_text().split()[0])
    supervisor.stop()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == 'zombie')


def test_a_dead_node_is_named_with_its_last_words(system) -> None:
    supervisor = system(guard='import sys\nprint("no joint states", flush=True)\nsys.exit(3)\n')
    supervisor.start()
    with pytest.raises(SupervisionError, match=r"(?s)'guard'.*exit code 3.*no joint states"):
        until(lambda: supervisor.check() is not None)


def test_a_missing_package_is_reported_with_the_cure(tmp_path: Path) -> None:
    supervisor = Supervisor([node('guard')], tmp_path)
    with pytest.raises(SupervisionError, match=r'some_package.*make setup'):
        supervisor.start()


def test_nodes_are_interrupted_when_the_supervisor_is_killed(system, tmp_path: Path) -> None:
    system(guard=POLITE + WAIT)
    program = (
        'import sys, time\nfrom pathlib import Path\n'
        'from maxent_bringup.supervise import Supervisor\n'
        'from maxent_bringup.system import NodeSpec\n'
        'folder = Path(sys.argv[1])\n'
        'specs = [NodeSpec("p", "guard", "guard")]\n'
        's = Supervisor(specs, folder / "run", lambda spec: folder / "guard")\n'
        's.start()\nprint(s.process("guard").pid, flush=True)\ntime.sleep(600)\n'
    )
    parent = psutil.Popen([sys.executable, '-c', program, str(tmp_path)], stdout=-1, text=True)
    pid = int(parent.stdout.readline())
    log = tmp_path / 'run' / 'logs' / 'guard.log'
    until(lambda: 'ready' in log.read_text())
    parent.stdout.close()
    parent.kill()
    parent.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == 'zombie')


def test_ctrl_c_ends_a_system_with_exit_code_0_and_shows_every_log(system, tmp_path: Path) -> None:
    supervisor = system(guard=POLITE + WAIT)
    out = io.StringIO()
    logs = supervisor.logs

    def interrupt() -> None:
        until(lambda: logs['guard'].exists() and 'ready' in logs['guard'].read_text())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert (
        supervise([node('guard')], tmp_path / 'run', out, lambda spec: tmp_path / spec.name) == 0
    )
    assert 'guard | ready' in out.getvalue()


def test_a_dying_node_brings_the_system_down_with_exit_code_1(system, tmp_path: Path) -> None:
    system(guard=POLITE + WAIT, policy='raise SystemExit("no weights")\n')
    out = io.StringIO()
    specs = [node('guard'), node('policy')]
    assert supervise(specs, tmp_path / 'run', out, lambda spec: tmp_path / spec.name) == 1
    assert "node 'policy'" in out.getvalue()
    assert 'no weights' in out.getvalue()
