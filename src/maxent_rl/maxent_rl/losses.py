# SPDX-License-Identifier: Apache-2.0
"""The objectives of soft actor-critic as pure functions, one per equation.

Equation numbers: Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications".
"""

from __future__ import annotations

from torch import Tensor


def soft_q_target(
    reward: Tensor,
    terminated: Tensor,
    next_q: Tensor,
    next_log_prob: Tensor,
    temperature: Tensor,
    discount: float,
) -> Tensor:
    """Soft Bellman backup with one sampled next action (eqs. 2, 3 and the bracket of eq. 6).

    Args:
        reward: (B,).
        terminated: (B,) 1 where the episode ended in a terminal state: its value is zero.
            A truncated episode goes on after its last state, so it bootstraps like any other.
        next_q: (B,) smaller of the two target Q-functions at the next state and sampled action.
        next_log_prob: (B,) log-density of that action.
        temperature: scalar, weight of the entropy.
        discount: in [0, 1).

    Returns:
        (B,) targets.
    """
    next_value = next_q - temperature * next_log_prob
    return reward + discount * (1.0 - terminated) * next_value


def q_loss(q1: Tensor, q2: Tensor, target: Tensor) -> Tensor:
    """Soft Bellman residual, eq. 5, summed over the two Q-functions; arguments (B,)."""
    return 0.5 * ((q1 - target).square().mean() + (q2 - target).square().mean())


def policy_loss(log_prob: Tensor, q: Tensor, temperature: Tensor) -> Tensor:
    """Expected KL divergence to the Boltzmann policy, eq. 9; log_prob and q are (B,)."""
    return (temperature * log_prob - q).mean()


def imitation_loss(action: Tensor, executed: Tensor, q: Tensor) -> Tensor:
    """Mean square difference of the policy's from the executed actions (B, m), in units of Q.

    Fujimoto and Gu 2021, "A Minimalist Approach to Offline Reinforcement Learning", eqs. 4 and 5,
    where the paper divides the other term by mean |Q| instead; q (B,) is given no gradient.
    """
    return q.detach().abs().mean() * (action - executed).square().mean()


def log_temperature_gradient(mean_log_prob: Tensor, target_entropy: float) -> Tensor:
    """Direction in which to move the log-temperature: entropy minus its target (eq. 18).

    Eq. 18 is descended in the logarithm, which keeps the temperature positive, and without the
    factor `temperature` that the chain rule adds, as in the authors' code
    (github.com/rail-berkeley/softlearning, issue 37): same fixed point, no slowing down near zero.
    """
    return -(mean_log_prob + target_entropy)
