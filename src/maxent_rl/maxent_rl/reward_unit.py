# SPDX-License-Identifier: Apache-2.0
"""The unit in which SAC counts rewards, so that their scale is no setting to be tuned.

What a temperature is worth, and a step of Adam on it or on a Q-function, depends on the size of
the rewards: with a hundred times as large ones SAC begins a hundred times too cold. Van Hasselt et
al. 2016 (PopArt) and Schaul et al. 2021 (return-based scaling) divide by what they see of returns,
on and on. Here the first batch decides, once: then nothing that was learned loses its meaning.
"""

from __future__ import annotations

import math

from torch import Tensor

ORDINARY = 0.4  # root mean square of the rewards that SACConfig's initial temperature is made for
LARGEST = 256.0  # the Q-functions of a skill, in the task's unit, are refused above some 1,000


def reward_unit(reward: Tensor) -> float:
    """Return the root mean square of rewards (b,), over ORDINARY; at most LARGEST.

    1 where that is 0, for nothing is known then, or not finite.
    """
    size = float(reward.double().square().mean().sqrt())
    if size == 0.0 or not math.isfinite(size):
        return 1.0
    return min(LARGEST, size / ORDINARY)
