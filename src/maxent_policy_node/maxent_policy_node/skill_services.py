# SPDX-License-Identifier: Apache-2.0
"""The policy node's services: list, activate and compose skills while the robot moves.

Requests are worked on in a thread of their own, one after the other; a swap is carried out in the
thread that acts, so between two actions, and is answered once it is done.
"""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any, Protocol

from maxent_msgs.msg import SkillInfo
from maxent_msgs.srv import ActivateSkill, ComposeSkills, ListSkills
import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from maxent_policy_node.skill_library import Agreement, Entry, Loaded, SkillLibrary
from maxent_rl.recipe import Recipe
from maxent_rl.skill_metadata import check_name
from maxent_ros import topics
from maxent_ros.side_node import SideNode

APART_S = 0.5  # between two swaps: a flood of requests must not make the robot tremble


class RefusedError(ValueError):
    """What was asked cannot be done now; nothing has changed."""


class Host(Protocol):
    """What the services need of the policy node."""

    def acting_name(self) -> tuple[str, int]:
        """Name and version of what acts."""

    def probes(self) -> NDArray[np.float32]:
        """Recent observations (k, n)."""

    def obstacle(self) -> str:
        """Why nothing may be swapped now, empty if it may."""

    def swap(self, loaded: Loaded, blend_s: float) -> int:
        """Let a policy act from the next action on; returns its version. ValueError: blend."""


class SkillServices:
    """Serves ListSkills, ActivateSkill and ComposeSkills for the host."""

    def __init__(self, node: Node, library: SkillLibrary, host: Host) -> None:
        """Open the services."""
        self._library, self._host = library, host
        self._swapped_s = -APART_S
        self._side = SideNode(node, f'{node.get_name()}_skills')
        self._logger = node.get_logger()
        for kind, service, callback in (
            (ListSkills, topics.LIST_SKILLS, self._list),
            (ActivateSkill, topics.ACTIVATE_SKILL, self._activate),
            (ComposeSkills, topics.COMPOSE_SKILLS, self._compose),
        ):
            self._side.node.create_service(kind, service, self._answering(callback))
        self._side.start()

    def close(self) -> None:
        """Close the services, after the request that is being worked on."""
        self._side.close()

    def _list(self, _request: ListSkills.Request, response: ListSkills.Response) -> None:
        entries = self._library.entries()
        response.active, response.version = self._in_main(self._host.acting_name)
        response.skills = [_info(entry, response.active) for entry in entries]

    def _activate(self, request: ActivateSkill.Request, response: ActivateSkill.Response) -> None:
        check_name(request.name)  # the parameter `skill` may be a path, a request may not
        self._in_main(lambda: self._check(request.blend))
        loaded = self._library.load(request.name, self._in_main(self._host.probes))
        self._swap(loaded, request.blend, response)
        response.message = f'{loaded.name} acts'

    def _compose(self, request: ComposeSkills.Request, response: ComposeSkills.Response) -> None:
        if request.activate:
            self._in_main(lambda: self._check(request.blend))
        asked = list(request.names), list(request.weights), request.mode, request.new_name
        probes = self._in_main(self._host.probes)
        loaded, agreement = self._library.compose(*asked, probes)
        _tell(agreement, response)
        if request.activate:
            self._swap(loaded, request.blend, response)
        response.sha256 = loaded.sha256
        response.message = agreement.warning or f'{loaded.name} is composed'

    def _answering(self, work: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """Make a callback of `work` that turns what is wrong with a request into an answer."""

        def callback(request: Any, response: Any) -> Any:
            try:
                work(request, response)
                response.success = True
            except (ValueError, OSError) as error:  # skill, weights, refusal, disk, time-out
                response.success, response.message = False, str(error)
                self._logger.warning(f'refused: {error}')
            return response

        return callback

    def _in_main(self, job: Callable[[], Any]) -> Any:
        return self._side.in_main_thread(job)

    def _check(self, blend_s: float) -> None:
        """Refuse before any work is done what would be refused after it."""
        if not (np.isfinite(blend_s) and 0.0 <= blend_s <= 10.0):
            raise RefusedError(f'blend must be 0 to 10 s, is {blend_s}')
        obstacle = self._host.obstacle()
        if obstacle:
            raise RefusedError(obstacle)
        since_s = time.monotonic() - self._swapped_s
        if since_s < APART_S:
            raise RefusedError(
                f'the last swap was {since_s:.2f} s ago; at least {APART_S} s apart'
            )

    def _swap(self, loaded: Loaded, blend_s: float, response: Any) -> None:
        def swap() -> int:
            self._check(blend_s)  # the robot may have been stopped while the skill was loaded
            return self._host.swap(loaded, blend_s)

        response.version = self._in_main(swap)
        response.sha256 = loaded.sha256
        self._swapped_s = time.monotonic()


def _tell(agreement: Agreement, response: ComposeSkills.Response) -> None:
    response.divergence, response.overlap = agreement.divergence, agreement.overlap
    response.states = agreement.states


def _info(entry: Entry, active: str) -> SkillInfo:
    about, usable = entry.content, not entry.problem
    info = SkillInfo(name=about.name, usable=usable, message=entry.problem)
    info.active = about.name == active
    if isinstance(about, Recipe):
        info.algorithm, info.mode, info.sha256 = 'composition', about.mode, about.digest
        info.skills, info.weights = list(about.skills), list(about.weights)
        return info
    info.robot, info.task, info.algorithm = about.robot, about.task, about.algorithm
    info.temperature, info.created, info.sha256 = about.temperature, about.created, about.sha256
    return info
