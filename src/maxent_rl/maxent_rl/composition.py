# SPDX-License-Identifier: Apache-2.0
"""The Q-function of several skills together: AND as weighted mean, OR as soft maximum.

Haarnoja et al. 2018, "Composable Deep Reinforcement Learning for Robotic Manipulation", section
IV, generalised to n skills, weights and temperatures as in docs/composition_theory.md. Every Q is
divided by its skill's temperature t_i, so the composition has temperature 1 and its Q is in nats:

- AND: Q = sum_i w_i Q_i / t_i. For equal temperatures t and weights this is eq. 6 divided by t.
- OR: Q = log sum_i w_i exp(Q_i / t_i); its policy is a mixture of the skills' policies.

Skills of temperature 0 (DDPG, NAF) have no entropy to measure their Q with: AND is the weighted
mean of Q itself, OR the limit of the soft maximum, the largest Q whatever the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import math
from typing import Literal, get_args

import torch
from torch import Tensor

from maxent_rl.compatibility import differences
from maxent_rl.naf_network import NAFQuadratic, Quadratic
from maxent_rl.networks import repeat_each
from maxent_rl.policy import Policy
from maxent_rl.skill import Skill
from maxent_rl.skill_metadata import LayoutField
from maxent_rl.stacked_q import StackedQ, same_shapes

Mode = Literal['and', 'or']
MODES: tuple[str, ...] = get_args(Mode)


class CompositionError(ValueError):
    """Skills cannot be composed; the message names everything that is in the way."""


@dataclass(frozen=True, eq=False)
class Constituent:
    """What a composition needs of one skill.

    Args:
        name: of the skill.
        policy: how it acts; candidates for the composed action are drawn from it.
        q: Q of obs (..., n) and actions (..., m), values (...).
        temperature: weight of the entropy in q; 0 where it plays no part.
        skill: where the above came from, if from a skill.
    """

    name: str
    policy: Policy
    q: Callable[[Tensor, Tensor], Tensor]
    temperature: float
    skill: Skill | None = None


@dataclass(frozen=True, eq=False)
class Composition:
    """Constituents with their weights; `compose` makes one of skills.

    Args:
        constituents: at least two, with distinct names.
        weights: positive, one each; divided by their sum. None: all equal.
        mode: 'and' or 'or'.

    Raises:
        CompositionError: naming all arguments that are not like this.
    """

    constituents: tuple[Constituent, ...]
    weights: tuple[float, ...] | None = None
    mode: Mode = 'and'
    shares: Tensor = field(init=False, repr=False)  # (S,) weights, sum 1
    _scale: Tensor = field(init=False, repr=False)  # (S,) what a Q is multiplied with
    _stack: StackedQ | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check, and stack the networks where they have one shape."""
        _refuse(self.constituents, _problems(self.constituents, self.weights, self.mode))
        given = [1.0] * len(self.constituents) if self.weights is None else self.weights
        shares = torch.tensor([weight / math.fsum(given) for weight in given])
        units = torch.tensor([c.temperature or 1.0 for c in self.constituents])  # 0: Q itself
        object.__setattr__(self, 'weights', tuple(shares.tolist()))
        object.__setattr__(self, 'shares', shares)
        object.__setattr__(self, '_scale', 1.0 / units)
        object.__setattr__(self, '_stack', _stacked(self.constituents))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the skills."""
        return tuple(constituent.name for constituent in self.constituents)

    @property
    def temperature(self) -> float:
        """Temperature of the composed Q: 1, or 0 for skills without entropy."""
        return 1.0 if self.constituents[0].temperature > 0.0 else 0.0

    @property
    def obs_dim(self) -> int:
        """Length n of an observation."""
        return self.constituents[0].policy.obs_dim

    @property
    def act_dim(self) -> int:
        """Length m of an action."""
        return self.constituents[0].policy.act_dim

    @property
    def image(self) -> tuple[int, ...]:
        """Shape (h, w, c) of the image that ends an observation, () without one."""
        return self.constituents[0].policy.image

    @property
    def layout(self) -> tuple[LayoutField, ...]:
        """Parts of the observation in order; one nameless part where no skill tells."""
        skill = self.constituents[0].skill
        if skill is None:
            return ({'name': 'observation', 'size': self.obs_dim},)
        return skill.metadata.layout

    def q(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Composed Q (b, k) of obs (b, n) and k actions (b, k, m) in each state.

        Differentiable in both; the skills' parameters get no gradient.
        """
        return self.combine(self.skill_q(obs, actions))

    def skill_q(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Q of each skill divided by its temperature (S, b, k); arguments as `q`."""
        if self._stack is not None:
            pairs = self._stack(obs, actions).view(len(self.constituents), 2, *actions.shape[:2])
            values = torch.minimum(pairs[:, 0], pairs[:, 1])
        else:
            values = torch.stack([_q_of_many(c.q, obs, actions) for c in self.constituents])
        return values * self._scale.view(-1, 1, 1)

    def combine(self, skill_q: Tensor) -> Tensor:
        """Composed Q (...) of the skills' Q divided by their temperatures (S, ...)."""
        if self.mode == 'and':
            mean: Tensor = torch.tensordot(self.shares, skill_q, dims=1)
            return mean
        if self.temperature == 0.0:
            return skill_q.max(dim=0).values
        log_shares = self.shares.log().view(-1, *[1] * (skill_q.dim() - 1))
        return torch.logsumexp(skill_q + log_shares, dim=0)


def compose(
    skills: Sequence[Skill], weights: Sequence[float] | None = None, mode: Mode = 'and'
) -> Composition:
    """Compose skills of one robot that observe and act alike.

    Args:
        skills: at least two, with distinct names, all of temperature 0 or none; NAF skills only
            with their like.
        weights: positive, one each; divided by their sum. None: all equal.
        mode: 'and' for all skills at once, 'or' for whichever promises most.

    Raises:
        CompositionError: naming everything that differs or is wrong.
    """
    parts = tuple(
        Constituent(
            skill.metadata.name,
            skill.policy(),
            skill.q_function(),
            skill.metadata.temperature,
            skill,
        )
        for skill in skills
    )
    given = None if weights is None else tuple(weights)
    found = differences([skill.metadata for skill in skills])
    if found:
        _refuse(parts, [*_problems(parts, given, mode), *found])
    return Composition(parts, given, mode)


def _refuse(parts: Sequence[Constituent], problems: Sequence[str]) -> None:
    if problems:
        names = ', '.join(part.name for part in parts)
        raise CompositionError(f'cannot compose [{names}]: ' + '; '.join(problems))


def _problems(
    parts: Sequence[Constituent], weights: tuple[float, ...] | None, mode: str
) -> list[str]:
    """Say what is wrong apart from the skills' metadata."""
    found = []
    if mode not in MODES:
        found.append(f'mode: must be one of {list(MODES)}, got {mode!r}')
    if len(parts) < 2:
        found.append(f'skills: at least two are needed, got {len(parts)}')
    twice = sorted({p.name for i, p in enumerate(parts) if p.name in [q.name for q in parts[:i]]})
    if twice:
        found.append(f'skills: {twice} given more than once')
    if weights is not None and len(weights) != len(parts):
        found.append(f'weights: one for each of {len(parts)} skills needed, got {len(weights)}')
    if weights is not None and not all(w > 0.0 and math.isfinite(w) for w in weights):
        found.append(f'weights: must be positive, got {list(weights)}; leave out a skill instead')
    temperatures = [part.temperature for part in parts]
    if min(temperatures, default=0.0) == 0.0 < max(temperatures, default=0.0):
        found.append('temperature: ' + _each(parts, temperatures) + ' (0 only with 0)')
    naf = ['naf' if isinstance(part.q, NAFQuadratic) else 'not naf' for part in parts]
    if len(set(naf)) > 1:
        found.append('algorithm: ' + _each(parts, naf) + ' (naf only with naf)')
    sizes = [(part.policy.obs_dim, part.policy.act_dim) for part in parts]
    if len(set(sizes)) > 1:
        found.append('observation and action size: ' + _each(parts, sizes))
    images = [part.policy.image for part in parts]
    if len(set(images)) > 1:
        found.append('image: ' + _each(parts, images))
    return found


def _each(parts: Sequence[Constituent], values: Sequence[object]) -> str:
    return ', '.join(f'{part.name} {value}' for part, value in zip(parts, values, strict=True))


def _stacked(parts: Sequence[Constituent]) -> StackedQ | None:
    """Join the twin Q-functions of all skills, or none where they have different shapes."""
    networks = []
    for part in parts:
        if part.skill is None or isinstance(part.q, NAFQuadratic):
            return None
        for prefix in ('q1.', 'q2.'):
            tensors = part.skill.tensors.items()
            networks.append(
                {k.removeprefix(prefix): v for k, v in tensors if k.startswith(prefix)}
            )
    first = parts[0].policy
    return StackedQ(networks, first.obs_dim, first.image) if same_shapes(networks) else None


def _q_of_many(q: Callable[[Tensor, Tensor], Tensor], obs: Tensor, actions: Tensor) -> Tensor:
    """Values (b, k) of one Q-function at obs (b, n) and actions (b, k, m)."""
    if isinstance(q, NAFQuadratic):  # one forward per state tells all about its actions
        value, mean, precision = q.quadratic(obs)
        return Quadratic(value[:, None], mean[:, None], precision[:, None]).at(actions)
    b, k, m = actions.shape
    return q(repeat_each(obs, k), actions.reshape(b * k, m)).view(b, k)
