# SPDX-License-Identifier: Apache-2.0
"""C0: how long acting from two composed skills takes, without any training, on one core.

    maxent bench C0

Two skills with 2x128 networks, 17 observations and 7 actions (Sawyer reach), 64 candidates per
action. Each action is also chosen by the plain way, one network after another, in turns with
ours, so that both meet the same disturbances. Wall time counts; CPU time of the thread stands
beside it, because other programs on the machine lengthen only the first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import math
import os
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from result_file import write_result
import torch
from torch import Tensor

from maxent_rl.algorithms import make_algorithm
from maxent_rl.composition import Composition, compose
from maxent_rl.distributions import tanh_gaussian_log_density
from maxent_rl.immediate import ImmediatePolicy
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.skill import Skill, SkillMetadata

OBS_DIM, ACT_DIM, HIDDEN = 17, 7, (128, 128)
CANDIDATES = 64
GOAL_MS = 1.0
WARM_UP = 200
SEED = 0


def make_skill(algorithm: str, index: int) -> Skill:
    """Return an untrained skill: what its networks hold does not change how long they take."""
    learner = make_algorithm(algorithm, OBS_DIM, ACT_DIM, {'hidden': HIDDEN}, index)
    metadata = SkillMetadata(
        name=f'{algorithm}_{index}',
        robot='sawyer',
        task='reach',
        algorithm=algorithm,
        temperature=learner.temperature,
        discount=learner.config.discount,
        layout=({'name': 'observation', 'size': OBS_DIM},),
        layout_hash='none',
        action_mode='torque',
        action_joints=tuple(f'joint{i}' for i in range(ACT_DIM)),
        action_scale=(1.0,) * ACT_DIM,
        hidden=HIDDEN,
        layer_norm=learner.config.layer_norm,
        limits={},
        metrics={},
        provenance={},
        created='2026-01-01T00:00:00+00:00',
    )
    return Skill(metadata, learner.skill_tensors())


class PlainLoop:
    """The same choice, written down plainly: each skill's networks one after another."""

    def __init__(self, composition: Composition) -> None:
        self._parts = composition.constituents
        self._shares = composition.shares.tolist()
        self._each = CANDIDATES // (len(self._parts) + 1)
        self._generator = torch.Generator().manual_seed(SEED)

    def __call__(self, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an action (m,) for obs (n,)."""
        with torch.inference_mode():
            repeated = torch.from_numpy(obs).expand(self._each, OBS_DIM)
            drawn = [self._draw(part.policy, repeated) for part in self._parts]
            drawn.append(torch.rand((self._each, ACT_DIM), generator=self._generator) * 2.0 - 1.0)
            actions = torch.cat(drawn)
            states = torch.from_numpy(obs).expand(len(actions), OBS_DIM)
            logs = [torch.full((len(actions),), -ACT_DIM * math.log(2.0))]
            q = torch.zeros(len(actions))
            for part, share, own in zip(self._parts, self._shares, drawn[:-1], strict=True):
                q += share / part.temperature * part.q(states, actions)
                logs.append(self._log_density(part.policy, states, actions, own))
            density = torch.stack(logs).logsumexp(dim=0)
            chosen = torch.softmax(q - density, dim=0).multinomial(1, generator=self._generator)
            result: NDArray[np.float32] = actions[chosen[0]].numpy()
            return result

    def _draw(self, policy: Any, obs: Tensor) -> Tensor:
        noise = torch.randn((len(obs), ACT_DIM), generator=self._generator)
        actions: Tensor = policy.act(obs, noise)
        return actions

    def _log_density(self, policy: Any, obs: Tensor, actions: Tensor, own: Tensor) -> Tensor:
        if isinstance(policy, TanhGaussianPolicy):
            return tanh_gaussian_log_density(
                torch.atanh(actions.clamp(-0.999, 0.999)), *policy(obs)
            )
        squared = torch.cdist(actions, own).square() / -0.02
        constant = math.log(len(own)) + ACT_DIM * (math.log(0.1) + 0.5 * math.log(2.0 * math.pi))
        return squared.logsumexp(dim=-1) - constant


def measure(algorithm: str, count: int) -> dict[str, Any]:
    """Time `count` actions both ways, in turns; milliseconds."""
    composition = compose([make_skill(algorithm, i) for i in range(2)])
    ours = PolicyRunner(ImmediatePolicy(composition, CANDIDATES), SEED, deterministic=False)
    plain = PlainLoop(composition)
    rows = np.random.default_rng(SEED).standard_normal((count + WARM_UP, OBS_DIM))
    times = np.array([(*timed(ours, obs), *timed(plain, obs)) for obs in np.float32(rows)])
    times = times[WARM_UP:] / 1e6
    names = 'wall_ms', 'cpu_ms', 'plain_wall_ms', 'plain_cpu_ms'
    figures: dict[str, Any] = {
        name: {
            label: round(float(np.percentile(column, share)), 4)
            for label, share in (('p50', 50.0), ('p99', 99.0), ('p999', 99.9))
        }
        for name, column in zip(names, times.T, strict=True)
    }
    figures['plain_over_ours_p50'] = round(float(np.median(times[:, 2] / times[:, 0])), 3)
    return figures


def timed(
    act: Callable[[NDArray[np.float32]], NDArray[np.float32]], obs: NDArray[np.float32]
) -> tuple[int, int]:
    """Wall and CPU time of one action, nanoseconds."""
    cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
    act(obs)
    wall = time.perf_counter_ns() - wall
    return wall, time.thread_time_ns() - cpu


def main() -> None:
    """Measure pairs of SAC and of soft Q-learning skills and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--actions', type=int, default=20_000)
    count = parser.parse_args().actions
    configure_torch()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load, started = os.getloadavg()[0], time.perf_counter()
    figures: dict[str, Any] = {name: measure(name, count) for name in ('sac', 'soft_q')}
    for name, found in figures.items():
        print(name, found)
    missed = [
        f'{name}: p99 is {found["wall_ms"]["p99"]:.2f} ms, the goal is {GOAL_MS} ms'
        for name, found in figures.items()
        if found['wall_ms']['p99'] > GOAL_MS
    ]
    figures |= {'candidates': CANDIDATES, 'actions': count, 'load_at_start': round(load, 2)}
    budget = {'wall_s': round(time.perf_counter() - started, 1)}
    command = f'maxent bench C0 --actions {count}'
    print(f'written: {write_result("C0", command, [SEED], budget, figures, missed)}')


if __name__ == '__main__':
    main()
