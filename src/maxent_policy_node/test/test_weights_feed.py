# SPDX-License-Identifier: Apache-2.0
"""Weights reach the policy node by topic and by asking, whatever is lost or comes late."""

import numpy as np
import pytest
from rclpy.node import Node

from maxent_policy_node.weights_feed import WeightsFeed
from maxent_policy_node.weights_worker import Verdict
from maxent_rl.acceptance import PolicySpec


@pytest.fixture
def feed(ros, task):
    verdicts: list[Verdict] = []
    size = task.layout.size
    feeds = []

    def make() -> list[Verdict]:
        feeds.append(
            WeightsFeed(
                ros.add(Node, 'policy'),
                PolicySpec(size, task.mapping.size),
                task.layout.hash,
                lambda: np.zeros((1, size), dtype=np.float32),
                verdicts.append,
            )
        )
        return verdicts

    yield make
    for item in feeds:
        item.close()


def test_published_weights_arrive(ros, feed, add_learner) -> None:
    learner = add_learner()
    verdicts = feed()
    learner.offer(1)
    ros.spin_until(lambda: verdicts)
    assert verdicts[0].policy is not None


def test_a_late_node_gets_the_newest_version_and_only_once(ros, feed, add_learner) -> None:
    learner = add_learner()
    for version in (1, 2, 3):
        learner.offer(version, seed=version)
    verdicts = feed()
    ros.spin_until(lambda: any(v.version == 3 for v in verdicts))
    learner.offer(4)
    ros.spin_until(lambda: any(v.version == 4 for v in verdicts))
    assert [v.version for v in verdicts if v.version >= 3] == [3, 4]
    assert all(v.policy is not None for v in verdicts)


def test_a_chunk_lost_on_the_way_is_asked_for(ros, feed, add_learner) -> None:
    learner = add_learner()
    verdicts = feed()
    learner.offer(1)
    ros.spin_until(lambda: verdicts)
    learner.pulled.clear()
    learner._publishes = False
    learner.offer(2)
    for chunk in learner.chunks[:2] + learner.chunks[3:]:
        learner._weights.publish(chunk)
    ros.spin_until(lambda: len(verdicts) == 2)
    assert verdicts[1].policy is not None
    assert 2 in learner.pulled


def test_a_learner_that_starts_later_is_found(ros, feed, add_learner) -> None:
    verdicts = feed()
    learner = add_learner(publish=False)
    ros.spin_until(lambda: learner.pulled, reason='a pull')
    assert verdicts == []
    learner.offer(1)
    ros.spin_until(lambda: verdicts)


def test_chunks_that_contradict_each_other_are_reported(ros, feed, add_learner) -> None:
    learner = add_learner(publish=False)
    learner.offer(1)
    first = learner.chunks[0]
    learner.chunks = []
    first.total += 1
    verdicts = feed()
    ros.spin_until(lambda: learner._weights.get_subscription_count() == 1)
    learner._weights.publish(first)
    ros.spin_until(lambda: verdicts)
    assert verdicts[0].policy is None
    assert 'chunks' in verdicts[0].reason
