# SPDX-License-Identifier: Apache-2.0
"""The policy node in a graph with a real guard: acts when due, waits, swaps, refuses, stops."""

from dataclasses import replace
import signal
import subprocess
import sys

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
import torch

from maxent_policy_node.guard_node import GuardNode
from maxent_policy_node.policy_node import PolicyNode
from maxent_rl.policies import make_policy
from maxent_rl.skill import load_skill, save_skill
from maxent_robot import episode_seed
from maxent_robot.robots import SAWYER
from maxent_ros import qos, topics
from maxent_ros.parameters import ParameterError
from maxent_ros.testing import RosFixture

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
POLICY_PERIOD = SAWYER.policy_period_ns
RUN = (sys.executable, '-m')


def _graph(ros: RosFixture, **parameters) -> PolicyNode:
    ros.add(GuardNode)
    return ros.add(PolicyNode, parameters=parameters)


def _manual(ros: RosFixture, **parameters) -> PolicyNode:
    return ros.add(PolicyNode, parameters={'autostart': False, **parameters})


def _state(node: PolicyNode) -> str:
    return node._state_machine.current_state[1]


def test_it_acts_once_per_policy_period_and_publishes_whole_episodes(
    ros, robot, add_learner, skill_folder
) -> None:
    learner = add_learner()
    parameters = {'skill': str(skill_folder), 'episodes': 2, 'seed': 7, 'task.episode_steps': 5}
    node = _graph(ros, **parameters)
    robot.start()
    ros.spin_until(lambda: node._ended, 20.0, 'two episodes')
    ros.spin_until(lambda: len(learner.transitions) == 10)
    for episode in (0, 1):
        steps = [step for step in learner.steps if step.episode == episode]
        assert [step.index for step in steps] == list(range(6))
        assert set(np.diff([step.stamp_ns for step in steps])) == {POLICY_PERIOD}
        assert [step.truncated for step in steps] == [False] * 5 + [True]
        assert {step.skill for step in steps} == {'random_reach'}
    assert [request.seed for request in robot.resets] == [episode_seed(7, 0), episode_seed(7, 1)]
    assert _state(node) == 'inactive'


def test_the_same_seed_gives_the_same_actions(ros, robot, add_learner, skill_folder) -> None:
    learner = add_learner()
    parameters = {'skill': str(skill_folder), 'episodes': 1, 'seed': 3, 'task.episode_steps': 5}
    ros.add(GuardNode)
    runs = []
    for _ in range(2):
        learner.steps.clear()
        node = ros.add(PolicyNode, parameters=parameters)
        robot.start()
        ros.spin_until(lambda node=node: node._ended, 20.0)
        ros.spin_until(lambda: len(learner.transitions) == 5)
        runs.append(np.stack([step.action for step in learner.transitions]))
        robot.running = False
        ros.remove(node)
        robot.stamp += 2_000_000_000  # so that the guard's lease of the first session has ended
    # The first noise drawn is the same; the observations differ by the robot's trembling.
    np.testing.assert_allclose(runs[0], runs[1], atol=0.01)


def test_nothing_acts_before_the_first_weights(ros, robot, policy, add_learner) -> None:
    learner = add_learner()
    node = _graph(ros)
    robot.start()
    ros.spin_until(lambda: _state(node) == 'active')
    answered = len(learner.pulled)
    ros.spin_until(lambda: len(learner.pulled) >= answered + 2)  # it asks, and waits
    assert robot.commands == []
    assert robot.resets == []
    learner.offer(1)
    ros.spin_until(lambda: robot.commands, reason='first command')


def test_weights_are_swapped_while_it_acts(ros, robot, add_learner) -> None:
    learner = add_learner()
    _graph(ros)
    learner.offer(1)
    robot.start()
    for version in (1, 2, 3):
        ros.spin_until(
            lambda v=version: any(step.policy_version == v for step in learner.transitions),
            reason=f'a step of version {version}',
        )
        learner.offer(version + 1, seed=version)
    versions = [step.policy_version for step in learner.transitions]
    assert versions == sorted(versions)
    assert {step.skill for step in learner.steps} == {'run-1'}


@pytest.mark.parametrize('algorithm', ['soft_q', 'naf'])
def test_it_acts_with_the_policy_of_the_learners_algorithm(
    ros, robot, add_learner, algorithm
) -> None:
    learner = add_learner()
    _graph(ros, **{'algorithm': algorithm, 'hidden_sizes': [32, 16], 'task.episode_steps': 3})
    learner.offer(1, hidden=(32, 16), algorithm=algorithm)
    robot.start()
    ros.spin_until(lambda: len(learner.transitions) >= 6)
    seeded = torch.Generator().manual_seed
    policy = make_policy(algorithm, learner.task.layout.size, 7, (32, 16), seeded(0))
    generator, noise, seen = seeded(0), None, None
    for step in learner.steps[:8]:  # two episodes, whose noise is of one stream
        if step.index == 0:
            noise = None
        else:
            noise = policy.draw_noise(noise, generator)
            with torch.no_grad():
                expected = policy.act(torch.from_numpy(seen), noise).numpy()
            np.testing.assert_allclose(step.action, expected, atol=1e-6)
        seen = step.observation


def test_weights_that_were_never_published_are_pulled_chunk_by_chunk(
    ros, robot, add_learner
) -> None:
    learner = add_learner(publish=False)
    learner.offer(1)
    node = _graph(ros)
    ros.spin_until(lambda: node._who.policy is not None)
    assert learner.pulled == list(range(len(learner.chunks)))
    assert len(learner.chunks) > 1


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'layout_hash': 'f' * 16}, 'W6'),
        ({'hidden': (64, 64)}, 'W6'),
        ({'algorithm': 'ddpg'}, 'W6'),
        ({'run_id': 'another'}, "not the accepted run 'run-1'"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_the_old_ones_stay(
    ros, robot, policy, add_learner, changes, reason
) -> None:
    reports: list[str] = []
    policy.create_subscription(
        DiagnosticArray,
        topics.DIAGNOSTICS,
        lambda m: reports.extend(s.message for s in m.status if 'policy' in s.name),
        qos.EVENTS,
    )
    learner = add_learner()
    learner.offer(1)
    node = _graph(ros)
    ros.spin_until(lambda: node._who.policy is not None)
    kept = node._who.policy
    learner.offer(2, **changes)
    ros.spin_until(lambda: reason in node._rejection, reason='rejection')
    assert node._who.policy is kept
    ros.spin_until(lambda: any(reason in text for text in reports), reason='diagnostics')
    learner.offer(3)
    ros.spin_until(lambda: node._who.policy is not None and node._who.policy.version == 3)


def test_at_any_step_it_stays_within_max_steps_ahead_of_the_learner(
    ros, robot, add_learner
) -> None:
    learner = add_learner()
    learner.silent = True
    learner.offer(1)
    _graph(ros, wait_for_learner='step', max_steps_ahead=3)
    robot.start()
    ros.spin_until(lambda: robot.resets)
    _repeats(ros, robot, 4)
    assert learner.steps == []  # waits for a learner that has not yet reported
    learner.report(100)  # a resumed one
    for received, expected in ((100, 3), (102, 5), (105, 8)):
        learner.report(received)
        ros.spin_until(lambda n=expected: len(learner.transitions) >= n)
        _repeats(ros, robot, 4)
        assert len(learner.transitions) == expected


def test_between_episodes_it_waits_for_the_learner_and_not_within(ros, robot, add_learner) -> None:
    learner = add_learner()
    learner.silent = True
    learner.offer(1)
    parameters = {'wait_for_learner': 'episode', 'max_steps_ahead': 2, 'task.episode_steps': 5}
    _graph(ros, **parameters)
    robot.start()
    learner.report(0)
    for received, expected in ((0, 5), (4, 10)):
        learner.report(received)
        ros.spin_until(lambda n=expected: len(learner.transitions) >= n)
        _repeats(ros, robot, 4)
        assert len(learner.transitions) == expected


def _repeats(ros: RosFixture, robot, count: int) -> None:
    """Serve the graph while the robot repeats its state: time stands still."""
    first = len(robot.published)
    ros.spin_until(
        lambda: robot.published[first:].count(robot.stamp) >= count, reason='time stands still'
    )


def test_an_emergency_stop_ends_the_episode_and_a_new_one_follows_the_clearing(
    ros, robot, policy, add_learner, skill_folder
) -> None:
    learner = add_learner()
    node = _graph(ros, skill=str(skill_folder))
    button = policy.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
    robot.start()
    ros.spin_until(lambda: len(learner.transitions) > 3)
    button.publish(Empty())
    ros.spin_until(lambda: node._acting._paused)
    assert len(robot.resets) == 1
    clear = policy.create_client(Trigger, topics.CLEAR_EMERGENCY_STOP_SERVICE)
    ros.spin_until(clear.service_is_ready)
    future = clear.call_async(Trigger.Request())
    ros.spin_until(future.done)
    assert future.result().success, future.result().message
    ros.spin_until(lambda: any(step.episode == 1 and step.index > 2 for step in learner.steps))
    assert len(robot.resets) == 2


def test_a_restarted_guard_ends_the_episode_and_a_new_one_begins(
    ros, robot, add_learner, skill_folder
) -> None:
    learner = add_learner()
    guard = ros.add(GuardNode)
    node = ros.add(PolicyNode, parameters={'skill': str(skill_folder)})
    robot.start()
    ros.spin_until(lambda: len(learner.transitions) > 3 and node._served)
    ros.remove(guard)
    ros.add(GuardNode)
    ros.spin_until(lambda: any(step.episode == 1 and step.index > 2 for step in learner.steps))


def test_every_transition_of_the_lifecycle(ros, robot, skill_folder) -> None:
    ros.add(GuardNode)
    node = _manual(ros, skill='random_reach', skills_dir=str(skill_folder.parent))
    robot.start()
    assert node.trigger_configure() is SUCCESS
    assert robot.commands == []
    for _ in range(2):
        assert node.trigger_activate() is SUCCESS
        count = len(robot.commands)
        ros.spin_until(lambda count=count: len(robot.commands) > count + 20)
        assert node.trigger_deactivate() is SUCCESS
        assert node.count_publishers(topics.POLICY_ACTION) == 0
    assert node.trigger_cleanup() is SUCCESS
    assert node._who.policy is None
    assert node.trigger_configure() is SUCCESS
    assert node.trigger_shutdown() is SUCCESS


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'layout_hash': '0' * 16}, 'observation layout'),
        ({'robot': 'minitaur'}, 'robot minitaur'),
        ({'action_mode': 'position'}, 'action mode position'),
        ({'action_scale': (1.0,) * 7}, 'action scale'),
    ],
)
def test_a_skill_that_does_not_fit_is_refused_at_configure(
    ros, skill_folder, capfd, changes, reason
) -> None:
    skill = load_skill(skill_folder)
    wrong = replace(skill, metadata=replace(skill.metadata, name='wrong', sha256='', **changes))
    save_skill(skill_folder.parent / 'wrong', wrong)
    node = _manual(ros, skill='wrong', skills_dir=str(skill_folder.parent))
    assert node.trigger_configure() is FAILURE
    assert _state(node) == 'unconfigured'
    assert reason in capfd.readouterr().err


def test_an_unknown_skill_is_refused_with_what_there_is(ros, skill_folder, capfd) -> None:
    node = _manual(ros, skill='nonsense', skills_dir=str(skill_folder.parent))
    assert node.trigger_configure() is FAILURE
    assert "no skill 'nonsense'" in (text := capfd.readouterr().err)
    assert 'random_reach' in text


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'task': 'juggle'}, 'reach_plane'),
        ({'task.target': [9.0, 9.0, 9.0]}, 'outside the reach box'),
        ({'task.axis': 'x'}, "unknown parameters ['task.axis']"),
        ({'task': 'reach_plane', 'task.axis': 'w'}, 'axis'),
        ({'wait_for_learner': 'step', 'pacing': 'realtime'}, 'lockstep'),
        ({'seed': -1}, 'seed'),
        ({'algorithm': 'ppo'}, 'soft_q'),
        ({'verifier': 'nowhere:verify'}, "parameter verifier: no verifier 'nowhere:verify'"),
        ({'verifier': 'math:pi'}, 'is not a function'),
    ],
)
def test_bad_parameters_are_refused_by_name(ros, parameters, reason) -> None:
    with pytest.raises(ParameterError) as error:
        _manual(ros, **parameters)
    assert reason in str(error.value)


@pytest.mark.parametrize('executable', ['policy_node', 'guard_node'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_with_code_0(ros, policy, executable, number) -> None:
    process = subprocess.Popen(
        [*RUN, f'maxent_policy_node.{executable}', '--ros-args', '-r', '__node:=to_be_ended'],
        env=ros.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    ros.spin_until(lambda: 'to_be_ended' in policy.get_node_names(), 20.0, 'node in the graph')
    process.send_signal(number)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 0, err


def test_autostart_with_a_missing_skill_ends_the_process_with_code_1(ros, policy) -> None:
    ros.add(GuardNode)
    process = subprocess.Popen(
        [*RUN, 'maxent_policy_node.policy_node', '--ros-args', '-p', 'skill:=nonsense'],
        env=ros.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        ros.spin_until(lambda: process.poll() is not None, 20.0, 'end of the process')
        assert process.returncode == 1
        assert "no skill 'nonsense'" in process.stderr.read()
