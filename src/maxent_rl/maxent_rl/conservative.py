# SPDX-License-Identifier: Apache-2.0
"""A penalty that keeps Q-functions from promising what the data do not show.

Learning from recorded data alone, nothing corrects a Q-function that is too high for an action
that was never tried, and the policy seeks just those. Kumar et al. 2020, "Conservative Q-Learning
for Offline Reinforcement Learning", eq. 4, CQL(H).
"""

from __future__ import annotations

from torch import Tensor

from maxent_rl.soft_value import soft_value


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
    """Return how many states of a batch the penalty looks at: it is an expensive one."""
    return max(1, batch_size // 4)
