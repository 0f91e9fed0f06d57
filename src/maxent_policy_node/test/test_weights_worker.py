# SPDX-License-Identifier: Apache-2.0
"""Weights are judged in another thread, newest first."""

import hashlib
import threading

import numpy as np
import pytest
import torch

from maxent_policy_node.weights_worker import WeightsWorker
from maxent_rl.acceptance import PolicySpec
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.weights import encode
from maxent_ros.weights_transport import CompletePolicy

SPEC = PolicySpec(3, 2, (8,))
LAYOUT = 'a' * 16


class Bench:
    """A worker whose every notice can be waited for."""

    def __init__(self) -> None:
        self.notices = threading.Semaphore(0)
        self.release = threading.Event()
        self.release.set()
        self.entered = threading.Event()
        self.worker = WeightsWorker(SPEC, LAYOUT, self._probes, self.notices.release)

    def _probes(self) -> np.ndarray:
        self.entered.set()
        assert self.release.wait(10.0)
        return np.zeros((1, 3), dtype=np.float32)

    def judge(self, weights: CompletePolicy):
        self.worker.submit(weights)
        assert self.notices.acquire(timeout=10.0)
        return self.worker.results.popleft()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.release.set()
    bench.worker.close()


def _weights(version: int = 1, run_id: str = 'run', layout: str = LAYOUT, poison=None):
    policy = TanhGaussianPolicy(3, 2, (8,), torch.Generator().manual_seed(version))
    tensors = {f'policy.{name}': value for name, value in policy.state_dict().items()}
    if poison is not None:
        next(iter(tensors.values())).view(-1)[0] = poison
    payload = encode(tensors)
    digest = hashlib.sha256(payload).hexdigest()
    return CompletePolicy(run_id, version, layout, digest, payload)


def test_good_weights_become_a_policy(bench: Bench) -> None:
    verdict = bench.judge(_weights(version=4))
    assert (verdict.run_id, verdict.version) == ('run', 4)
    assert verdict.policy is not None


@pytest.mark.parametrize(
    ('weights', 'rule'),
    [
        (_weights(poison=float('nan')), 'W7'),
        (_weights(layout='b' * 16), 'W6'),
        (CompletePolicy('run', 1, LAYOUT, '0' * 64, b'x' * 100), 'W3'),
    ],
)
def test_bad_weights_are_rejected_by_rule_and_the_worker_lives_on(
    bench: Bench, weights: CompletePolicy, rule: str
) -> None:
    verdict = bench.judge(weights)
    assert verdict.policy is None
    assert rule in verdict.reason
    assert bench.judge(_weights(version=2)).policy is not None


def test_an_older_version_and_another_run_are_rejected(bench: Bench) -> None:
    assert bench.judge(_weights(version=5)).policy is not None
    for weights in (_weights(version=5), _weights(version=4), _weights(version=9, run_id='other')):
        verdict = bench.judge(weights)
        assert verdict.policy is None
        assert 'W5' in verdict.reason


def test_of_a_flood_only_the_newest_is_judged(bench: Bench) -> None:
    bench.release.clear()
    bench.worker.submit(_weights(version=1))
    assert bench.entered.wait(10.0)
    for version in range(2, 50):
        bench.worker.submit(_weights(version=version))
    bench.release.set()
    for _ in range(2):
        assert bench.notices.acquire(timeout=10.0)
    assert [verdict.version for verdict in bench.worker.results] == [1, 49]
