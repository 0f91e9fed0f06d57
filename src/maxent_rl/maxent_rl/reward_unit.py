# SPDX-License-Identifier: Apache-2.0
"""The unit in which SAC counts rewards, so that their scale is no setting to be tuned.

What a temperature is worth, and a step of Adam on it or on a Q-function, depends on the size of
the rewards: with a hundred times as large ones SAC begins a hundred times too cold. Van Hasselt et
al. 2016 (PopArt) and Schaul et al. 2021 (return-based scaling) divide by what they see of returns,
on and on. Here the first batch decides, once, and the unit is a power of four: dividing by it is
exact, and rewards of ordinary size, with all that was learned from them, stay as they are.
"""

from __future__ import annotations

import math

from torch import Tensor

ORDINARY = 0.5  # root mean square of rewards that are counted as they are; a factor 2 to each side
LARGEST = 4.0**4  # the Q-functions of a skill, in the task's unit, are refused above some 1,000


def reward_unit(reward: Tensor) -> float:
    """Return the power of four next to the root mean square of rewards (b,), over ORDINARY.

    1 where that is 0, for nothing is known then, or not finite; at most LARGEST.
    """
    size = float(reward.double().square().mean().sqrt())
    if size == 0.0 or not math.isfinite(size):
        return 1.0
    return min(LARGEST, 4.0 ** round(math.log(size / ORDINARY, 4.0)))
