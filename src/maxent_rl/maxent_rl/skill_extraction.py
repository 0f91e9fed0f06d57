# SPDX-License-Identifier: Apache-2.0
"""A composition made a skill of its own: policy and Q-functions fitted to the composed Q, offline.

The policy as in extraction.py. The Q-functions are fitted beside it by least squares, so that the
new skill can be composed with others like any that was trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import math
from typing import Any

import torch
from torch import Tensor

from maxent_rl.composition import Composition, CompositionError, compose
from maxent_rl.diverged import check_finite
from maxent_rl.extraction import EXTRACTORS
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.networks import load_prefixed_state, prefixed_state, repeat_each
from maxent_rl.policies import make_q_networks
from maxent_rl.policy import Policy
from maxent_rl.recipe import make_recipe
from maxent_rl.skill import Skill
from maxent_rl.trained_parameters import TrainedParameters

_KINDS: Mapping[str, str] = {'sac': 'gaussian', 'soft_q': 'sampler', 'ddpg': 'deterministic'}
_ACTIONS = 8  # per state in the fit of Q: half around the policy, half anywhere
_WIDTH = 0.1  # standard deviation around the policy's action


@dataclass(frozen=True)
class ExtractionStep:
    """What one step made of it."""

    q: float  # nats, composed Q of the policy's actions, mean
    q_error: float  # root mean square error of the fitted Q, unit of the reward


class SkillExtraction:
    """Fits step by step, so that a caller can tell of the progress and stop."""

    def __init__(
        self,
        skills: Sequence[Skill],
        weights: Sequence[float] | None,
        mode: str,
        config: ExtractionConfig,
        seed: int,
        states: Tensor | None = None,
    ) -> None:
        """Compose the skills; with a SAC skill among them the result is one, too.

        `states` (k, n) are those to fit on, say, out of bags; None: those that the skills keep.

        Raises:
            CompositionError: the skills cannot be composed, hold no states, or are NAF skills,
                which compose in closed form.
        """
        self.composition = compose(skills, weights, mode)  # type: ignore[arg-type]
        self._recipe = (skills, weights, mode)
        self._start = _starting_point(skills)
        self._states = _states(skills) if states is None else states
        self.config, self.seed = config, seed
        kind = _KINDS[self._start.metadata.algorithm]
        self._extractor = EXTRACTORS[kind](self.composition, config, seed, self._start.policy())
        self._fit = _QFit(self.composition, self._start, config, seed)

    @property
    def steps(self) -> int:
        """Steps made."""
        return self._extractor.steps

    def step(self) -> ExtractionStep:
        """Make one gradient step on everything.

        Raises:
            DivergedError: a figure is not finite.
        """
        size = (self.config.batch_size,)
        chosen = torch.randint(len(self._states), size, generator=self._extractor.generator)
        obs = self._states[chosen]
        metrics = self._extractor.step(obs)
        error = self._fit.step(obs, self._extractor.policy)
        return ExtractionStep(metrics['q_mean'], error)

    def skill(
        self, name: str, created: str, metrics: Mapping[str, float], origin: Mapping[str, Any]
    ) -> Skill:
        """Return the skill as it is now.

        Args:
            name: of the new skill.
            created: ISO 8601.
            metrics: what it achieved.
            origin: added to the provenance, which names skills, weights and mode.

        Raises:
            SkillError: a name that cannot be.
        """
        recipe = make_recipe(name, *self._recipe)
        start = self._start.metadata
        about = replace(
            start,
            name=name,
            temperature=_unit(self.composition) if self.composition.temperature else 0.0,
            metrics=dict(metrics),
            provenance={
                'extracted_from': dict(zip(recipe.skills, recipe.sha256, strict=True)),
                'weights': recipe.weights,
                'mode': recipe.mode,
                'steps': self.steps,
                'seed': self.seed,
                'task_options': start.provenance.get('task_options', {}),
                **origin,
            },
            created=created,
            sha256='',
        )
        tensors = {
            **prefixed_state('policy', self._extractor.policy),
            **self._fit.tensors(),
        }
        return Skill(about, tensors, self._states)


class _QFit:
    """Twin Q-functions that learn what the composed Q says, in the unit of the reward."""

    def __init__(
        self, composition: Composition, start: Skill, config: ExtractionConfig, seed: int
    ) -> None:
        self._composition, self._unit = composition, _unit(composition)
        about = start.metadata
        self._generator = torch.Generator().manual_seed(seed + 1)
        sizes = about.obs_dim, about.act_dim, about.hidden, about.layer_norm
        self._networks = make_q_networks(about.algorithm, *sizes, self._generator, about.image)
        for prefix, network in self._networks.items():
            load_prefixed_state(prefix, network, dict(start.tensors))
        self._trained = TrainedParameters(
            [p for network in self._networks.values() for p in network.parameters()],
            config.learning_rate,
        )
        self._steps = 0

    def step(self, obs: Tensor, policy: Policy) -> float:
        """Fit to the composed Q of some actions in states (b, n); returns the error before."""
        actions = self._actions(obs, policy)
        flat = repeat_each(obs, _ACTIONS), actions.flatten(0, 1)
        with torch.no_grad():
            wanted = self._unit * self._composition.q(obs, actions).flatten()
        errors = [(network(*flat) - wanted).square().mean() for network in self._networks.values()]
        loss = torch.stack(errors).sum()
        gradient = self._trained.gradient(loss)
        self._steps += 1
        check_finite({'q_fit': loss.item(), 'gradient': gradient.norm().item()}, self._steps)
        self._trained.optimiser.step()
        return math.sqrt(loss.item() / len(errors))

    def tensors(self) -> dict[str, Tensor]:
        """Copy the networks' tensors as a skill names them."""
        found = [prefixed_state(prefix, net) for prefix, net in self._networks.items()]
        return {name: tensor for tensors in found for name, tensor in tensors.items()}

    def _actions(self, obs: Tensor, policy: Policy) -> Tensor:
        """Actions (b, k, m) for the fit."""
        b, k, m = len(obs), _ACTIONS // 2, policy.act_dim
        width = policy.draw_noise(None, self._generator).numel()
        with torch.no_grad():
            noise = torch.randn((b * k, width), generator=self._generator)
            around = policy.act(repeat_each(obs, k), noise).view(b, k, m)
            around += _WIDTH * torch.randn(around.shape, generator=self._generator)
            anywhere = 2.0 * torch.rand((b, _ACTIONS - k, m), generator=self._generator) - 1.0
        return torch.cat((around.clamp_(-1.0, 1.0), anywhere), dim=1)


def _unit(composition: Composition) -> float:
    """Return what a nat of the composed Q is worth in the unit of the reward.

    1 / sum_i w_i / t_i makes the AND of Q_i / t_i a weighted mean of the Q_i again.
    """
    if composition.temperature == 0.0:
        return 1.0
    assert composition.weights is not None
    parts = zip(composition.weights, composition.constituents, strict=True)
    return 1.0 / sum(weight / part.temperature for weight, part in parts)


def _starting_point(skills: Sequence[Skill]) -> Skill:
    """Return the skill whose networks are the first guess: a SAC skill, if there is one."""
    kinds = [skill.metadata.algorithm for skill in skills]
    if 'naf' in kinds:
        raise CompositionError(
            'NAF skills compose exactly and in closed form: compose them without extraction'
        )
    return skills[kinds.index('sac') if 'sac' in kinds else 0]


def _states(skills: Sequence[Skill]) -> Tensor:
    """Return the states (k, n) that all skills recorded."""
    lacking = [skill.metadata.name for skill in skills if skill.states is None]
    if lacking:
        raise CompositionError(
            f'skills {lacking} hold no states to extract a policy on (they were saved '
            'without): train them anew, or compose without extraction'
        )
    return torch.cat([skill.states for skill in skills if skill.states is not None])
