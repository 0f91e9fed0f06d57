# SPDX-License-Identifier: Apache-2.0
"""What composing skills costs, exactly, on finite MDPs: Lemma 1, its corollary and Theorem 1.

Source: Haarnoja et al. 2018, "Composable Deep Reinforcement Learning for Robotic Manipulation",
section IV and appendices A, B. Derivations and what follows from them: docs/composition_theory.md.

**Which factor holds.** Eqs. 8 and 12 print D_1/2 per step where the proof, eqs. 18 and 21, has
1/2 D_1/2. With the usual D_1/2 = -2 log sum sqrt(p q) the proof is right: the mean of two soft
values exceeds the soft value of the mean by -log sum sqrt(p q) = 1/2 D_1/2. The printed bounds
hold too, as they are twice the proved ones. Nothing below 1/2 D_1/2 holds in general: Lemma 1 is
an equality where actions do not influence the next state, and Theorem 1 nearly one where a
composed policy that cannot tell enters a state in which the skills fight.

**General form**, for n skills Q_i of temperatures α_i, weights w_i > 0 that sum to 1, and a
composition of temperature α, that is Q_Σ = α Σ w_i Q_i / α_i for the reward α Σ w_i r_i / α_i:
the divergence of a step is α * `overlap_divergence`.
"""

from __future__ import annotations

import numpy as np

from maxent_rl.tabular import Array, FiniteMDP, discounted_sum, iterate_contraction, soft_value


def compose_and(
    functions: Array, temperatures: Array, weights: Array, temperature: float
) -> Array:
    """Weighted mean, in units of temperature, of Q-functions or of rewards (eqs. 5, 6).

    Args:
        functions: (n, S, A) one per skill.
        temperatures: (n,) of the skills, positive.
        weights: (n,) positive, sum 1.
        temperature: of the composed skill.

    Returns:
        (S, A).

    Raises:
        ValueError: weights that are not positive or do not sum to 1.
    """
    _check_weights(weights)
    mean: Array = temperature * np.tensordot(weights / temperatures, functions, axes=1)
    return mean


def compose_or(functions: Array, temperatures: Array, weights: Array, temperature: float) -> Array:
    """Weighted soft maximum, in units of temperature, of Q-functions; arguments as compose_and.

    For a reward that is nowhere below any skill's (in units of temperature), the policy of this Q
    earns at least this Q: unlike the mean, it never promises too much.
    """
    _check_weights(weights)
    scaled = functions / temperatures[:, None, None] + np.log(weights)[:, None, None]
    return temperature * soft_value(np.moveaxis(scaled, 0, -1), 1.0)


def renyi_half_divergence(log_policy: Array, other: Array) -> Array:
    """Rényi divergence of order 1/2, D_1/2 = -2 log sum_a sqrt(p q), of two policies per state.

    Args:
        log_policy: (S, A) log-probabilities.
        other: (S, A).

    Returns:
        (S,) in [0, inf]; inf where no action has probability under both.
    """
    return 2.0 * overlap_divergence(np.stack([log_policy, other]), np.array([0.5, 0.5]))


def overlap_divergence(log_policies: Array, weights: Array) -> Array:
    """How far n policies are from agreeing in each state: -log sum_a prod_i π_i(a|s)^w_i.

    By Hölder's inequality never negative, and zero only where all are equal. For two policies it
    is (1 - w_1) times their Rényi divergence of order w_1: with equal weights 1/2 D_1/2.

    Args:
        log_policies: (n, S, A) log-probabilities.
        weights: (n,) positive, sum 1.

    Returns:
        (S,) in [0, inf]; inf where no action has probability under all.

    Raises:
        ValueError: weights that are not positive or do not sum to 1.
    """
    _check_weights(weights)
    log_overlap = soft_value(np.tensordot(weights, log_policies, axes=1), 1.0)
    return np.maximum(0.0, -log_overlap)  # rounding could make it slightly negative


def composition_gap(
    mdp: FiniteMDP, divergence: Array, temperature: float, tolerance: float = 1e-10
) -> Array:
    """C* of Lemma 1: Q_Σ >= Q* of the composed reward >= Q_Σ - C* (eq. 7).

    The fixed point of C(s, a) = γ E_s'[α divergence(s') + max_a' C(s', a')], eqs. 8 and 21.

    Args:
        mdp: transitions and discount, common to the skills; its reward plays no part.
        divergence: (S,) `overlap_divergence` of the skills' optimal policies.
        temperature: α of the composed skill.
        tolerance: largest allowed error of any value, apart from rounding.

    Returns:
        (S, A), in units of reward.

    Raises:
        ValueError: an infinite divergence, for which there is no bound.
    """
    if not np.isfinite(divergence).all():
        states = np.flatnonzero(~np.isfinite(divergence)).tolist()
        raise ValueError(f'no bound on the composition: no common action in states {states}')

    def backup(gap: Array) -> Array:
        return mdp.expected_next(temperature * divergence + gap.max(axis=-1))

    return iterate_contraction(backup, np.zeros_like(mdp.reward), mdp.discount, tolerance)


def regret_bound(mdp: FiniteMDP, gap: Array, log_policy: Array) -> Array:
    """D* of Theorem 1: acting by the composed policy costs at most this (eqs. 9, 10).

    Args:
        mdp: transitions and discount, common to the skills; its reward plays no part.
        gap: (S, A) C* of `composition_gap`.
        log_policy: (S, A) Boltzmann policy of Q_Σ.

    Returns:
        (S, A), in units of reward.
    """
    policy = np.exp(log_policy)
    payoff = mdp.expected_next((policy * gap).sum(axis=-1))
    return discounted_sum(mdp, policy, payoff)


def _check_weights(weights: Array) -> None:
    if not (np.all(weights > 0.0) and abs(weights.sum() - 1.0) < 1e-9):
        raise ValueError(f'weights of skills must be positive and sum to 1, got {weights}')
