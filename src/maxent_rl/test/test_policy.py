# SPDX-License-Identifier: Apache-2.0
"""What a policy must be able to do."""

import pytest

from maxent_rl.policy import Policy


def test_a_policy_that_lacks_a_verb_cannot_be_made():
    class Half(Policy):
        def act(self, obs, noise):
            return noise

    with pytest.raises(TypeError, match='draw_noise'):
        Half()
