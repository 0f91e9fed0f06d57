# SPDX-License-Identifier: Apache-2.0
"""What a robot is and may do: specifications, limits, tasks, safety filter and watchdog.

Knows no ROS and no torch.
"""

MAX_EPISODES = 1 << 20
MAX_SEED = (1 << 43) - 1  # so that an episode seed fits the uint64 of ResetSimulation.srv


def episode_seed(seed: int, episode: int) -> int:
    """Seed of one episode's start pose and goal: (seed << 20) + episode, unique per pair.

    Raises ValueError outside 0 <= seed <= MAX_SEED, 0 <= episode < MAX_EPISODES.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f'seed must lie in 0..{MAX_SEED}, is {seed}')
    if not 0 <= episode < MAX_EPISODES:
        raise ValueError(f'episode must lie in 0..{MAX_EPISODES - 1}, is {episode}')
    return (seed << 20) + episode
