# SPDX-License-Identifier: Apache-2.0
"""Evaluates a skill through the ROS graph: simulator, guard and policy in lock-step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from maxent_msgs.msg import Step

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig, describe
from maxent_learner.episode_log import EpisodeLog, EpisodeResult
from maxent_ros import topics
from maxent_ros.conversions import to_step_record

if TYPE_CHECKING:
    from maxent_robot.episode import StepRecord

START_S = 60.0  # for the nodes to be there
SILENCE_S = 30.0  # without a step: something is wrong


class EvaluationError(RuntimeError):
    """The graph did not deliver what was asked for; the text says what is missing."""


class EpisodeCollector:
    """Adds the steps of one policy session up to episodes, and refuses gaps."""

    def __init__(self, on_step: Callable[[StepRecord], None] | None = None) -> None:
        """`on_step` gets every step, in order."""
        self.results: list[EpisodeResult] = []
        self.steps = 0
        self._log = EpisodeLog()
        self._on_step = on_step
        self._expected = (0, 0)  # episode and index

    def add(self, message: Step) -> None:
        """Take the next step; EvaluationError if it is not the one that follows."""
        step = to_step_record(message)
        if (step.episode, step.index) != self._expected:
            raise EvaluationError(
                f'step {step.index} of episode {step.episode} came where step '
                f'{self._expected[1]} of episode {self._expected[0]} was due: steps were lost'
            )
        self.steps += 1
        if self._on_step is not None:
            self._on_step(step)
        result = self._log.add(step, transition=step.index > 0)
        self._expected = (step.episode, step.index + 1)
        if result is not None:
            self.results.append(result)
            self._expected = (step.episode + 1, 0)


def evaluate_over_ros(
    config: SystemConfig, on_step: Callable[[StepRecord], None] | None = None
) -> list[EpisodeResult]:
    """Run `config.episodes` episodes of a skill and return their results.

    Raises:
        EvaluationError: steps were lost or did not come.
        SupervisionError: a node cannot be started, or died.
    """
    collector = EpisodeCollector(on_step)
    specs = describe(config)
    with (
        Monitor(config.namespace, on_step=collector.add) as monitor,
        Supervisor(specs, config.run_folder) as system,
    ):
        # The simulator starts last: the first step must not be made before we listen.
        system.start(spec.name for spec in specs if spec.name != 'sim_bridge')
        _wait(monitor, system, lambda: monitor.node.count_publishers(topics.STEP) > 0, START_S)
        system.start(['sim_bridge'])
        _wait(monitor, system, lambda: collector.steps > 0, START_S)
        while len(collector.results) < config.episodes:
            before = collector.steps
            _wait(monitor, system, lambda: collector.steps > before, SILENCE_S)  # noqa: B023
    return collector.results


def _wait(
    monitor: Monitor, system: Supervisor, arrived: Callable[[], bool], timeout_s: float
) -> None:
    try:
        monitor.until(arrived, timeout_s, system.check)
    except TimeoutError:
        folder = next(iter(system.logs.values())).parent
        raise EvaluationError(
            f'no step from the policy within {timeout_s:.0f} s; see the logs in {folder}'
        ) from None
