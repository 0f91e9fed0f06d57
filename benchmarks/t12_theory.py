# SPDX-License-Identifier: Apache-2.0
"""Row T12: the bounds of Lemma 1 and Theorem 1 on finite MDPs that are solved exactly.

    maxent bench T12 [--problems 2000]

Draws random MDPs with two or three skills, equal and unequal weights and several temperatures,
solves every skill, the composed task and the composed policy, and asks of each state and action
whether the bounds hold, how tight they are, and whether nine tenths of them would still do.
"""

from __future__ import annotations

import argparse
import time

import matplotlib
import numpy as np

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from result_file import RESULTS, write_result

from maxent_rl import tabular_composition as composition
from maxent_rl.tabular import (
    Array,
    FiniteMDP,
    boltzmann_log_policy,
    random_mdp,
    soft_policy_evaluation,
    soft_q_iteration,
)

SEED = 0
TEMPERATURES = (0.1, 1.0, 3.0)
SLACK = 1e-7  # of values that are solved to 1e-10


def examine(rng: np.random.Generator) -> dict[str, float]:
    """One random problem: worst violations (0: none), and how tight the bounds are."""
    states, actions = int(rng.integers(1, 9)), int(rng.integers(2, 6))
    skills = int(rng.integers(2, 4))
    discount, temperature = float(rng.choice([0.5, 0.9, 0.95])), float(rng.choice(TEMPERATURES))
    own = rng.choice(TEMPERATURES, skills)
    weights = rng.dirichlet(np.full(skills, 5.0))
    base = random_mdp(rng, states, actions, discount)
    mdps = [FiniteMDP(base.transition, rng.normal(size=base.reward.shape), discount)
            for _ in range(skills)]  # fmt: skip
    qs = np.stack([soft_q_iteration(m, t) for m, t in zip(mdps, own, strict=True)])
    rewards = np.stack([m.reward for m in mdps])
    reward = composition.compose_and(rewards, own, weights, temperature)
    task = FiniteMDP(base.transition, reward, discount)
    q_sum = composition.compose_and(qs, own, weights, temperature)
    best = soft_q_iteration(task, temperature)
    policies = np.stack([boltzmann_log_policy(q, t) for q, t in zip(qs, own, strict=True)])
    overlap = composition.overlap_divergence(policies, weights)
    gap = composition.composition_gap(task, overlap, temperature)
    acting = boltzmann_log_policy(q_sum, temperature)
    value = soft_policy_evaluation(task, acting, temperature)
    regret = composition.regret_bound(task, gap, acting)
    return {
        'lemma_upper': worst(best, q_sum),
        'lemma_lower': worst(q_sum - gap, best),
        'theorem': worst(best - regret, value),
        'lemma_lower_at_0.9': worst(q_sum - 0.9 * gap, best),
        'promise': float(np.median((q_sum - best) / gap)),
        'loss': float(np.median((best - value) / regret)),
    }


def worst(smaller: Array, larger: Array) -> float:
    """By how much `smaller <= larger` fails, relative to the values; 0 if it holds."""
    excess = float(np.max(smaller - larger)) / (1.0 + float(np.max(np.abs(larger))))
    return excess if excess > SLACK else 0.0


def draw(problems: list[dict[str, float]]) -> None:
    """How much of each bound is used: 1 would be an equality."""
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.4), dpi=100, layout='constrained')
    axes[0].hist([p['promise'] for p in problems], bins=40, range=(0, 1))
    axes[0].set_xlabel('(Q_Σ - Q*) / C*, median of each MDP')
    axes[0].set_title('how much Q_Σ promises too much: C* tells')
    axes[1].hist(np.log10([max(p['loss'], 1e-8) for p in problems]), bins=40, range=(-8, 0))
    axes[1].set_xlabel('log10 of (Q* - Q of π_Σ) / D*, median of each MDP')
    axes[1].set_title('what acting by Q_Σ loses: far below D*')
    for ax in axes:
        ax.set_ylabel('MDPs')
    figure.savefig(RESULTS / 'T12.png')


def main() -> None:
    """Examine all problems and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--problems', type=int, default=2000)
    count = parser.parse_args().problems
    begin = time.monotonic()
    problems = []
    for number in range(count):
        problems.append(examine(np.random.default_rng([SEED, number])))
        if (number + 1) % 200 == 0:
            print(f'{number + 1} of {count} problems', flush=True)
    bounds = ('lemma_upper', 'lemma_lower', 'theorem')
    violations = {name: sum(p[name] > 0.0 for p in problems) for name in bounds}
    figures = {
        'problems': count,
        'violations': violations,
        'violations_of_nine_tenths_of_C': sum(p['lemma_lower_at_0.9'] > 0.0 for p in problems),
        'promise_over_C': np.percentile([p['promise'] for p in problems], [5, 50, 95]).tolist(),
        'loss_over_D': np.percentile([p['loss'] for p in problems], [5, 50, 95]).tolist(),
    }
    short = [f'{n} of {count} problems violate {k}' for k, n in violations.items() if n]
    draw(problems)
    wall = round(time.monotonic() - begin, 1)
    write_result('T12', 'maxent bench T12', [SEED], {'wall_s': wall}, figures, short)
    print(figures)


if __name__ == '__main__':
    main()
