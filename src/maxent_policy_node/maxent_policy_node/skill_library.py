# SPDX-License-Identifier: Apache-2.0
"""The skills folder seen by one robot and task: what is there, what fits, composing. No ROS.

Everything here takes time (files, hashes, networks) and is called off the control path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path
import time

import numpy as np
from numpy.typing import NDArray
import torch

from maxent_policy_node.skill_source import check_fit, find_skill
from maxent_rl.acceptance import check_latency, check_trial
from maxent_rl.composition import Composition, compose
from maxent_rl.divergence import divergences
from maxent_rl.immediate import immediate_policy
from maxent_rl.policy import Policy
from maxent_rl.recipe import (
    RECIPE_FILE,
    Recipe,
    compose_recipe,
    list_recipes,
    load_recipe,
    make_recipe,
    save_recipe,
)
from maxent_rl.skill import Skill, SkillError, list_skills, load_skill, skill_folder
from maxent_rl.skill_metadata import SkillMetadata
from maxent_rl.verification import Verifier, verify_nothing
from maxent_robot.robot_spec import RobotSpec
from maxent_robot.tasks import Task

FIGHT_NATS = 3.0  # median disagreement above which a person is warned: overlap below 5 %
_SAMPLES = 64  # actions per state of the divergence: some 10 ms for 64 states
_SEED = 0  # of those actions: the same skills and states give the same answer


@dataclass(frozen=True)
class Loaded:
    """A policy that has passed all checks and may act; `sha256` says what it is made of."""

    name: str
    policy: Policy
    sha256: str


@dataclass(frozen=True)
class Agreement:
    """How far the skills of a composition agree in recent states."""

    divergence: float  # nats, mean; infinite for skills without entropy
    overlap: float  # exp(-median)
    states: int
    warning: str  # empty where they agree well enough


@dataclass(frozen=True)
class Entry:
    """One skill or composition; `problem` says why it may not act here, empty if it may."""

    content: SkillMetadata | Recipe
    problem: str


class SkillLibrary:
    """Opens what lies under `root` for one robot and task."""

    def __init__(
        self, root: Path, spec: RobotSpec, task: Task, verify: Verifier = verify_nothing
    ) -> None:
        self._root, self._spec, self._task, self._verify = root, spec, task, verify

    def entries(self) -> list[Entry]:
        """Return all skills and compositions by name, unfit ones included."""
        found = [Entry(about, self._problem(about)) for about in list_skills(self._root)]
        usable = {entry.content.name for entry in found if not entry.problem}
        for recipe in list_recipes(self._root):
            unfit = sorted(set(recipe.skills) - usable)
            found.append(Entry(recipe, f'skills missing or unfit: {unfit}' if unfit else ''))
        return sorted(found, key=lambda entry: entry.content.name)

    def load(self, name: str, probes: NDArray[np.float32]) -> Loaded:
        """Load a skill or composition by name or path, check it, and try it on observations.

        Raises:
            SkillError: none of that name, damaged, or not for this robot and task.
            CompositionError: the skills of a composition no longer fit together.
            WeightsRejected: W8, an action on one of `probes` cannot be used.
        """
        folder = find_skill(name, str(self._root))
        if (folder / RECIPE_FILE).is_file():
            recipe = load_recipe(folder)
            composition = compose_recipe(folder.parent, recipe, self._open)
            return self._composed(recipe, composition, probes)
        skill = self._open(folder)
        policy = self._tried(skill.policy(), probes)
        return Loaded(skill.metadata.name, policy, skill.metadata.sha256)

    def compose(
        self,
        names: Sequence[str],
        weights: Sequence[float],
        mode: str,
        new_name: str,
        probes: NDArray[np.float32],
    ) -> tuple[Loaded, Agreement]:
        """Compose skills, try the result, and keep its recipe under `new_name`.

        Args:
            names: of trained skills, at least two.
            weights: positive, one each; none at all: all equal.
            mode: 'and' or 'or'.
            new_name: replaces a composition of that name, never a trained skill.
            probes: (k, n) recent observations, for the trial and the comparison.

        Raises:
            SkillError: a skill or name that cannot be.
            CompositionError: naming all that keeps the skills from being composed.
            WeightsRejected: W8, see `load`.
            OSError: the recipe cannot be written.
        """
        skills = [self._open(skill_folder(self._root, name)) for name in names]
        given = list(weights) or None
        composition = compose(skills, given, mode)  # type: ignore[arg-type]
        recipe = make_recipe(new_name, skills, given, mode)
        loaded = self._composed(recipe, composition, probes)
        agreement = compare(composition, probes)
        save_recipe(self._root, recipe)
        return loaded, agreement

    def _composed(
        self, recipe: Recipe, composition: Composition, probes: NDArray[np.float32]
    ) -> Loaded:
        policy = self._tried(immediate_policy(composition), probes)
        return Loaded(recipe.name, policy, recipe.digest)

    def _tried(self, policy: Policy, probes: NDArray[np.float32]) -> Policy:
        check_trial(policy, probes)
        # Of processor time: how long others kept this thread waiting is not the policy's fault.
        check_latency(policy, probes, self._spec.policy_period_ns * 1e-9, time.thread_time)
        return policy

    def _open(self, folder: Path) -> Skill:
        skill = load_skill(folder, self._verify)
        check_fit(skill.metadata, self._spec, self._task)
        return skill

    def _problem(self, about: SkillMetadata) -> str:
        try:
            check_fit(about, self._spec, self._task)
        except SkillError as error:
            return str(error)
        return ''


def compare(composition: Composition, probes: NDArray[np.float32]) -> Agreement:
    """Estimate how far the skills agree on observations (k, n)."""
    count = len(probes)
    if composition.temperature == 0.0:
        return Agreement(math.inf, 0.0, count, 'skills without entropy: whether they agree is '
                         'not known')  # fmt: skip
    obs = torch.from_numpy(np.ascontiguousarray(probes, np.float32))
    generator = torch.Generator().manual_seed(_SEED)
    found = divergences(composition, obs, generator, _SAMPLES).overlap
    median = float(found.median())
    warning = ''
    if composition.mode == 'and' and median > FIGHT_NATS:
        warning = (
            f'these skills fight: {median:.1f} nats of disagreement in the median of {count} '
            f'recent states, their actions overlap by {math.exp(-median):.1%}'
        )
    return Agreement(float(found.mean()), math.exp(-median), count, warning)
