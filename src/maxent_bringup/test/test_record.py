# SPDX-License-Identifier: Apache-2.0
"""`maxent record` records a system that runs already, and says at the end what it has."""

from __future__ import annotations

import io
import json
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

from maxent_msgs.msg import SafetyStatus
import pytest
from rclpy.node import Node
from rich.console import Console
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState

from maxent_bringup.cli import main
from maxent_bringup.record_table import print_recording
from maxent_bringup.recorded_system import describe_running
from maxent_learner.recording_summary import RecordingSummary, TopicSummary
from maxent_ros import qos, topics

TIMEOUT_S = 60.0
PROGRAM = 'import sys; from maxent_bringup.cli import main; sys.exit(main())'


class Robot(Node):
    """Publishes joint states, a status, and the parameters that a policy node has."""

    def __init__(self, **options: Any) -> None:
        super().__init__('policy', **options)
        self.declare_parameter('robot', 'sawyer')
        self.declare_parameter('task', 'reach_plane')
        self.declare_parameter('seed', 3)
        self.declare_parameter('hidden_sizes', [64, 64])
        self.declare_parameter('task.axis', 'z')
        self.declare_parameter('task.target', [0.6, 0.0])
        self.states = self.create_publisher(JointState, topics.JOINT_STATES, qos.COMMAND)
        self.status = self.create_publisher(SafetyStatus, topics.SAFETY_STATUS, qos.LATCHED)
        self.status.publish(SafetyStatus())


@pytest.mark.ros
@pytest.mark.parametrize('namespace', ['', 'left'])
def test_a_running_system_is_recorded_until_ctrl_c(
    ros: Any, tmp_path: Path, namespace: str
) -> None:
    robot = ros.add(Robot, namespace=namespace)
    command = [sys.executable, '-c', PROGRAM, 'record', '--folder', str(tmp_path / 'bag')]
    command += ['--split-seconds', '0.3', '--namespace', namespace]
    process = subprocess.Popen(command, env=ros.environment(), stdout=subprocess.PIPE, text=True)
    try:
        ros.spin_until(lambda: robot.states.get_subscription_count() > 0, TIMEOUT_S)

        def three_files() -> bool:
            robot.states.publish(JointState(name=['right_j0'], position=[0.0]))
            return len(list((tmp_path / 'bag').glob('*.mcap'))) >= 3

        ros.spin_until(three_files, TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0
    topic = f'/{namespace}/robot/joint_states'.replace('//', '/')
    with Reader(tmp_path / 'bag') as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert counts[topic] > 3
    line = next(line for line in printed.splitlines() if line.startswith(topic))
    assert line.split() == [topic, str(counts[topic]), '0']
    assert 'MB in' in printed
    about = json.loads((tmp_path / 'bag' / 'about.json').read_text())
    assert about['robot'] == 'sawyer'
    assert about['task_options'] == 'axis="z" target=[0.6,0.0]'
    assert about['mode'] == 'hardware'
    assert about['command'].startswith('maxent record --folder')


@pytest.mark.ros
def test_without_a_policy_node_nothing_is_said_of_the_system(
    ros: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros.domain))
    assert describe_running('nobody_here') == {}


def test_a_negative_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['record', '--split-megabytes', '-1'])
    assert 'must be 0 or more' in capsys.readouterr().err


def test_the_table_says_what_is_missing_and_why() -> None:
    found = {
        '/a': TopicSummary(100, lost=3),
        '/b': TopicSummary(5, dropped=2),
        '/c': TopicSummary(7, unclear=4),
        '/d': TopicSummary(0),
    }
    summary = RecordingSummary(found, 2, 1_500_000, 12.34, 'only 3 MB are left on the disk')
    console = Console(file=io.StringIO(), width=80)
    print_recording(Path('bag'), summary, console)
    text = console.file.getvalue()
    for part in ('3 lost', '2 dropped', 'several publishers', '112 messages, 5 missing'):
        assert part in text
    assert '12.3 s, 1.5 MB in 2 files' in text
    assert '1 more topics' in text
    assert 'ended by itself: only 3 MB' in text
