# SPDX-License-Identifier: Apache-2.0
"""Maximum-entropy control of finite MDPs, solved exactly: the oracle of the learned versions.

Equation numbers: Haarnoja 2018, "Acquiring Diverse Robot Skills via Maximum Entropy Deep
Reinforcement Learning" (thesis), chapters 3 and 4. All arrays are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FiniteMDP:
    """A Markov decision process with S states and A actions that never ends.

    A terminal state is one that leads to itself.

    Args:
        transition: (S, A, S) probability of each next state.
        reward: (S, A).
        discount: in [0, 1).

    Raises:
        ValueError: shapes that do not fit, values that are not finite, rows of `transition` that
            are no probabilities, a discount out of range.
    """

    transition: Array
    reward: Array
    discount: float

    def __post_init__(self) -> None:
        """Refuse what is no MDP."""
        p, shape = self.transition, self.reward.shape
        if len(shape) != 2 or 0 in shape or p.shape != (*shape, shape[0]):
            raise ValueError(
                f'an MDP needs a reward (S, A) and a transition (S, A, S), got {shape}, {p.shape}'
            )
        if not np.isfinite(self.reward).all():
            raise ValueError('an MDP needs finite rewards')
        wrong = ~((p >= 0.0).all(axis=-1) & (np.abs(p.sum(axis=-1) - 1.0) < 1e-9))
        if wrong.any():
            state, action = np.argwhere(wrong)[0]
            raise ValueError(
                f'transition[{state}, {action}] must be probabilities that sum to 1, '
                f'got {p[state, action]}'
            )
        if not 0.0 <= self.discount < 1.0:  # written so that NaN fails
            raise ValueError(f'the discount of an MDP must be in [0, 1), got {self.discount}')

    def expected_next(self, value: Array) -> Array:
        """Discounted mean (S, A) of `value` (S,) of the next state."""
        return self.discount * (self.transition @ value)


def random_mdp(
    generator: np.random.Generator,
    states: int,
    actions: int,
    discount: float,
    successors: int | None = None,
) -> FiniteMDP:
    """An MDP with Dirichlet(1) transitions and standard normal rewards.

    Args:
        generator: source of randomness.
        states: S.
        actions: A.
        discount: in [0, 1).
        successors: how many next states, drawn anew for each (s, a), are possible; None: all.
    """
    order = generator.random((states, actions, states)).argsort(axis=-1)
    weight = np.where(order < (states if successors is None else successors), 1.0, 0.0)
    weight *= generator.exponential(size=weight.shape)  # normalised exponentials: Dirichlet(1)
    transition = weight / weight.sum(axis=-1, keepdims=True)
    return FiniteMDP(transition, generator.standard_normal((states, actions)), discount)


def soft_value(q: Array, temperature: float) -> Array:
    """Soft maximum over actions, eq. 3.3 with a sum for the integral: (..., A) -> (...).

    Raises:
        ValueError: a temperature that is not positive.
    """
    if not temperature > 0.0:
        raise ValueError(f'a soft maximum needs a temperature above 0, got {temperature}')
    return np.asarray(temperature * np.logaddexp.reduce(q / temperature, axis=-1))


def boltzmann_log_policy(q: Array, temperature: float) -> Array:
    """Log-probabilities (..., A) of the optimal policy of `q` (..., A), eq. 3.4."""
    return (q - soft_value(q, temperature)[..., None]) / temperature


def soft_q_iteration(mdp: FiniteMDP, temperature: float, tolerance: float = 1e-10) -> Array:
    """Optimal soft Q-function (S, A): fixed point of the soft Bellman equation, eq. 3.5.

    Args:
        mdp: what to solve.
        temperature: weight of the entropy, positive.
        tolerance: largest allowed error of any value, apart from rounding.
    """

    def backup(q: Array) -> Array:
        return mdp.reward + mdp.expected_next(soft_value(q, temperature))

    return iterate_contraction(backup, np.zeros_like(mdp.reward), mdp.discount, tolerance)


def iterate_contraction(
    backup: Callable[[Array], Array], start: Array, discount: float, tolerance: float
) -> Array:
    """Fixed point of a `discount`-contraction of the maximum norm, within `tolerance`.

    The number of iterations follows from the first step (Banach), so it ends even where rounding
    keeps the values moving.
    """
    value = backup(start)
    step = float(np.abs(value - start).max())
    if discount == 0.0 or step == 0.0:
        return value
    iterations = math.log(tolerance * (1.0 - discount) / step) / math.log(discount)
    for _ in range(math.ceil(iterations)):
        value = backup(value)
    return value


def soft_policy_evaluation(mdp: FiniteMDP, log_policy: Array, temperature: float) -> Array:
    """Soft Q-function (S, A) of a policy, without the entropy of the first action (eq. 4.1).

    Args:
        mdp: where the policy acts.
        log_policy: (S, A) log-probabilities; -inf for an action that is never taken.
        temperature: weight of the entropy; 0 gives the ordinary Q-function.
    """
    policy = np.exp(log_policy)
    surprise = -np.where(policy > 0.0, log_policy, 0.0)  # 0 log 0 = 0
    payoff = mdp.reward + mdp.expected_next(temperature * (policy * surprise).sum(axis=-1))
    return discounted_sum(mdp, policy, payoff)


def discounted_sum(mdp: FiniteMDP, policy: Array, payoff: Array) -> Array:
    """Expected discounted sum (S, A) of `payoff` (S, A) under `policy` (S, A probabilities).

    Solved as a linear system in the S values, so exact up to rounding.
    """
    chain = mdp.discount * np.einsum('sa,sat->st', policy, mdp.transition)
    mean_payoff = (policy * payoff).sum(axis=-1)
    value = np.linalg.solve(np.eye(len(chain)) - chain, mean_payoff)
    return payoff + mdp.expected_next(value)
