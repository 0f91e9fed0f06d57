# SPDX-License-Identifier: Apache-2.0
"""Tells a person how well skills will compose: where they agree and where they fight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import math
from typing import Any

import torch
from torch import Tensor

from maxent_rl.composition import Composition
from maxent_rl.divergence import Divergence, Gap

_SHOWN = 3  # states of each kind
_ENOUGH = 10.0  # effective samples; with fewer, an estimate hangs on a few draws


@dataclass(frozen=True)
class StateReport:
    """One recorded state: its row, the skills' disagreement in nats, and what was observed."""

    index: int
    divergence: float
    observation: Mapping[str, tuple[float, ...]]  # by the names of the layout


@dataclass(frozen=True)
class CompositionReport:
    """Disagreement rho of the skills in recorded states, in nats; see docs/composition_theory.md.

    AND is worth rho less than the weighted mean of what the skills are worth, and exp(-rho) says
    how far their action distributions overlap: 1 if they are the same, 0 if nothing is in common.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    mode: str
    states: int
    mean: float
    median: float
    p95: float
    pairs: tuple[tuple[float, ...], ...]  # mean Rényi-1/2 divergence of each pair of skills
    agree: tuple[StateReport, ...]  # where the skills agree most, best first
    fight: tuple[StateReport, ...]  # where they fight most, worst first
    unreliable: float  # share of states with too few effective samples
    gap_mean: float | None  # estimate of C* of Lemma 1, nats; None: not estimated
    gap_p95: float | None

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return asdict(self)

    def text(self) -> str:
        """All of it in lines that a person can read."""
        shares = zip(self.names, self.weights, strict=True)
        skills = f' {self.mode.upper()} '.join(f'{name} ({share:.2f})' for name, share in shares)
        lines = [
            f'{skills}, on {self.states} recorded states',
            f'disagreement in nats: mean {self.mean:.3g}, median {self.median:.3g}, 95 % below '
            f'{self.p95:.3g}; typical overlap of the skills {math.exp(-self.median):.0%}',
        ]
        if len(self.names) > 2:
            lines += ['Rényi-1/2 divergence of pairs: ' + ', '.join(self._pair_texts())]
        for title, shown in (('agree most', self.agree), ('fight most', self.fight)):
            lines += [f'they {title} in'] + [f'  {_state_text(state)}' for state in shown]
        if self.unreliable > 0.0:
            lines += [f'too few effective samples in {self.unreliable:.0%} of the states']
        if self.mode == 'or':
            lines += ['OR keeps what its Q promises, whether the skills agree or not']
        elif self.gap_mean is not None:
            lines += [
                f'its Q promises too much by about {self.gap_mean:.3g} nats (95 % below '
                f'{self.gap_p95:.3g}): C* of Lemma 1, estimated'
            ]
        return '\n'.join(lines)

    def _pair_texts(self) -> list[str]:
        return [
            f'{name}-{self.names[j]} {self.pairs[i][j]:.3g}'
            for i, name in enumerate(self.names)
            for j in range(i + 1, len(self.names))
        ]


def report(
    composition: Composition,
    obs: Tensor,
    divergence: Divergence,
    gap: Gap | None = None,
    actions: Tensor | None = None,
) -> CompositionReport:
    """Sum up what `divergences` and `estimate_gap` found.

    Args:
        composition: the skills.
        obs: (N, n) recorded states, N >= 1.
        divergence: in these states.
        gap: estimate of C*, of an AND.
        actions: (N, m) at which C* is wanted, usually those recorded; needed with `gap`.

    Raises:
        ValueError: not as many divergences or actions as states, or none.
    """
    if len(obs) == 0 or len(divergence.overlap) != len(obs):
        raise ValueError(
            f'report: {len(divergence.overlap)} divergences for {len(obs)} states; need one for '
            'each of at least one'
        )
    if gap is not None and (actions is None or len(actions) != len(obs)):
        raise ValueError('report: a gap needs one action for each state')
    order = divergence.overlap.argsort().tolist()
    costs = None if gap is None or actions is None else gap(obs, actions)
    assert composition.weights is not None
    return CompositionReport(
        names=composition.names,
        weights=composition.weights,
        mode=composition.mode,
        states=len(obs),
        mean=float(divergence.overlap.mean()),
        median=float(divergence.overlap.quantile(0.5)),
        p95=float(divergence.overlap.quantile(0.95)),
        pairs=tuple(tuple(row) for row in divergence.renyi_half.mean(dim=0).tolist()),
        agree=tuple(_state(composition, obs, divergence, i) for i in order[:_SHOWN]),
        fight=tuple(_state(composition, obs, divergence, i) for i in order[: -_SHOWN - 1 : -1]),
        unreliable=float((divergence.effective < _ENOUGH).float().mean()),
        gap_mean=None if costs is None else float(costs.mean()),
        gap_p95=None if costs is None else float(costs.quantile(0.95)),
    )


def _state(
    composition: Composition, obs: Tensor, divergence: Divergence, index: int
) -> StateReport:
    sizes = [part['size'] for part in composition.layout]
    parts = torch.split(obs[index], sizes)
    named = zip(composition.layout, parts, strict=True)
    return StateReport(
        index,
        float(divergence.overlap[index]),
        {
            part['name']: tuple(values.tolist())
            for part, values in named
            if 'shape' not in part  # nobody reads the numbers of an image
        },
    )


def _state_text(state: StateReport) -> str:
    parts = (
        f'{name} ' + ' '.join(f'{value:.3g}' for value in values)
        for name, values in state.observation.items()
    )
    return f'state {state.index} ({state.divergence:.3g} nats): ' + '; '.join(parts)
