# SPDX-License-Identifier: Apache-2.0
"""A robot that answers, for tests of guard and policy over real DDS."""

from collections.abc import Callable
from pathlib import Path

from builtin_interfaces.msg import Time
from intera_core_msgs.msg import JointCommand
from maxent_msgs.msg import LearnerStatus, PolicyAction, PolicyChunk, SafetyStatus, Step
from maxent_msgs.srv import GetLatestPolicy, ResetSimulation
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, Float64, UInt16
import torch

from maxent_rl.algorithms import make_algorithm
from maxent_rl.policies import make_policy
from maxent_rl.skill import Skill, SkillMetadata, save_skill
from maxent_rl.weights import encode
from maxent_robot.episode import StepRecord
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import Task, make_task
from maxent_robot.types import ActionSample, Command, CommandMode, JointSample
from maxent_ros import conversions, qos, topics
from maxent_ros.testing import RosFixture, ros
from maxent_ros.weights_transport import split

__all__ = ['ros']

PERIOD = SAWYER.guard_period_ns
RESET_TIME = 2_000_000_000


class TestRobot(Node):
    """Stands at the start pose, trembling, and publishes the next state once it is commanded."""

    __test__ = False

    def __init__(self, **kwargs) -> None:
        super().__init__('robot', **kwargs)
        self.stamp = 0
        self.running = False
        self.velocity = np.zeros(7)  # rad/s, as it reports it
        self.limit: int | None = None  # stamp after which no further state is published
        self.commands: list[Command] = []
        self.answers: list[int] = []  # stamps, one per command received
        self.published: list[int] = []  # stamps of states, repeated ones too
        self.calls: list[str] = []  # stop, reset, enable in their order
        self.settings: dict[str, float] = {}
        self.resets: list[ResetSimulation.Request] = []
        self.states = self.create_publisher(JointState, topics.JOINT_STATES, qos.COMMAND)
        self._listen()
        # As the bridge does: a state that nobody answers is repeated.
        self.create_timer(0.05, lambda: self.publish(self.stamp) if self.running else None)

    def _listen(self) -> None:
        subscribe = self.create_subscription
        subscribe(JointCommand, topics.JOINT_COMMAND, self._on_command, qos.COMMAND)
        for topic, kind, name in (
            (topics.SET_SUPER_STOP, Empty, 'stop'),
            (topics.SET_SUPER_RESET, Empty, 'reset'),
            (topics.SET_SUPER_ENABLE, Bool, 'enable'),
        ):
            subscribe(kind, topic, lambda _, name=name: self.calls.append(name), qos.EVENTS)
        for topic, kind, name in (
            (topics.JOINT_STATE_PUBLISH_RATE, UInt16, 'rate'),
            (topics.JOINT_COMMAND_TIMEOUT, Float64, 'timeout'),
        ):
            subscribe(
                kind, topic, lambda m, name=name: self.settings.update({name: m.data}), qos.LATCHED
            )
        self.create_service(ResetSimulation, topics.RESET_SIMULATION, self._on_reset)

    def publish(self, stamp: int, **changes) -> None:
        self.published.append(stamp)
        tremble = 1e-4 * np.sin(stamp / 1e7 + np.arange(7))
        sample = {
            'stamp_ns': stamp,
            'names': SAWYER.joint_names,
            'position': SAWYER.start + tremble,
            'velocity': self.velocity,
        }
        self.states.publish(conversions.from_joint_sample(JointSample(**{**sample, **changes})))

    def start(self, limit: int | None = None) -> None:
        self.running, self.limit = True, limit
        self.publish(self.stamp)

    def _on_command(self, message: JointCommand) -> None:
        command = conversions.to_command(message)
        self.commands.append(command)
        self.answers.append(command.stamp_ns)
        if self.running and command.stamp_ns == self.stamp and self.stamp != self.limit:
            self.stamp += PERIOD
            self.publish(self.stamp)

    def _on_reset(self, request, response):
        self.resets.append(request)
        self.stamp += RESET_TIME
        response.success, response.stamp = True, conversions.to_stamp(self.stamp)
        self.publish(self.stamp)
        return response


class TestPolicy(Node):
    """Publishes actions that the test makes up, and keeps the guard's newest status."""

    __test__ = False

    def __init__(self, name: str = 'policy_of_the_test', **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.seq = 0
        self.statuses: list[SafetyStatus] = []
        self.actions = self.create_publisher(PolicyAction, topics.POLICY_ACTION, qos.COMMAND)
        self.create_subscription(
            SafetyStatus, topics.SAFETY_STATUS, self.statuses.append, qos.LATCHED
        )

    @property
    def status(self) -> SafetyStatus | None:
        return self.statuses[-1] if self.statuses else None

    def act(self, stamp: int, torque: float = 0.1, session: str = 'first', **changes) -> None:
        self.seq += 1
        action = {
            'stamp_ns': stamp,
            'session_id': session,
            'seq': self.seq,
            'skill': 'test',
            'policy_version': 1,
            'mode': CommandMode.TORQUE,
            'names': SAWYER.joint_names,
            'values': np.full(7, torque),
        }
        message = conversions.from_action_sample(ActionSample(**{**action, **changes}))
        self.actions.publish(message)


@pytest.fixture
def robot(ros: RosFixture) -> TestRobot:
    return ros.add(TestRobot)


@pytest.fixture
def policy(ros: RosFixture) -> TestPolicy:
    return ros.add(TestPolicy)


@pytest.fixture
def add_policy(ros: RosFixture) -> Callable[[str], TestPolicy]:
    return lambda name: ros.add(TestPolicy, name)


class TestLearner(Node):
    """Serves weights and counts steps, as the learner does."""

    __test__ = False

    def __init__(self, task: Task, *, publish: bool = True, **kwargs) -> None:
        super().__init__('learner', **kwargs)
        self.task, self.run_id = task, 'run-1'
        self.chunks: list[PolicyChunk] = []
        self.steps: list[StepRecord] = []
        self.pulled: list[int] = []
        self.silent = False
        self._publishes = publish
        self._weights = self.create_publisher(PolicyChunk, topics.POLICY_CHUNK, qos.WEIGHTS)
        self._status = self.create_publisher(LearnerStatus, topics.LEARNER_STATUS, qos.LATCHED)
        self.create_subscription(Step, topics.STEP, self._on_step, qos.EXPERIENCE)
        self.create_service(GetLatestPolicy, topics.GET_LATEST_POLICY, self._serve)

    def offer(
        self, version: int, seed: int = 0, hidden=(256, 256), algorithm='sac', **changes
    ) -> None:
        """Publish weights drawn from `seed` (or only keep them ready to be pulled)."""
        task = self.task
        sizes = task.layout.size, task.mapping.size, hidden
        policy = make_policy(algorithm, *sizes, torch.Generator().manual_seed(seed))
        payload = encode({f'policy.{k}': v for k, v in policy.state_dict().items()})
        about = {'run_id': self.run_id, 'version': version, 'layout_hash': task.layout.hash}
        self.chunks = split(payload, **{**about, **changes}, stamp=Time())
        if self._publishes:
            for chunk in self.chunks:
                self._weights.publish(chunk)

    def report(self, steps: int | None = None) -> None:
        received = len(self.transitions) if steps is None else steps
        self._status.publish(
            LearnerStatus(run_id=self.run_id, state=LearnerStatus.TRAINING, steps=received)
        )

    @property
    def transitions(self) -> list[StepRecord]:
        return [step for step in self.steps if step.index > 0]

    def _on_step(self, message: Step) -> None:
        self.steps.append(conversions.to_step_record(message))
        if not self.silent:
            self.report()

    def _serve(self, request, response):
        self.pulled.append(request.index)
        if not self.chunks:
            response.message = 'no version yet'
            return response
        response.success, response.chunk = True, self.chunks[request.index]
        return response


@pytest.fixture
def task() -> Task:
    return make_task(SAWYER, 'reach')


@pytest.fixture
def add_learner(ros: RosFixture, task: Task) -> Callable[..., TestLearner]:
    return lambda **options: ros.add(TestLearner, task, **options)


def write_skill(root: Path, task: Task, name: str, *, seed=0, algorithm='sac', **changes) -> Path:
    """Write an untrained skill for the reach task; small networks but for the first one."""
    hidden = changes.get('hidden', (256, 256))
    options = {'hidden': hidden}
    learner = make_algorithm(algorithm, task.layout.size, task.mapping.size, options, seed)
    about = {
        'name': name,
        'robot': 'sawyer',
        'task': 'reach',
        'algorithm': algorithm,
        'temperature': 0.05,
        'discount': 0.99,
        'layout': tuple({'name': f.name, 'size': f.size} for f in task.layout.fields),
        'layout_hash': task.layout.hash,
        'action_mode': 'torque',
        'action_joints': task.mapping.joint_names,
        'action_scale': tuple(task.mapping.scale.tolist()),
        'hidden': hidden,
        'layer_norm': True,
        'limits': {},
        'metrics': {},
        'provenance': {},
        'created': '2026-01-01T00:00:00+00:00',
    }
    save_skill(root / name, Skill(SkillMetadata(**{**about, **changes}), learner.skill_tensors()))
    return root / name


@pytest.fixture
def skill_folder(tmp_path: Path, task: Task) -> Path:
    """Write a skill of random weights for the reach task."""
    return write_skill(tmp_path / 'skills', task, 'random_reach')


@pytest.fixture
def skills(tmp_path: Path, task: Task) -> Path:
    """Write skills a and b (SAC) and c (soft Q-learning) that fit, and d of another discount."""
    root = tmp_path / 'skills'
    for seed, (name, algorithm, discount) in enumerate(
        (('a', 'sac', 0.99), ('b', 'sac', 0.99), ('c', 'soft_q', 0.99), ('d', 'sac', 0.9))
    ):
        about = {'hidden': (32, 32), 'discount': discount}
        write_skill(root, task, name, seed=seed, algorithm=algorithm, **about)
    return root
