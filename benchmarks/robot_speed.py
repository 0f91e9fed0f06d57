# SPDX-License-Identifier: Apache-2.0
"""Row ROBOT_SPEED: environment steps per second of each robot; pictures per second of the camera.

    maxent bench robot_speed [--seconds 5]

One core, random actions, guard and task included; beside it MuJoCo alone, stepped through the same
simulated time in one call per policy step: the ratio says what all that is not physics costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import time
from typing import Any

import gymnasium
import mujoco
import numpy as np
from result_file import write_result

import sim_bridge.env

STEPS = 100  # between two looks at the clock


def rate(work: Callable[[], None], seconds: float) -> float:
    """Calls of `work` per second of wall time, over about so many seconds."""
    work()
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(STEPS):
            work()
        count += STEPS
    return count / (time.perf_counter() - begin)


def measure(name: str, seconds: float) -> dict[str, float]:
    """Steps per second of an environment, and of its physics alone."""
    environment = gymnasium.make(name, disable_env_checker=True).unwrapped
    rng = np.random.default_rng(0)
    environment.reset(seed=0)

    def step() -> None:
        action = rng.uniform(-1.0, 1.0, environment.action_space.shape).astype(np.float32)
        *_, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            environment.reset()

    spec, model = environment.simulation.robot, environment.simulation.model
    substeps = round(spec.policy_period_ns * 1e-9 / model.opt.timestep)
    data = mujoco.MjData(model)
    steps, physics = (
        rate(work, seconds) for work in (step, lambda: mujoco.mj_step(model, data, substeps))
    )
    environment.close()
    return {
        'steps_per_s': round(steps),
        'physics_alone_per_s': round(physics),
        'ratio': round(steps / physics, 3),
        'times_real_time': round(steps * spec.policy_period_ns * 1e-9, 1),
    }


def camera(seconds: float) -> float:
    """Pictures per second, without physics."""
    environment = gymnasium.make('maxent/DClawTurnImage-v0', disable_env_checker=True).unwrapped
    environment.reset(seed=0)
    pictures = rate(lambda: environment.simulation.signal('camera'), seconds)
    environment.close()
    return round(pictures)


def main() -> None:
    """Measure and write the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=5.0)
    seconds = parser.parse_args().seconds
    figures: dict[str, Any] = {n: measure(n, seconds) for n in sim_bridge.env.ENVIRONMENTS}
    figures['camera_pictures_per_s'] = camera(seconds)
    begin = {'wall_s': round(2 * seconds * len(figures))}
    path = write_result('ROBOT_SPEED', 'maxent bench robot_speed', [0], begin, figures, [])
    for name, found in figures.items():
        print(name, found)
    print(f'written: {path}')


if __name__ == '__main__':
    main()
