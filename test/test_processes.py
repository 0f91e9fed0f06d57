# SPDX-License-Identifier: Apache-2.0
"""Processes start in any order, die, and share a graph with another robot's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from maxent_msgs.msg import Step
import pytest

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig, describe
from maxent_robot.types import Level

pytestmark = pytest.mark.system


class Watcher:
    """Collects the steps of one system."""

    def __init__(self, namespace: str = '') -> None:
        self.steps: list[Step] = []
        self.monitor = Monitor(namespace, on_step=self.steps.append)

    def learned(self) -> int:
        """Return how many steps the learner has."""
        return self.monitor.learner.steps if self.monitor.learner is not None else 0


def assert_whole(steps: list[Step]) -> None:
    """Within an episode the index grows by one; a new episode begins with 0."""
    for before, after in pairwise(steps):
        if after.episode == before.episode:
            assert after.index == before.index + 1
        else:
            assert (after.episode, after.index) == (before.episode + 1, 0)


def assert_clean_end(codes: dict[str, int]) -> None:
    """Every node ends with 0 when it is interrupted."""
    assert set(codes.values()) == {0}, codes


@pytest.mark.parametrize(
    'order',
    [
        ('learner', 'policy', 'guard', 'sim_bridge'),
        ('sim_bridge', 'policy', 'learner', 'guard'),
    ],
)
def test_nodes_may_start_in_any_order_and_seconds_apart(
    order: tuple[str, ...], domain: int, tmp_path: Path
) -> None:
    config = SystemConfig(runs=tmp_path / 'runs', skills=tmp_path / 'skills')
    watcher = Watcher()
    with watcher.monitor, Supervisor(describe(config), config.run_folder) as system:
        for name in order:
            system.start([name])
            watcher.monitor.spin(1.5)
        watcher.monitor.until(lambda: watcher.learned() > 120, check=system.check)
        assert_clean_end(system.stop())
    assert_whole(watcher.steps)


def test_a_killed_policy_leaves_the_robot_damped_and_a_new_one_takes_over(
    domain: int, trained, tmp_path: Path
) -> None:
    config = SystemConfig(purpose='run', skill='mine', skills=trained.skills, runs=tmp_path)
    watcher = Watcher()
    monitor = watcher.monitor
    with monitor, Supervisor(describe(config), config.run_folder) as system:
        system.start()
        monitor.until(lambda: len(watcher.steps) > 20, check=system.check)
        assert monitor.safety.level == Level.NORMAL
        system.process('policy').kill()
        # DAMP lasts a third of a second: on a busy machine RELAX may be the first that is seen.
        monitor.until(lambda: monitor.safety.level in (Level.DAMP, Level.RELAX))
        system.stop(['policy'])
        count = len(watcher.steps)
        system.start(['policy'])
        monitor.until(lambda: len(watcher.steps) > count + 20, check=system.check)
        monitor.until(lambda: monitor.safety.level == Level.NORMAL, check=system.check)


def test_two_robots_learn_in_two_namespaces_of_one_graph(domain: int, tmp_path: Path) -> None:
    watchers, systems = {}, {}
    try:
        for seed, robot in enumerate(('left', 'right')):
            config = SystemConfig(
                namespace=robot, name=robot, seed=seed, runs=tmp_path, skills=tmp_path / 'skills'
            )
            watchers[robot] = Watcher(robot)
            systems[robot] = Supervisor(describe(config), config.run_folder)
            systems[robot].start()
        for robot, watcher in watchers.items():
            watcher.monitor.until(lambda w=watcher: w.learned() > 120, check=systems[robot].check)
    finally:
        codes = [system.stop() for system in systems.values()]
        for watcher in watchers.values():
            watcher.monitor.spin(0.2)
            watcher.monitor.close()
    for each in codes:
        assert_clean_end(each)
    sessions = []
    for watcher in watchers.values():
        assert_whole(watcher.steps)
        sessions.append({step.session_id for step in watcher.steps})
    assert not sessions[0] & sessions[1]
    first = [watchers[robot].steps[0].observation.tolist() for robot in ('left', 'right')]
    assert first[0] != first[1]  # each has the start pose of its own seed
