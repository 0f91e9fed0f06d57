# SPDX-License-Identifier: Apache-2.0
"""Replays recorded observations through the weights that acted: the actions must be the same.

Mean actions depend on the observation alone, so a bag may lack steps. Drawn actions depend on all
noise drawn before: they are compared from the first step of a run up to the first that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maxent_learner.bag_replay import Comparison, ReplayReport
from maxent_learner.bag_steps import read_steps
from maxent_rl.acceptance import PolicySpec, accept_policy
from maxent_rl.immediate import immediate_policy
from maxent_rl.policy import Policy
from maxent_rl.recipe import RECIPE_FILE, compose_recipe, load_recipe
from maxent_rl.runner import PolicyRunner
from maxent_rl.skill import load_skill, skill_folder
from maxent_robot.episode_outputs import StepRecord, Vector32
from maxent_ros import topics
from maxent_ros.weights_transport import ChunkAssembler, ChunkError, CompletePolicy

if TYPE_CHECKING:
    from maxent_learner.bag_reader import BagReader

Policies = Callable[[str, int], Policy | None]  # of skill or run and version; None: not known


def replay_policy(
    reader: BagReader, policies: Policies, seed: int = 0, *, deterministic: bool = True
) -> ReplayReport:
    """Compare the actions of all steps with those of the policies that acted.

    Args:
        reader: of a bag with steps; its pacing does not matter.
        policies: give the weights.
        seed: of the policy node, for drawn actions.
        deterministic: the policies acted by their mode.

    Raises:
        BagError: a message that cannot be.
        ValueError: observations of another size than the policy takes.
    """
    replay = _PolicyReplay(policies, seed, deterministic)
    for step in read_steps(reader):
        replay.add(step)
        if replay.comparison.ended:
            break
    return replay.comparison.report()


class _PolicyReplay:
    """One runner for all versions, as in the policy node."""

    def __init__(self, policies: Policies, seed: int, deterministic: bool) -> None:
        self.comparison = Comparison()
        self._policies, self._seed, self._deterministic = policies, seed, deterministic
        self._runner: PolicyRunner | None = None
        self._acting: tuple[str, int] | None = None  # skill and version in the runner
        self._before: StepRecord | None = None

    def add(self, step: StepRecord) -> None:
        """Take the next step."""
        before, self._before = self._before, step
        if before is None:
            self._begin_run(step)
        elif _episode(before) != _episode(step):
            if self._runner is not None:
                self._runner.begin_episode()
        elif step.index != before.index + 1:
            self._lost(step)
        else:
            self._compare(before, step)

    def _begin_run(self, step: StepRecord) -> None:
        if not self._deterministic and (step.episode, step.index) != (0, 0):
            self._lost(step)

    def _lost(self, step: StepRecord) -> None:
        if not self._deterministic:
            self.comparison.ended = (
                f'the comparison ends before step {step.index} of episode {step.episode}: steps '
                'are missing there, and with them the noise of their actions'
            )
        elif step.index > 0:
            self.comparison.left_out += 1

    def _compare(self, before: StepRecord, step: StepRecord) -> None:
        runner = self._runner_of(step)
        if runner is None:
            self.comparison.left_out += not self.comparison.ended
            return
        action = np.clip(runner(before.observation), -1.0, 1.0).astype(np.float32)
        same = action.tobytes() == step.action.tobytes()
        text = '' if same else f'is {action.tolist()}, recorded was {step.action.tolist()}'
        name = f'action of step {step.index} of episode {step.episode}'
        self.comparison.add(name, text, _size(action, step.action))

    def _runner_of(self, step: StepRecord) -> PolicyRunner | None:
        acting = step.skill, step.policy_version
        if acting == self._acting:
            return self._runner
        if self._acting is not None and self._acting[0] != step.skill:
            self.comparison.ended = (
                f"the comparison ends where '{step.skill}' took over from '{self._acting[0]}': "
                'for how long both were mixed is not recorded'
            )
            return None
        policy = self._policies(*acting)
        if policy is None:
            if not self._deterministic:
                self.comparison.ended = (
                    f"the comparison ends where '{step.skill}' version {step.policy_version} "
                    'acted: its weights are not known, and with them the noise of its actions'
                )
            return None
        if self._runner is None:
            self._runner = PolicyRunner(policy, self._seed, self._deterministic)
        self._runner.policy, self._acting = policy, acting
        return self._runner


def _size(action: Vector32, recorded: Vector32) -> float:
    if action.shape != recorded.shape:
        return inf
    return float(np.abs(action - recorded).max(initial=0.0))


def _episode(step: StepRecord) -> tuple[str, int]:
    return step.session_id, step.episode


def skill_policies(skills: Path) -> Policies:
    """Return the policies of skills and compositions by their names under a folder.

    Only version 0 is known, which acts from the start: later ones were mixed with those before.
    The policies raise SkillError for a skill that is not there or is damaged.
    """

    def find(skill: str, version: int) -> Policy | None:
        folder = skill_folder(skills, skill)
        if version != 0:
            return None
        if (folder / RECIPE_FILE).is_file():
            return immediate_policy(compose_recipe(skills, load_recipe(folder)))
        return load_skill(folder).policy()

    return find


def recorded_policies(reader: BagReader, spec: PolicySpec) -> Policies:
    """Return the policies whose weights are in the bag, as the learner published them.

    Args:
        reader: of a bag with PolicyChunks; all versions are kept in memory, as bytes.
        spec: architecture of the policy.

    Raises:
        BagError: a message that cannot be.
        WeightsRejected: later, by the policies: weights of another architecture, or damaged.
    """
    found: dict[tuple[str, int], CompletePolicy] = {}
    for whole in _complete(reader):
        found[whole.run_id, whole.version] = whole

    def find(run: str, version: int) -> Policy | None:
        whole = found.get((run, version))
        if whole is None:
            return None
        probes = np.zeros((1, spec.obs_dim), np.float32)
        return accept_policy(whole.payload, whole.sha256, spec, probes)

    return find


def _complete(reader: BagReader) -> Iterable[CompletePolicy]:
    """Yield the versions of which the bag has every chunk."""
    assembler = ChunkAssembler()
    for message in reader.messages([reader.name(topics.POLICY_CHUNK)]):
        try:
            whole = assembler.add(reader.decode(message), 0.0)
        except ChunkError:
            continue
        if whole is not None:
            yield whole
