# SPDX-License-Identifier: Apache-2.0
"""C1: how near skills and compositions bring the tip to joint goals, through the ROS graph.

One system runs, in lock-step; every policy is brought in by the services while the arm moves, and
judged by the whole episodes that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from maxent_msgs.msg import Step
from maxent_msgs.srv import ActivateSkill, ComposeSkills
import numpy as np
from numpy.typing import NDArray
from plane_skills import PLANES, Goal, joint_goals, name_of, single_goals
from running_system import running, wait

from maxent_bringup.monitor import Monitor
from maxent_bringup.supervise import Supervisor
from maxent_bringup.system import SystemConfig
from maxent_robot.robots import SAWYER
from maxent_robot.tasks import make_task
from maxent_ros import topics

EPISODES = 10
UNDER_WAY = 10  # steps of an episode after which the arm moves


def table(algorithm: str, skills: Path, tell: Callable[[int, int], None]) -> list[dict[str, Any]]:
    """Return the rows of an algorithm's skills: pairs and triples, constituents and direct.

    Args:
        algorithm: of the skills.
        skills: their folder; compositions are kept in it.
        tell: is told how many policies of how many have been measured.
    """
    singles, joints = single_goals(), joint_goals()
    total = len(singles) + 2 * len(joints)
    config = SystemConfig(
        purpose='run',
        task='reach_plane',
        skill=name_of(algorithm, singles[0]),
        skills=skills,
        pacing='lockstep',
        name=f'c1_table_{algorithm}',
    )
    watch = _Watch()
    # Without probation: a policy that fights the guard shall be measured, too.
    parameters = {'policy': {'probation': 0.0}}
    with running(config, parameters=parameters, on_step=watch.add) as (system, monitor):
        person = _Person(system, monitor, watch)
        ends: dict[str, NDArray[np.float64]] = {}

        def measure(name: str, goal: Goal, swap: Callable[[], Any]) -> None:
            ends[name] = person.measure(swap, name)
            tell(len(ends), total)

        for goal in singles:
            name = name_of(algorithm, goal)
            measure(name, goal, lambda name=name: person.activate(name))
        agreement = {}
        for goal in joints:
            name = 'and_' + name_of(algorithm, goal)
            parts = [name_of(algorithm, (plane,)) for plane in goal]
            measure(name, goal, lambda parts=parts, name=name: person.compose(parts, name))
            agreement[goal] = person.answer.divergence
            direct = name_of(algorithm, goal)
            measure(direct, goal, lambda direct=direct: person.activate(direct))
    return [_row(algorithm, goal, ends, agreement[goal]) for goal in joints]


def _row(
    algorithm: str, goal: Goal, ends: dict[str, NDArray[np.float64]], divergence: float
) -> dict[str, Any]:
    def away(name: str) -> float:
        return round(float(distances(ends[name], goal).mean()), 4)

    parts = [name_of(algorithm, (plane,)) for plane in goal]
    return {
        'algorithm': algorithm,
        'skills': parts,
        'mode': 'and',
        'composed': away('and_' + name_of(algorithm, goal)),
        'constituents': [away(part) for part in parts],
        'direct': away(name_of(algorithm, goal)),
        'divergence_nats': round(divergence, 2),
    }


def distances(tips: NDArray[np.float64], goal: Goal) -> NDArray[np.float64]:
    """Distances (k,) in m of tips (k, 3) to the line or point where the goal's planes meet."""
    axes = [list(PLANES).index(axis) for axis, _ in goal]
    return np.linalg.norm(tips[:, axes] - [value for _, value in goal], axis=1)


class _Watch:
    """Who acts, where in the episode, and where the tip is at the end of whole episodes."""

    def __init__(self) -> None:
        self.acting, self.index = '', 0
        self.ends: list[NDArray[np.float64]] = []
        self.lost = 0
        self._whole = ''  # who has acted since the episode began
        self._expected: tuple[int, int] | None = None
        self._layout = make_task(SAWYER, 'reach').layout

    def add(self, step: Step) -> None:
        place = step.episode, step.index
        self.lost += self._expected not in (None, place)
        last = step.terminated or step.truncated
        self._expected = (step.episode + 1, 0) if last else (step.episode, step.index + 1)
        self.acting, self.index = step.skill, step.index
        if step.index == 0:
            self._whole = step.skill
        elif self._whole != step.skill:
            self._whole = ''
        if last and self._whole:
            self.ends.append(self._layout.unpack(np.array(step.observation))['tip'])


class _Person:
    """Asks for policies and waits for their episodes."""

    def __init__(self, system: Supervisor, monitor: Monitor, watch: _Watch) -> None:
        self._system, self._monitor, self._watch = system, monitor, watch
        self._clients = {
            kind: monitor.node.create_client(kind, service)
            for kind, service in (
                (ActivateSkill, topics.ACTIVATE_SKILL),
                (ComposeSkills, topics.COMPOSE_SKILLS),
            )
        }
        self.answer: Any = None

    def measure(self, swap: Callable[[], None], name: str) -> NDArray[np.float64]:
        """Bring a policy in while the arm moves; where the tip ends (EPISODES, 3) with it."""
        watch = self._watch
        self._wait(lambda: watch.index >= UNDER_WAY, 'an episode under way')
        if watch.acting != name:
            swap()
            self._wait(lambda: watch.acting == name, f'{name} to act')
        watch.ends.clear()
        self._wait(lambda: len(watch.ends) >= EPISODES, f'{EPISODES} episodes of {name}')
        if watch.acting != name or watch.lost:
            raise RuntimeError(f'{watch.acting} acts instead of {name}, {watch.lost} steps lost')
        return np.stack(watch.ends[:EPISODES])

    def activate(self, name: str) -> None:
        """Let a skill act."""
        self._ask(ActivateSkill, name=name)

    def compose(self, names: Sequence[str], new_name: str) -> None:
        """Let a composition act."""
        self._ask(ComposeSkills, names=names, new_name=new_name, activate=True)

    def _ask(self, kind: Any, **fields: Any) -> None:
        client = self._clients[kind]
        self._wait(client.service_is_ready, 'the service')
        answer = client.call_async(kind.Request(**fields))
        self._wait(answer.done, 'an answer')
        self.answer = answer.result()
        if not self.answer.success:
            raise RuntimeError(f'{fields}: {self.answer.message}')

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        wait(self._system, self._monitor, until, 120.0, what)
