# SPDX-License-Identifier: Apache-2.0
"""Feeds the safety filters with arbitrary floats and counts limits broken; there must be none.

Every input (wish, measured position and velocity, last torque, push of the box, time step) is
drawn from NaN, infinities, denormals, huge numbers, limits to the last bit, and ordinary values.
Every other call is a torque filter call; the others are steps of one set-point after another.

    python benchmarks/fuzz_filter.py --calls 1000000 --seed 0

prints one JSON object with `calls`, `violations`, `seed`, `seconds` and the first violation.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import json
from math import isfinite
import sys
import time
from typing import Any

import numpy as np

from maxent_robot.robots import SAWYER
from maxent_robot.safety.config import GuardConfig
from maxent_robot.safety.position_filter import PositionLimits, SetPoint, limit_position, seed
from maxent_robot.safety.torque_filter import TorqueLimits, limit_torque

N = len(SAWYER.joint_names)
T = SAWYER.guard_period_ns * 1e-9
EFFORT = SAWYER.limits.command_effort.tolist()
SPEED = (0.7 * SAWYER.limits.velocity).tolist()
DECELERATION = SAWYER.limits.acceleration.tolist()
LOW, HIGH = SAWYER.soft_lower.tolist(), SAWYER.soft_upper.tolist()
EDGES = np.concatenate([SAWYER.soft_lower, SAWYER.soft_upper, SAWYER.limits.position_upper])
HUGE = (1e16, 1e300, -1e300, 1.7976931348623157e308)
TINY = (0.0, -0.0, 5e-324, -5e-324, 1e-308, 0.5 * T, T, 2.0 * T)
SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, *HUGE, *TINY, *EDGES, *np.nextafter(EDGES, np.inf)],
)
ROUNDING = 1.0 + 1e-9
BATCH = 1000


def inputs(rng: np.random.Generator, calls: int) -> Iterator[list[list[float]]]:
    """Five rows of N floats per call. Some calls are ordinary in all but a few entries."""
    for _ in range(0, calls, BATCH):
        shape = (BATCH, 5, N)
        values = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 2, shape)
        strange = rng.random(shape) < rng.choice([0.0, 0.02, 0.5, 1.0], (BATCH, 1, 1))
        values[strange] = rng.choice(SPECIAL, int(strange.sum()))
        yield from values.tolist()


def step_used(dt: float) -> float:
    """The time step that a filter may reckon with."""
    return min(max(dt, 0.5 * T), 2.0 * T) if isfinite(dt) and dt > 0.0 else T


def torque_fault(limits: TorqueLimits, rows: list[list[float]], dt: float) -> str:
    """What one torque filter call breaks, '' if nothing."""
    wish, q, v, last, push = rows
    torque, _ = limit_torque(limits, wish, q, v, last, dt, push)
    for u, before, effort in zip(torque, last, EFFORT, strict=True):
        before = 0.0 if before != before else min(max(before, -effort), effort)
        if not isfinite(u):
            return f'torque {u} is not finite'
        if abs(u) > effort:
            return f'torque {u} above {effort}'
        if abs(u - before) > 5.0 * 20.0 * effort * step_used(dt) * ROUNDING:
            return f'torque from {before} to {u} in {dt} s'
    return ''


def position_fault(before: SetPoint, after: SetPoint, dt: float) -> str:
    """What one step of a set-point breaks, '' if nothing."""
    step = step_used(dt)
    rows = zip(*before, *after, LOW, HIGH, SPEED, DECELERATION, strict=True)
    for c, w, c_new, w_new, low, high, speed, deceleration in rows:
        if not (isfinite(c_new) and isfinite(w_new)):
            return f'set-point {c_new}, {w_new} is not finite'
        if not min(low, c) <= c_new <= max(high, c):
            return f'set-point {c_new} outside [{low}, {high}]'
        if abs(w_new) > speed or abs(c_new - c) > speed * step * ROUNDING + 1e-15:
            return f'set-point from {c} to {c_new} in {dt} s'
        if abs(w_new - w) > deceleration * step * ROUNDING + 1e-12:
            return f'set-point speed from {w} to {w_new} in {dt} s'
    return ''


def fuzz(calls: int, seed_value: int) -> dict[str, Any]:
    """Run so many filter calls (half torque, half position); the figures."""
    rng = np.random.default_rng(seed_value)
    torque_limits = TorqueLimits.of(SAWYER, GuardConfig())
    position_limits = PositionLimits.of(SAWYER, GuardConfig())
    lower, upper = SAWYER.limits.position_lower, SAWYER.limits.position_upper
    steps = rng.choice([T, 0.5 * T, 2.0 * T, 0.0, -1.0, np.nan, np.inf, 1e300, 5e-324], 4096)
    violations, first = 0, ''
    done = 0
    for k, rows in enumerate(inputs(rng, calls)):
        if done >= calls:
            break
        done += 1
        dt = float(steps[k % 4096])
        if k % 2 == 0:
            fault = torque_fault(torque_limits, rows, dt)
        else:
            if k % 400 == 1:  # a fresh pose, now and then outside the soft limits
                start = rng.uniform(lower, upper).tolist()
                point = seed(position_limits, start, rng.normal(0.0, 2.0, N).tolist())
            target = rows[0] if k % 100 < 90 else None
            after, _ = limit_position(position_limits, target, point, rows[1], dt)
            fault, point = position_fault(point, after, dt), after
        if fault:
            violations += 1
            first = first or f'call {k}: {fault}'
    return {'calls': done, 'violations': violations, 'seed': seed_value, 'first': first}


def main() -> int:
    """Parse the command line, print the figures; 1 if a limit was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--calls', type=int, default=1_000_000)
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    begin = time.monotonic()
    figures = fuzz(arguments.calls, arguments.seed)
    figures['seconds'] = round(time.monotonic() - begin, 1)
    print(json.dumps(figures))
    return 1 if figures['violations'] else 0


if __name__ == '__main__':
    sys.exit(main())
