# SPDX-License-Identifier: Apache-2.0
"""A penalty that keeps Q-functions from promising what the data do not show.

Learning from recorded data alone, nothing corrects a Q-function that is too high for an action
that was never tried, and the policy seeks just those. Kumar et al. 2020, "Conservative Q-Learning
for Offline Reinforcement Learning", eq. 4, CQL(H).
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from maxent_rl.networks import TanhGaussianPolicy, repeat_each
from maxent_rl.soft_value import soft_value, uniform_proposal

SAMPLES = 4  # actions per state of each proposal of a Gaussian policy


def conservative_penalty(
    q: Tensor, log_density: Tensor, data_q: Tensor, temperature: float | Tensor
) -> Tensor:
    """Soft value of the states minus Q of the actions that were executed there, mean.

    At temperature t that is t times the negative log-likelihood of these actions under the
    Boltzmann policy exp((Q - V) / t). The paper's t is 1; ours is that of the algorithm, so that
    the penalty has the scale of the reward.

    Args:
        q: (B, k) values of k actions drawn from a proposal at each of the states.
        log_density: (B, k) of the proposal at these actions.
        data_q: (B,) values of the recorded actions.
        temperature: weight t of the entropy, above 0.

    Returns:
        Scalar, in the unit of the reward.
    """
    return (soft_value(q, log_density, temperature) - data_q).mean()


def penalised(batch_size: int) -> int:
    """Return how many states of a batch the penalty looks at; all would cost five updates."""
    return max(1, batch_size // 4)


def policy_and_uniform(
    policy: TanhGaussianPolicy, seen: Tensor, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw actions (B, k, m) with log-densities (B, k), half from the policy, half uniform.

    `seen` (B, f) is what the policy's layers see of the observations.
    """
    states = len(seen)
    with torch.no_grad():
        near, near_density = policy.sample_at(repeat_each(seen, SAMPLES), generator)
        anywhere, density = uniform_proposal(states, SAMPLES, policy.act_dim, generator)
        actions = torch.cat((near.view(states, SAMPLES, -1), anywhere), dim=1)
        return actions, torch.cat((near_density.view(states, SAMPLES), density), dim=1)
