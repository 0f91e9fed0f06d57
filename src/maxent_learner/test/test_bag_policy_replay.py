# SPDX-License-Identifier: Apache-2.0
"""Recorded observations through the weights that acted give the recorded actions, to the bit."""

from dataclasses import replace
from pathlib import Path

from builtin_interfaces.msg import Time
import pytest

from maxent_learner.bag_policy_replay import recorded_policies, replay_policy, skill_policies
from maxent_learner.bag_reader import BagReader
from maxent_rl.acceptance import PolicySpec
from maxent_rl.algorithms import make_algorithm
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import SkillError, load_skill
from maxent_rl.weights import encode
from maxent_ros import topics
from maxent_ros.conversions import from_step_record
from maxent_ros.weights_transport import split

SKILLS = Path(__file__).parents[3] / 'skills'
SEED, LENGTH = 5, 10


class Run:
    """Steps as the policy node publishes them, and the weights that acted."""

    def __init__(self, source, *, deterministic, versions):
        self.spec = PolicySpec(source.task.layout.size, 7, (16, 16))
        learner = make_algorithm('sac', self.spec.obs_dim, 7, {'hidden': [16, 16]}, SEED)
        runner = PolicyRunner(learner.policy, SEED, deterministic)
        self.steps, self.chunks = [], []
        for version in range(1, versions + 1):
            for parameter in learner.policy.parameters():
                parameter.data.mul_(1.1)
            payload = encode(learner.policy_tensors())
            self.chunks += split(payload, 'run', version, 'layout', Time())
            self.add(source.episode(length=LENGTH), runner, version)

    def add(self, episode, runner, version):
        runner.begin_episode()
        before = None
        for step in episode:
            action = step.action if before is None else runner(before.observation).copy()
            before = replace(step, action=action, skill='run', policy_version=version)
            self.steps.append(before)

    def messages(self, steps=None):
        chosen = self.steps if steps is None else steps
        yield from ((f'/{topics.POLICY_CHUNK}', chunk) for chunk in self.chunks)
        yield from ((f'/{topics.STEP}', from_step_record(step)) for step in chosen)


@pytest.fixture
def replayed(write_bag):
    """Return a function that writes a run down and replays it."""

    def replay(run, steps=None, *, deterministic, seed=SEED):
        reader = BagReader(write_bag(list(run.messages(steps))))
        policies = recorded_policies(reader, run.spec)
        return replay_policy(reader, policies, seed, deterministic=deterministic)

    return replay


@pytest.mark.parametrize('deterministic', [True, False], ids=['mean', 'drawn'])
def test_actions_of_all_versions_in_the_bag_are_the_same_to_the_bit(
    source, replayed, deterministic
):
    run = Run(source, deterministic=deterministic, versions=3)
    report = replayed(run, deterministic=deterministic)
    assert (report.compared, report.different, report.left_out) == (3 * LENGTH, 0, 0)


@pytest.mark.parametrize('deterministic', [True, False], ids=['mean', 'drawn'])
def test_other_weights_give_differences(source, replayed, deterministic):
    run = Run(source, deterministic=deterministic, versions=2)
    steps = [replace(step, policy_version=1) for step in run.steps]
    report = replayed(run, steps, deterministic=deterministic)
    assert (report.compared, report.different) == (2 * LENGTH, LENGTH)
    assert 'action of step 1 of episode 1' in report.first_difference


def test_another_seed_gives_differences_where_actions_are_drawn(source, replayed):
    run = Run(source, deterministic=False, versions=1)
    assert replayed(run, deterministic=False, seed=SEED + 1).different == LENGTH


def test_mean_actions_are_compared_on_both_sides_of_a_gap(source, replayed):
    run = Run(source, deterministic=True, versions=1)
    report = replayed(run, run.steps[:4] + run.steps[5:], deterministic=True)
    assert (report.compared, report.different, report.left_out) == (LENGTH - 2, 0, 1)


@pytest.mark.parametrize('lost', [0, 4])
def test_drawn_actions_are_compared_up_to_a_gap(source, replayed, lost):
    run = Run(source, deterministic=False, versions=1)
    report = replayed(run, run.steps[:lost] + run.steps[lost + 1 :], deterministic=False)
    assert (report.compared, report.different) == (max(0, lost - 1), 0)
    assert 'steps are missing' in report.ended


def test_actions_of_weights_that_are_not_in_the_bag_are_left_out(source, replayed):
    run = Run(source, deterministic=True, versions=2)
    run.chunks = run.chunks[: len(run.chunks) // 2]
    report = replayed(run, deterministic=True)
    assert (report.compared, report.left_out) == (LENGTH, LENGTH)


def test_the_comparison_ends_where_another_skill_took_over(source, replayed):
    run = Run(source, deterministic=True, versions=2)
    steps = [replace(s, skill='other') if s.policy_version == 2 else s for s in run.steps]
    report = replayed(run, steps, deterministic=True)
    assert (report.compared, report.different) == (LENGTH, 0)
    assert "'other' took over" in report.ended


def test_skills_come_from_their_folder():
    find = skill_policies(SKILLS)
    expected = load_skill(SKILLS / 'sawyer_reach').policy().state_dict()
    found = find('sawyer_reach', 0).state_dict()
    assert all((found[name] == tensor).all() for name, tensor in expected.items())
    assert find('sawyer_reach', 1) is None
    with pytest.raises(SkillError, match='no skill at'):
        find('of_nobody', 0)
    with pytest.raises(SkillError):
        find('../skills/sawyer_reach', 0)
