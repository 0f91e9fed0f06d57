# SPDX-License-Identifier: Apache-2.0
"""Exact solutions of finite MDPs against closed forms and against each other."""

from dataclasses import replace
import math

import numpy as np
import pytest

from maxent_rl import tabular

CASES = [
    pytest.param(seed, discount, temperature, successors, id=f'{discount}-{temperature}-{seed}')
    for seed, successors in enumerate([None, 1, 2])
    for discount in (0.0, 0.5, 0.95)
    for temperature in (0.1, 1.0, 3.0)
]


def mdp_of(seed, discount, successors=None):
    return tabular.random_mdp(np.random.default_rng(seed), 5, 4, discount, successors)


@pytest.mark.parametrize(('seed', 'discount', 'temperature', 'successors'), CASES)
def test_soft_q_iteration_solves_the_soft_bellman_equation(
    seed, discount, temperature, successors
):
    mdp = mdp_of(seed, discount, successors)
    q = tabular.soft_q_iteration(mdp, temperature)
    value = temperature * np.log(np.exp(q / temperature).sum(axis=1))
    np.testing.assert_allclose(q, mdp.reward + discount * mdp.transition @ value, atol=1e-8)


@pytest.mark.parametrize(('seed', 'discount', 'temperature', 'successors'), CASES)
def test_the_boltzmann_policy_of_the_optimal_q_has_that_q_and_no_policy_a_higher_one(
    seed, discount, temperature, successors
):
    mdp = mdp_of(seed, discount, successors)
    q = tabular.soft_q_iteration(mdp, temperature)
    best = tabular.boltzmann_log_policy(q, temperature)
    np.testing.assert_allclose(np.exp(best).sum(axis=1), 1.0, rtol=1e-12)
    of_best = tabular.soft_policy_evaluation(mdp, best, temperature)
    np.testing.assert_allclose(of_best, q, atol=1e-8)
    generator = np.random.default_rng(100 + seed)
    for _ in range(20):
        other = tabular.boltzmann_log_policy(generator.normal(size=q.shape), 1.0)
        assert (tabular.soft_policy_evaluation(mdp, other, temperature) <= q + 1e-8).all()


def test_one_state_has_its_value_in_closed_form():
    reward = np.array([[0.0, math.log(3.0)]])
    mdp = tabular.FiniteMDP(np.ones((1, 2, 1)), reward, 0.5)
    # V = log(1 + 3) + V / 2, so V = 2 log 4.
    q = tabular.soft_q_iteration(mdp, 1.0)
    np.testing.assert_allclose(q, reward + math.log(4.0), atol=1e-9)
    np.testing.assert_allclose(tabular.soft_value(q, 1.0), 2.0 * math.log(4.0), atol=1e-9)
    policy = np.exp(tabular.boltzmann_log_policy(q, 1.0))
    np.testing.assert_allclose(policy, [[0.25, 0.75]], atol=1e-9)


def test_the_tolerance_bounds_the_error_of_the_values():
    mdp = mdp_of(0, 0.95)
    exact = tabular.soft_q_iteration(mdp, 1.0, tolerance=1e-12)
    for tolerance in (1.0, 1e-2, 1e-4):
        error = np.abs(tabular.soft_q_iteration(mdp, 1.0, tolerance) - exact).max()
        assert error <= tolerance
    assert error > 0.0  # it stopped early, so the bound above was put to use


def test_a_deterministic_policy_is_evaluated_without_entropy_whatever_the_temperature():
    mdp = mdp_of(1, 0.9)
    always_first = np.full((5, 4), -np.inf)
    always_first[:, 0] = 0.0
    q = tabular.soft_policy_evaluation(mdp, always_first, 3.0)
    np.testing.assert_allclose(q, mdp.reward + 0.9 * mdp.transition @ q[:, 0], atol=1e-12)


def test_the_soft_value_of_large_numbers_neither_overflows_nor_vanishes():
    value = tabular.soft_value(np.array([[1e6, 1e6], [-1e6, -1e6 - 1.0]]), 1e-3)
    np.testing.assert_allclose(value, [1e6 + 1e-3 * math.log(2.0), -1e6], rtol=1e-15)


def test_a_sparse_random_mdp_has_as_many_successors_as_asked_for():
    mdp = mdp_of(0, 0.9, successors=2)
    assert ((mdp.transition > 0.0).sum(axis=-1) == 2).all()
    assert (mdp_of(0, 0.9).transition > 0.0).all()


def test_what_is_no_mdp_is_refused_with_what_is_wrong():
    mdp = mdp_of(0, 0.9)
    broken = mdp.transition.copy()
    broken[3, 2] *= 1.5
    negative = mdp.transition.copy()
    negative[1, 0, :2] = [1.0 - negative[1, 0, 2:].sum() + 0.5, -0.5]
    with pytest.raises(ValueError, match=r'transition\[3, 2\] must be probabilities'):
        replace(mdp, transition=broken)
    with pytest.raises(ValueError, match=r'transition\[1, 0\] must be probabilities'):
        replace(mdp, transition=negative)
    with pytest.raises(ValueError, match='finite rewards'):
        replace(mdp, reward=np.full((5, 4), math.nan))
    with pytest.raises(ValueError, match=r'got \(4, 5\), \(5, 4, 5\)'):
        replace(mdp, reward=mdp.reward.T)
    for discount in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match='discount'):
            replace(mdp, discount=discount)
    for temperature in (0.0, math.nan):
        with pytest.raises(ValueError, match='temperature above 0'):
            tabular.soft_q_iteration(mdp, temperature)
