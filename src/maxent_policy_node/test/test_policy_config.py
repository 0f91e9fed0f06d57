# SPDX-License-Identifier: Apache-2.0
"""The parameters of both nodes can be declared and are explained."""

from dataclasses import fields

import pytest

from maxent_policy_node.guard_config import GuardNodeConfig
from maxent_policy_node.policy_config import PolicyConfig
from maxent_ros.parameters import describe


@pytest.mark.parametrize('config', [PolicyConfig, GuardNodeConfig])
def test_every_parameter_has_a_meaning(config) -> None:
    assert all(field.metadata['doc'] for field in fields(config))
    assert len(describe(config).splitlines()) == 2 + len(fields(config))


def test_a_real_robot_cannot_wait_within_an_episode() -> None:
    with pytest.raises(ValueError, match="use 'episode'"):
        PolicyConfig(wait_for_learner='step', pacing='realtime')
