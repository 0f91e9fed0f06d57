# SPDX-License-Identifier: Apache-2.0
"""Episode seeds."""

import pytest

from maxent_robot import MAX_EPISODES, MAX_SEED, episode_seed


def test_episode_seeds_are_those_of_the_contract():
    assert episode_seed(0, 0) == 0
    assert episode_seed(3, 5) == 3 * 2**20 + 5


def test_no_two_pairs_share_a_seed_and_all_fit_the_reset_message():
    seeds = {episode_seed(s, e) for s in (0, 1, 2) for e in (0, 1, MAX_EPISODES - 1)}
    assert len(seeds) == 9
    assert episode_seed(MAX_SEED, MAX_EPISODES - 1) < 2**64


@pytest.mark.parametrize(('seed', 'episode'), [(-1, 0), (MAX_SEED + 1, 0), (0, -1), (0, 2**20)])
def test_seeds_outside_the_range_are_refused(seed, episode):
    with pytest.raises(ValueError, match='must lie in'):
        episode_seed(seed, episode)
