# SPDX-License-Identifier: Apache-2.0
"""Skills listed, activated and composed through the services, on a robot that moves."""

import math
import time

from maxent_msgs.srv import ActivateSkill, ComposeSkills, ListSkills
import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from maxent_policy_node import skill_services
from maxent_policy_node.guard_node import GuardNode
from maxent_policy_node.policy_node import PolicyNode
from maxent_rl.recipe import load_recipe
from maxent_rl.skill import load_skill
from maxent_robot.robots import SAWYER
from maxent_ros import qos, topics
from maxent_ros.testing import RosFixture


class Person:
    """Calls the policy node's services, and waits for their answers."""

    def __init__(self, ros: RosFixture, node) -> None:
        self._ros, self._node = ros, node
        kinds = (ListSkills, ActivateSkill, ComposeSkills)
        names = ('policy/list_skills', 'policy/activate_skill', 'policy/compose_skills')
        self._clients = {
            kind: node.create_client(kind, name) for kind, name in zip(kinds, names, strict=True)
        }

    def ask(self, kind, **fields):
        """Call and return the future of the answer."""
        self._ros.spin_until(self._clients[kind].service_is_ready)
        return self._clients[kind].call_async(kind.Request(**fields))

    def call(self, kind, **fields):
        answer = self.ask(kind, **fields)
        self._ros.spin_until(answer.done, reason=f'answer of {kind.__name__}')
        return answer.result()

    def list(self):
        return self.call(ListSkills)

    def activate(self, name, **fields):
        return self.call(ActivateSkill, name=name, **fields)

    def compose(self, names, new_name='both', **fields):
        return self.call(ComposeSkills, names=names, new_name=new_name, **fields)


@pytest.fixture
def person(ros, policy) -> Person:
    return Person(ros, policy)


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Let swaps follow each other without a pause, but for the tests of the pause."""
    monkeypatch.setattr(skill_services, 'APART_S', 0.0)


@pytest.fixture
def acting(ros, robot, add_learner, skills, at_once):
    """Start a system that acts with skill a; returns (node, learner that keeps the steps)."""
    learner = add_learner()
    ros.add(GuardNode)
    node = ros.add(PolicyNode, parameters={'skill': 'a', 'skills_dir': str(skills)})
    robot.start()
    ros.spin_until(lambda: len(learner.transitions) > 2, 20.0, 'the first steps')
    return node, learner


@pytest.fixture
def following(ros, robot, add_learner, skills, at_once):
    """Start a system that acts with what a learner sends; returns (node, learner)."""
    learner = add_learner()
    ros.add(GuardNode)
    node = ros.add(PolicyNode, parameters={'skills_dir': str(skills)})
    learner.offer(1)
    robot.start()
    ros.spin_until(lambda: len(learner.transitions) > 2, 20.0)
    return node, learner


def _act_on(ros, learner, steps=3) -> None:
    count = len(learner.transitions) + steps
    ros.spin_until(lambda: len(learner.transitions) >= count, 20.0)


def test_the_list_tells_what_there_is_what_fits_and_what_acts(acting, person) -> None:
    answer = person.list()
    assert answer.success
    assert (answer.active, answer.version) == ('a', 0)
    assert [skill.name for skill in answer.skills] == ['a', 'b', 'c', 'd']
    assert [skill.active for skill in answer.skills] == [True, False, False, False]
    assert all(skill.usable for skill in answer.skills)
    assert answer.skills[2].algorithm == 'soft_q'
    assert len(answer.skills[0].sha256) == 64


def test_a_skill_is_activated_while_the_robot_moves_and_every_step_says_who_acts(
    ros, acting, person, skills
) -> None:
    _, learner = acting
    answer = person.activate('b', blend=0.2)
    assert answer.success, answer.message
    assert answer.sha256 == load_skill(skills / 'b').metadata.sha256
    assert answer.version == 1
    _act_on(ros, learner)
    acted = [(step.skill, step.policy_version) for step in learner.transitions]
    assert sorted(set(acted)) == [('a', 0), ('b', 1)]
    assert acted == sorted(acted)  # first one, then the other
    indices = [step.index for step in learner.steps]
    assert indices == list(range(len(indices)))  # no observation lost, no new episode
    assert person.list().active == 'b'


def test_the_actions_of_both_skills_are_blended(ros, acting, person) -> None:
    node, learner = acting
    before = len(learner.transitions)
    assert person.activate('b', blend=1.0).success
    assert node._who.switch.on_probation
    _act_on(ros, learner, 25)
    of_b = [step.action for step in learner.transitions[before:] if step.skill == 'b']
    assert len(of_b) > 20
    assert np.isfinite(of_b).all()


@pytest.mark.parametrize('names', [['a', 'b'], ['a', 'c'], ['c', 'b'], ['a', 'b', 'c']])
def test_skills_are_composed_and_act_under_a_new_name(ros, acting, person, skills, names) -> None:
    _, learner = acting
    weights = [float(k + 1) for k in range(len(names))]
    answer = person.compose(names, weights=weights, blend=0.1)
    assert answer.success, answer.message
    assert answer.states > 2
    assert math.isfinite(answer.divergence)
    assert answer.divergence >= 0.0
    assert 0.0 < answer.overlap <= 1.0
    recipe = load_recipe(skills / 'both')
    assert (recipe.skills, recipe.weights) == (tuple(names), tuple(weights))
    assert answer.sha256 == recipe.digest
    _act_on(ros, learner)
    assert (learner.steps[-1].skill, learner.steps[-1].policy_version) == ('both', 1)
    assert {skill.name: skill.algorithm for skill in person.list().skills}['both'] == 'composition'


def test_composing_under_the_same_name_changes_the_weights_of_what_acts(
    ros, acting, person
) -> None:
    _, learner = acting
    hashes = []
    for version, share in enumerate((0.9, 0.5, 0.1), start=1):
        answer = person.compose(['a', 'b'], weights=[share, 1.0 - share], blend=0.0)
        assert answer.version == version, answer.message
        hashes.append(answer.sha256)
        _act_on(ros, learner, 2)
        assert learner.steps[-1].policy_version == version
    assert len(set(hashes)) == 3


def test_a_composition_can_be_made_first_and_activated_later(ros, acting, person) -> None:
    _, learner = acting
    made = person.compose(['a', 'c'], mode='or', activate=False)
    assert made.success
    assert made.version == 0
    assert person.list().active == 'a'
    answer = person.activate('both')
    assert answer.success
    assert answer.sha256 == made.sha256
    _act_on(ros, learner)
    assert learner.steps[-1].skill == 'both'


@pytest.mark.parametrize(
    ('names', 'fields', 'reason'),
    [
        (['a', 'nothing'], {}, 'no skill at'),
        (['a', '../../x'], {}, 'not a skill name'),
        (['a'], {}, 'at least two'),
        ([], {}, 'at least two'),
        (['a', 'a'], {}, 'more than once'),
        (['a', 'b'], {'weights': [1.0]}, 'one for each of 2'),
        (['a', 'b'], {'weights': [1.0, -1.0]}, 'must be positive'),
        (['a', 'b'], {'weights': [1.0, math.nan]}, 'must be positive'),
        (['a', 'b'], {'mode': 'xor'}, 'mode: must be one of'),
        (['a', 'd'], {}, 'discount: a 0.99, d 0.9'),
        (['a', 'b'], {'new_name': '../../x'}, 'not a skill name'),
        (['a', 'b'], {'new_name': 'c'}, 'c is a skill with weights of its own'),
        (['a', 'b'], {'new_name': 'a'}, 'a cannot be made of itself'),
        (['a', 'b'], {'blend': -1.0}, 'blend must be 0 to 10 s'),
        (['a', 'b'], {'blend': math.nan}, 'blend must be 0 to 10 s'),
    ],
)
def test_what_cannot_be_composed_is_refused_and_nothing_changes(
    ros, acting, person, skills, names, fields, reason
) -> None:
    _, learner = acting
    there = sorted(path.name for path in skills.iterdir())
    answer = person.compose(names, **fields)
    assert not answer.success
    assert reason in answer.message
    assert sorted(path.name for path in skills.iterdir()) == there
    _act_on(ros, learner)
    assert learner.steps[-1].skill == 'a'
    assert person.list().active == 'a'


@pytest.mark.parametrize(
    ('name', 'reason'),
    [('nothing', "no skill 'nothing'"), ('../a', 'not a skill name'), ('', 'not a skill name')],
)
def test_a_skill_that_is_not_there_is_not_activated(acting, person, name, reason) -> None:
    answer = person.activate(name)
    assert not answer.success
    assert reason in answer.message
    assert person.list().active == 'a'


def test_a_name_without_end_is_refused_and_the_robot_goes_on(ros, acting, person) -> None:
    _, learner = acting
    try:
        answer = person.activate('x' * 1_000_000)
    except (AssertionError, RuntimeError, TimeoutError):
        pass  # the bound of the type kept it from being sent
    else:
        assert not answer.success
    _act_on(ros, learner)
    assert person.list().active == 'a'


def test_damaged_weights_are_not_activated(ros, acting, person, skills) -> None:
    _, learner = acting
    path = skills / 'b' / 'weights.safetensors'
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    answer = person.activate('b')
    assert not answer.success
    assert 'damaged or exchanged' in answer.message
    _act_on(ros, learner)
    assert learner.steps[-1].skill == 'a'


def test_a_flood_of_requests_is_answered_and_swaps_are_kept_apart(
    ros, acting, person, monkeypatch
) -> None:
    _, learner = acting
    monkeypatch.setattr(skill_services, 'APART_S', 0.5)
    answers = []
    for k in range(200):  # some hundred a second
        answers.append(person.ask(ActivateSkill, name='ab'[k % 2], blend=0.0))
        ros.executor.spin_once(timeout_sec=0.002)
        ros.spin_until(lambda: sum(not answer.done() for answer in answers) < 8)
    ros.spin_until(lambda: all(answer.done() for answer in answers), 20.0)
    results = [answer.result() for answer in answers]
    accepted = [result for result in results if result.success]
    assert 1 <= len(accepted) <= 20
    assert all(
        'at least 0.5 s apart' in result.message for result in results if not result.success
    )
    _act_on(ros, learner)
    assert learner.steps[-1].policy_version == max(result.version for result in accepted)


def test_while_the_robot_is_stopped_nothing_is_swapped(ros, acting, person, policy) -> None:
    node, _ = acting
    stop = policy.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
    ros.spin_until(lambda: stop.get_subscription_count() > 0)
    stop.publish(Empty())
    ros.spin_until(lambda: node._stopped)
    answer = person.activate('b')
    assert not answer.success
    assert 'emergency stop' in answer.message
    clear = policy.create_client(Trigger, topics.CLEAR_EMERGENCY_STOP_SERVICE)

    def cleared() -> bool:
        asked = clear.call_async(Trigger.Request())
        ros.spin_until(asked.done)
        return asked.result().success

    ros.spin_until(cleared, 20.0)
    ros.spin_until(lambda: not node._stopped)
    assert person.activate('b').success


def test_an_emergency_stop_while_a_skill_is_loaded_wins(
    ros, acting, person, policy, monkeypatch
) -> None:
    node, _ = acting
    load = node._library.load

    def slow(*arguments):
        deadline = time.monotonic() + 10.0
        while not node._stopped and time.monotonic() < deadline:  # it arrives meanwhile
            time.sleep(0.01)
        return load(*arguments)

    monkeypatch.setattr(node._library, 'load', slow)
    answer = person.ask(ActivateSkill, name='b')
    stop = policy.create_publisher(Empty, topics.EMERGENCY_STOP, qos.EVENTS)
    ros.spin_until(lambda: stop.get_subscription_count() > 0)
    stop.publish(Empty())
    ros.spin_until(answer.done)
    assert not answer.result().success
    assert 'emergency stop' in answer.result().message
    assert node.acting_name() == ('a', 0)


def test_a_policy_node_that_does_not_act_lists_skills_and_swaps_none(ros, person, skills) -> None:
    parameters = {'autostart': False, 'skills_dir': str(skills)}
    node = ros.add(PolicyNode, parameters=parameters)
    assert len(person.list().skills) == 4
    answer = person.activate('a')
    assert not answer.success
    assert 'does not act' in answer.message
    assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
    assert not person.activate('a').success


@pytest.mark.parametrize('weights_first', [True, False])
def test_a_swap_and_new_weights_end_in_the_order_in_which_they_are_carried_out(
    ros, following, person, weights_first
) -> None:
    node, learner = following
    if weights_first:
        learner.offer(2)
        ros.spin_until(lambda: node.acting_name() == ('run-1', 2))
        assert person.activate('a').success
        expected = 'a'
    else:
        assert person.activate('a').success
        learner.offer(2)
        ros.spin_until(lambda: node.acting_name() == ('run-1', 2))
        expected = 'run-1'
    _act_on(ros, learner, 10)
    assert learner.steps[-1].skill == expected


def test_concurrent_swaps_and_weights_leave_one_of_the_two(ros, following, person) -> None:
    node, learner = following
    for version in range(2, 8):
        answer = person.ask(ActivateSkill, name='a', blend=0.0)
        learner.offer(version)
        ros.spin_until(answer.done)
        assert answer.result().success
        ros.spin_until(lambda: node._feed._handed_in == ('run-1', version))  # noqa: B023
        _act_on(ros, learner, 4)

        def is_seen() -> bool:  # a step may be older than what has just been handed over
            step = learner.steps[-1]
            return (step.skill, step.policy_version) == node.acting_name()

        ros.spin_until(is_seen, reason='a step of what acts')
        assert node.acting_name() in {('run-1', version), ('a', answer.result().version)}


def test_a_skill_that_fights_the_guard_gives_way_to_the_last_good_one_and_is_not_taken_again(
    ros, robot, acting, person
) -> None:
    node, learner = acting
    assert person.activate('b', blend=0.0).success
    # So fast that the guard brakes whatever the skill wants, and not yet a fault.
    robot.velocity = 0.85 * SAWYER.limits.velocity * np.eye(7)[0]
    ros.spin_until(lambda: node.acting_name()[0] == 'a', reason='the way back')
    robot.velocity = np.zeros(7)
    assert len([step for step in learner.transitions if step.skill == 'b']) <= 40  # 2 s
    _act_on(ros, learner, 2)
    assert learner.steps[-1].skill == 'a'
    answer = person.activate('b')
    assert not answer.success
    assert 'b failed before: the guard changed' in answer.message
    assert person.activate('c').success
