# SPDX-License-Identifier: Apache-2.0
"""The learner as a process over DDS: steps in, versions out, checkpoints, signals, resume."""

import contextlib
import json
import signal
import subprocess
import sys
import threading

from maxent_msgs.msg import LearnerStatus, PolicyChunk, Step
from maxent_msgs.srv import GetLatestPolicy
import numpy as np
from PIL import Image
import pytest
from rclpy.node import Node
from std_srvs.srv import Trigger
import torch

from maxent_learner.learner_node import LearnerNode
from maxent_rl.acceptance import PolicySpec, accept_policy
from maxent_rl.checkpoint import load_newest_checkpoint
from maxent_rl.skill import load_skill
from maxent_rl.weights import decode
from maxent_ros import qos, topics
from maxent_ros.conversions import from_step_record
from maxent_ros.parameters import ParameterError
from maxent_ros.weights_transport import ChunkAssembler

pytestmark = pytest.mark.ros

TIMEOUT_S = 60.0  # processes start slowly where tests of several packages run side by side

PROGRAM = 'from maxent_learner.learner_node import main; main()'


class Robot(Node):
    """Publishes steps as the policy node would, and hears the learner."""

    def __init__(self, **options):
        super().__init__('robot', **options)
        self.steps = self.create_publisher(Step, topics.STEP, qos.EXPERIENCE)
        self.get_policy = self.create_client(GetLatestPolicy, topics.GET_LATEST_POLICY)
        self.save = self.create_client(Trigger, topics.SAVE_CHECKPOINT)
        self.status = LearnerStatus()
        self.policies = []
        self._assembler = ChunkAssembler()
        self.create_subscription(
            LearnerStatus, topics.LEARNER_STATUS, self._on_status, qos.LATCHED
        )
        self.create_subscription(PolicyChunk, topics.POLICY_CHUNK, self._on_chunk, qos.WEIGHTS)

    def sees_waiting(self):
        return self.status.state == LearnerStatus.WAITING and self.status.run_id

    def _on_status(self, message):
        self.status = message

    def _on_chunk(self, message):
        policy = self._assembler.add(message, 0.0)
        if policy is not None:
            self.policies.append(policy)


@pytest.fixture
def robot(ros):
    return ros.add(Robot)


@pytest.fixture
def settings(tmp_path, small_options):
    return {
        'learning_starts': 20,
        'publish_every': 10,
        'run_folder': str(tmp_path / 'run'),
        'skills_folder': str(tmp_path / 'skills'),
        'algorithm_options': list(small_options),
    }


@pytest.fixture
def learner(ros, settings):
    """Return a context manager that runs the node, its training loop in a thread."""

    @contextlib.contextmanager
    def run(**parameters):
        node = ros.add(LearnerNode, parameters={**settings, **parameters})
        stop = threading.Event()
        thread = threading.Thread(target=node.learn, args=(stop,))
        thread.start()
        try:
            yield thread
        finally:
            stop.set()
            thread.join()
            ros.remove(node)

    return run


@pytest.fixture
def process(ros, settings):
    """Return a context manager that runs the node's process."""

    @contextlib.contextmanager
    def run(**parameters):
        values = {**settings, **parameters}
        command = [sys.executable, '-c', PROGRAM, '--ros-args']
        for name, value in values.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        started = subprocess.Popen(
            command, env=ros.environment(), stderr=subprocess.STDOUT, stdout=subprocess.PIPE
        )
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()
            sys.stdout.write(started.communicate()[0].decode())

    return run


def feed(ros, robot, steps):
    """Publish steps one by one, each when the learner has learned from the one before."""
    ros.spin_until(
        lambda: robot.steps.get_subscription_count() > 0, TIMEOUT_S, 'the learner is up'
    )
    for step in steps:
        wanted = robot.status.steps + (step.index > 0)
        robot.steps.publish(from_step_record(step))
        ros.spin_until(
            lambda wanted=wanted: robot.status.steps >= wanted, TIMEOUT_S, f'step {step}'
        )


def call(ros, client, request):
    ros.spin_until(client.service_is_ready, TIMEOUT_S, client.srv_name)
    future = client.call_async(request)
    ros.spin_until(future.done, TIMEOUT_S, client.srv_name)
    return future.result()


def end(ros, running, number=signal.SIGINT):
    running.send_signal(number)
    ros.spin_until(lambda: running.poll() is not None, TIMEOUT_S, 'the learner ends')
    return running.returncode


def test_version_one_comes_at_once_and_newer_ones_while_it_learns(ros, robot, learner, source):
    with learner():
        ros.spin_until(lambda: robot.policies and robot.status.run_id, TIMEOUT_S, 'version 1')
        assert robot.policies[0].version == 1
        assert robot.status.state == LearnerStatus.WAITING
        assert robot.status.run_id == robot.policies[0].run_id
        feed(ros, robot, source.steps(episodes=5))
        ros.spin_until(lambda: robot.policies[-1].version >= 4, TIMEOUT_S, 'version 4')
        assert [policy.version for policy in robot.policies] == [1, 2, 3, 4]
        spec = PolicySpec(source.task.layout.size, source.task.mapping.size, (16, 16))
        probes = np.stack([step.observation for step in source.episode()])
        for policy in robot.policies:
            assert policy.layout_hash == source.task.layout.hash
            accept_policy(policy.payload, policy.sha256, spec, probes)
        assert len({policy.sha256 for policy in robot.policies}) == 4
        status = robot.status
        assert status.state == LearnerStatus.TRAINING
        assert (status.steps, status.updates, status.episodes) == (50, 30, 5)
        assert status.policy_version == 4
        assert status.robot_time == pytest.approx(2.5)
        assert status.measure == 'distance'
        assert status.final_measure > 0.0
        assert status.episode_return < 0.0
        assert status.temperature > 0.0


def test_a_policy_can_be_pulled_chunk_by_chunk(ros, robot, learner):
    large = ['hidden=[256, 256]']
    with learner(algorithm_options=large):
        ros.spin_until(lambda: robot.policies, TIMEOUT_S, 'version 1')
        assembler, index, policy = ChunkAssembler(), 0, None
        while policy is None:
            answer = call(ros, robot.get_policy, GetLatestPolicy.Request(index=index))
            assert answer.success, answer.message
            policy = assembler.add(answer.chunk, 0.0)
            index += 1
        assert index == answer.chunk.total > 1
        assert policy == robot.policies[0]
        wrong = call(ros, robot.get_policy, GetLatestPolicy.Request(version=99))
        assert (wrong.success, wrong.message) == (False, 'version 99 is not kept; the newest is 1')
        wrong = call(ros, robot.get_policy, GetLatestPolicy.Request(index=99))
        assert not wrong.success
        assert f'has {index} chunks, no 99' in wrong.message


def test_a_checkpoint_is_saved_when_asked_for(ros, robot, learner, source, tmp_path):
    with learner():
        feed(ros, robot, source.steps(episodes=2))
        answer = call(ros, robot.save, Trigger.Request())
        assert answer.success
        assert 'after 20 steps' in answer.message
        assert load_newest_checkpoint(tmp_path / 'run' / 'checkpoint').step == 20


def test_a_stopped_run_resumes_where_it_was(ros, robot, process, source, tmp_path):
    with process() as running:
        feed(ros, robot, source.steps(episodes=4))
        assert end(ros, running) == 0
        before = robot.status
    with process(resume=True) as running:
        ros.spin_until(
            lambda: robot.status.state == LearnerStatus.WAITING, TIMEOUT_S, 'new status'
        )
        after = robot.status
        assert after.run_id == before.run_id
        assert (after.steps, after.updates, after.episodes) == (40, 20, 4)
        assert after.policy_version == before.policy_version + 1
        ros.spin_until(
            lambda: robot.policies[-1].version == after.policy_version, TIMEOUT_S, 'next version'
        )
        feed(ros, robot, source.steps(episodes=1))
        assert (robot.status.steps, robot.status.updates) == (50, 30)
        assert end(ros, running) == 0
    rows = (tmp_path / 'run' / 'progress.jsonl').read_text().splitlines()
    assert [json.loads(row)['steps'] for row in rows] == [10, 20, 30, 40, 50]


def test_a_killed_run_never_uses_a_version_number_twice(ros, robot, process, source):
    with process(checkpoint_every=20) as running:
        feed(ros, robot, source.steps(episodes=4))
        running.kill()
        running.wait()
        published = robot.status.policy_version
        assert published == 3  # after 21 and 31 steps; the checkpoint is of 40 steps at most
    with process(resume=True) as running:
        ros.spin_until(
            lambda: robot.status.state == LearnerStatus.WAITING, TIMEOUT_S, 'new status'
        )
        assert robot.status.policy_version == published + 1
        assert end(ros, running, signal.SIGTERM) == 0


def test_a_finished_run_leaves_a_skill_a_curve_and_a_status_to_read(
    ros, robot, learner, source, tmp_path
):
    with learner(max_steps=50, skill='poke'):
        feed(ros, robot, source.steps(episodes=5))
        ros.spin_until(lambda: robot.status.state == LearnerStatus.FINISHED, TIMEOUT_S, 'finished')
        updates = robot.status.updates
        for step in source.steps(episodes=1):
            robot.steps.publish(from_step_record(step))
        answer = call(ros, robot.save, Trigger.Request())
        assert answer.success
        assert (robot.status.steps, robot.status.updates) == (50, updates)
        newest = robot.policies[-1]
        assert newest.version == robot.status.policy_version
    skill = load_skill(tmp_path / 'skills' / 'poke')
    final = decode(newest.payload)
    assert all(torch.equal(final[name], skill.tensors[name]) for name in final)
    assert skill.metadata.task == 'reach'
    assert skill.metadata.layout_hash == source.task.layout.hash
    assert skill.metadata.provenance['steps'] == 50
    with Image.open(tmp_path / 'skills' / 'poke' / 'curve.png') as image:
        assert image.size[0] > 600
    assert list((tmp_path / 'run' / 'tensorboard').iterdir())
    assert json.loads((tmp_path / 'run' / 'config.json').read_text())['trainer']['max_steps'] == 50


def test_it_ends_by_itself_when_it_is_told_to(ros, robot, learner, source):
    with learner(max_steps=20, exit_when_finished=True) as loop:
        feed(ros, robot, source.steps(episodes=2))
        ros.spin_until(lambda: not loop.is_alive(), TIMEOUT_S, 'the loop ends')


def test_a_parameter_that_cannot_be_ends_it_with_a_reason(ros, robot, process):
    with process(task='juggle') as running:
        output = running.communicate(timeout=60.0)[0].decode()
        assert running.returncode == 1
        assert "unknown task 'juggle'" in output
        assert 'Traceback' not in output


def test_with_bags_it_learns_from_them_and_from_what_comes_in(
    ros, robot, learner, source, record_steps, tmp_path
):
    bag = str(record_steps(source.steps(3), robot='sawyer', task='reach'))
    with learner(bags=[bag], bag_share=0.25, max_steps=30, skill='both'):
        feed(ros, robot, source.steps(episodes=3))
        ros.spin_until(lambda: robot.status.state == LearnerStatus.FINISHED, TIMEOUT_S, 'finished')
        assert (robot.status.steps, robot.status.updates) == (30, 10)
        assert robot.status.robot_time == pytest.approx(60 * 0.05)
    origin = load_skill(tmp_path / 'skills' / 'both').metadata.provenance
    assert (origin['bags'], origin['bag_share']) == ({bag: 30}, 0.25)


def test_a_bag_that_is_not_there_ends_it_with_a_reason(ros, settings):
    with pytest.raises(ParameterError, match='there is no bag /nowhere/bag'):
        ros.add(LearnerNode, parameters={**settings, 'bags': ['/nowhere/bag']})


def test_a_folder_that_cannot_be_written_does_not_stop_the_learning(
    ros, robot, learner, source, tmp_path, capfd
):
    (tmp_path / 'file').touch()
    with learner(run_folder=str(tmp_path / 'file' / 'run')):
        feed(ros, robot, source.steps(episodes=4))
        ros.spin_until(lambda: robot.policies[-1].version >= 3, TIMEOUT_S, 'version 3')
        answer = call(ros, robot.save, Trigger.Request())
        assert not answer.success
        assert 'cannot write checkpoint' in answer.message
    assert 'training goes on' in capfd.readouterr().err
