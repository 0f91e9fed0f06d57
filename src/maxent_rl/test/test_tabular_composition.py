# SPDX-License-Identifier: Apache-2.0
"""Lemma 1, its corollary and Theorem 1 on MDPs solved exactly, and that the bounds are tight."""

from dataclasses import replace
import functools
import itertools

import numpy as np
import pytest

from maxent_rl import tabular
from maxent_rl.tabular_composition import (
    compose_and,
    compose_or,
    composition_gap,
    overlap_divergence,
    regret_bound,
    renyi_half_divergence,
)

SLACK = 1e-7  # solutions are within 1e-10, divided by temperature ratios of at most 10
MIXES = {  # weights and temperatures of the skills; None: that of the composition
    'two': ([0.5, 0.5], None),
    'two-unequal': ([0.2, 0.8], None),
    'three': ([1 / 3, 1 / 3, 1 / 3], None),
    'three-unequal': ([0.1, 0.3, 0.6], None),
    'own-temperatures': ([0.5, 0.2, 0.3], [0.3, 1.0, 2.5]),
}
CASES = list(itertools.product(MIXES, (0.1, 1.0, 3.0), (0.5, 0.95), (None, 1)))


class Composed:
    """Skills of one world with different rewards, each solved exactly, and their composition."""

    def __init__(self, world, rewards, mix='two', temperature=1.0):
        weights, temperatures = MIXES[mix]
        self.weights = np.array(weights)
        self.temperatures = np.array(temperatures or [temperature] * len(weights))
        self.temperature = temperature
        self.world = world
        self.rewards = rewards
        self.q = np.stack(
            [
                tabular.soft_q_iteration(replace(world, reward=reward), own)
                for reward, own in zip(rewards, self.temperatures, strict=True)
            ]
        )
        self.log_policies = np.stack(
            [
                tabular.boltzmann_log_policy(q, own)
                for q, own in zip(self.q, self.temperatures, strict=True)
            ]
        )
        self.mean_q = self.compose(compose_and, self.q)
        self.mean_policy = tabular.boltzmann_log_policy(self.mean_q, temperature)
        self.task = replace(world, reward=self.compose(compose_and, rewards))
        self.best_q = tabular.soft_q_iteration(self.task, temperature)
        self.divergence = overlap_divergence(self.log_policies, self.weights)

    def compose(self, how, functions):
        return how(functions, self.temperatures, self.weights, self.temperature)

    def gap(self, factor=1.0):
        return composition_gap(self.world, factor * self.divergence, self.temperature)

    def earned(self, log_policy, task):
        return tabular.soft_policy_evaluation(task, log_policy, self.temperature)


@functools.cache  # nothing changes it, and five tests look at each
def random_composed(mix, temperature, discount, successors):
    generator = np.random.default_rng(7)
    world = tabular.random_mdp(generator, 6, 3, discount, successors)
    rewards = generator.normal(size=(len(MIXES[mix][0]), 6, 3))
    return Composed(world, rewards, mix, temperature)


@pytest.mark.parametrize('case', CASES, ids=str)
def test_lemma_1_the_mean_q_is_above_the_best_q_by_at_most_the_gap(case):
    composed = random_composed(*case)
    excess = composed.mean_q - composed.best_q
    assert (excess >= -SLACK).all()
    assert (excess <= composed.gap() + SLACK).all()


@pytest.mark.parametrize('case', CASES, ids=str)
def test_corollary_1_the_same_holds_for_the_soft_values(case):
    composed = random_composed(*case)
    mean_value = tabular.soft_value(composed.mean_q, composed.temperature)
    excess = mean_value - tabular.soft_value(composed.best_q, composed.temperature)
    assert (excess >= -SLACK).all()
    assert (excess <= composed.gap().max(axis=1) + SLACK).all()


@pytest.mark.parametrize('case', CASES, ids=str)
def test_theorem_1_the_composed_policy_loses_at_most_the_regret_bound(case):
    composed = random_composed(*case)
    regret = composed.best_q - composed.earned(composed.mean_policy, composed.task)
    bound = regret_bound(composed.world, composed.gap(), composed.mean_policy)
    assert (regret <= bound + SLACK).all()
    assert regret.max() > 1e-6  # there was something to bound


@pytest.mark.parametrize('case', CASES, ids=str)
def test_the_excess_of_the_mean_q_is_the_fixed_point_with_a_soft_minimum_for_the_maximum(case):
    # The only inequality in the proof of the lower bound is the maximum over C; without it
    # the recursion is exact (the divergence correction of Hunt et al. 2019).
    composed = random_composed(*case)
    excess, temperature = composed.mean_q - composed.best_q, composed.temperature
    under_mean = tabular.soft_value(composed.mean_policy - excess / temperature, 1.0)
    step = temperature * (composed.divergence - under_mean)
    np.testing.assert_allclose(excess, composed.world.expected_next(step), atol=SLACK)


def blind_world(discount=0.9, states=4, actions=3):
    """Actions do not influence the next state."""
    generator = np.random.default_rng(3)
    world = tabular.random_mdp(generator, states, 1, discount)
    transition = np.repeat(world.transition, actions, axis=1)
    return tabular.FiniteMDP(transition, np.zeros((states, actions)), discount)


@pytest.mark.parametrize('mix', MIXES)
@pytest.mark.parametrize('temperature', [0.1, 1.0, 3.0])
def test_lemma_1_is_an_equality_where_actions_do_not_matter_so_no_smaller_gap_holds(
    mix, temperature
):
    rewards = np.random.default_rng(5).normal(size=(len(MIXES[mix][0]), 4, 3))
    composed = Composed(blind_world(), rewards, mix, temperature)
    excess = composed.mean_q - composed.best_q
    np.testing.assert_allclose(excess, composed.gap(), atol=SLACK)
    assert (excess > composed.gap(0.9) + SLACK).all()


def test_the_printed_equation_8_is_twice_the_gap_of_its_proof_and_holds_with_room_to_spare():
    rewards = np.random.default_rng(5).normal(size=(2, 4, 3))
    composed = Composed(blind_world(), rewards)
    printed = composition_gap(composed.world, renyi_half_divergence(*composed.log_policies), 1.0)
    np.testing.assert_allclose(printed, 2.0 * (composed.mean_q - composed.best_q), atol=SLACK)


def fight_or_calm(prize, temperature):
    """Two skills that both do not care between a fight and a calm state, both then ending.

    States: 0 start, 1 choice, 2 fight (the skills want opposite actions), 3 calm, 4 end.
    """
    transition = np.zeros((5, 2, 5))
    transition[[0, 2, 3, 4], :, [1, 4, 4, 4]] = 1.0
    transition[1, [0, 1], [2, 3]] = 1.0
    world = tabular.FiniteMDP(transition, np.zeros((5, 2)), 0.9)
    rewards = np.zeros((2, 5, 2))
    rewards[[0, 1], 2, [0, 1]] = prize
    calm = tabular.soft_value(rewards[0, 2], temperature) - temperature * np.log(2.0)
    rewards[:, 3] = calm
    return world, rewards


@pytest.mark.parametrize('mix', ['two', 'two-unequal'])
@pytest.mark.parametrize('temperature', [0.1, 1.0, 3.0])
def test_theorem_1_breaks_where_the_divergence_is_counted_a_tenth_too_small(mix, temperature):
    # The mean Q is blind to the fight, so the composed policy enters it every other time, at the
    # full price; only the entropy of the choice, at most log 2, is lost in the bound.
    composed = Composed(*fight_or_calm(500.0 * temperature, temperature), mix, temperature)
    regret = composed.best_q - composed.earned(composed.mean_policy, composed.task)
    tight = regret_bound(composed.world, composed.gap(), composed.mean_policy)
    smaller = regret_bound(composed.world, composed.gap(0.9), composed.mean_policy)
    assert smaller[0, 0] < regret[0, 0] <= tight[0, 0]


def test_equal_skills_compose_to_themselves_at_no_cost():
    world = tabular.random_mdp(np.random.default_rng(2), 6, 3, 0.9)
    composed = Composed(world, np.stack([world.reward] * 3), 'three-unequal')
    np.testing.assert_allclose(composed.gap(), 0.0, atol=1e-12)
    np.testing.assert_allclose(composed.mean_q, composed.best_q, atol=SLACK)
    np.testing.assert_allclose(
        composed.compose(compose_or, composed.q), composed.best_q, atol=SLACK
    )


@pytest.mark.parametrize('case', CASES, ids=str)
def test_the_soft_maximum_never_promises_more_than_its_policy_earns(case):
    composed = random_composed(*case)
    scale = composed.temperature / composed.temperatures[:, None, None]
    any_reward = replace(composed.world, reward=(scale * composed.rewards).max(axis=0))
    either_q = composed.compose(compose_or, composed.q)
    either_policy = tabular.boltzmann_log_policy(either_q, composed.temperature)
    earned = composed.earned(either_policy, any_reward)
    best = tabular.soft_q_iteration(any_reward, composed.temperature)
    assert (either_q <= earned + SLACK).all()
    assert (earned <= best + SLACK).all()


def test_the_policy_of_the_soft_maximum_is_a_mixture_of_the_skills_policies():
    composed = random_composed('two-unequal', 1.0, 0.9, None)
    share = composed.weights[:, None] * np.exp(tabular.soft_value(composed.q, 1.0))
    mixture = (share[..., None] * np.exp(composed.log_policies)).sum(axis=0) / share.sum(axis=0)[
        :, None
    ]
    either = tabular.boltzmann_log_policy(composed.compose(compose_or, composed.q), 1.0)
    np.testing.assert_allclose(np.exp(either), mixture, atol=1e-12)


def test_divergences_have_the_values_worked_out_by_hand():
    first, second = np.log([[0.9, 0.1]]), np.log([[0.1, 0.9]])
    half = renyi_half_divergence(first, second)
    np.testing.assert_allclose(half, -2.0 * np.log(2.0 * np.sqrt(0.09)))
    equal = overlap_divergence(np.stack([first, second]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(equal, half / 2.0)
    unequal = overlap_divergence(np.stack([first, second]), np.array([0.25, 0.75]))
    order = np.log(0.9**0.25 * 0.1**0.75 + 0.1**0.25 * 0.9**0.75) / (0.25 - 1.0)
    np.testing.assert_allclose(unequal, 0.75 * order)  # Rényi divergence of order 1/4
    three = np.log([[[0.8, 0.1, 0.1]], [[0.1, 0.8, 0.1]], [[0.1, 0.1, 0.8]]])
    overlap = 3.0 * np.cbrt(0.8 * 0.1 * 0.1)
    np.testing.assert_allclose(overlap_divergence(three, np.full(3, 1 / 3)), -np.log(overlap))


def test_the_colder_two_skills_that_disagree_the_larger_their_divergence_up_to_infinity():
    q = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    weights = np.array([0.5, 0.5])
    cold = [
        overlap_divergence(tabular.boltzmann_log_policy(q, temperature), weights)[0]
        for temperature in (1.0, 0.1, 1e-4)
    ]
    assert cold[0] < 0.2
    assert cold[0] < cold[1] < cold[2]
    assert cold[2] == pytest.approx(0.5 / 1e-4, rel=1e-3)  # no underflow on the way
    with np.errstate(divide='ignore'):
        deterministic = np.log([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert overlap_divergence(deterministic, weights)[0] == np.inf


def test_what_has_no_bound_and_weights_that_are_none_are_refused_by_name():
    world = blind_world()
    with pytest.raises(ValueError, match=r'no common action in states \[1, 3\]'):
        composition_gap(world, np.array([0.0, np.inf, 1.0, np.inf]), 1.0)
    functions = np.zeros((2, 4, 3))
    for weights in ([0.5, 0.6], [1.5, -0.5], [1.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match='positive and sum to 1'):
            overlap_divergence(functions, np.array(weights))
        with pytest.raises(ValueError, match='positive and sum to 1'):
            compose_and(functions, np.ones(2), np.array(weights), 1.0)
