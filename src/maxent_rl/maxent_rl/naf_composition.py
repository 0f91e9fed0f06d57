# SPDX-License-Identifier: Apache-2.0
"""Composition of quadratic Q-functions in closed form (Haarnoja 2018 (thesis), section 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import Tensor

from maxent_rl.naf_network import Quadratic

_MAX_ROUNDS = 50  # two suffice as a rule, twenty where the precision is nearly singular
_MOVED = 1e-9  # less than float32 resolves


def compose_quadratics(quadratics: Sequence[Quadratic], weights: Sequence[float]) -> Quadratic:
    """Weighted sum of quadratics in the same action, which is a quadratic again.

    P = sum w_i P_i and mean = P^-1 sum w_i P_i mean_i: each skill has a say in the directions in
    which it is particular. The mean may lie outside of [-1, 1]: `best_action` does not.

    Args:
        quadratics: at least one; values (...), means (..., m), precisions (..., m, m).
        weights: one for each, positive: with others the sum need not have a maximum.

    Raises:
        ValueError: no quadratic, or weights that are not one positive number for each.
    """
    if not quadratics or len(weights) != len(quadratics):
        raise ValueError(
            f'need one weight for each of at least one quadratic, got {len(weights)} weights '
            f'for {len(quadratics)}'
        )
    if not all(math.isfinite(weight) and weight > 0.0 for weight in weights):
        raise ValueError(f'weights must be positive, got {list(weights)}')
    pairs = list(zip(weights, quadratics, strict=True))
    # Double: directions in which no skill is particular make P nearly singular.
    pulls = [weight * q.precision.double() @ q.mean.double().unsqueeze(-1) for weight, q in pairs]
    precision = torch.stack([weight * q.precision.double() for weight, q in pairs]).sum(0)
    pull = torch.stack(pulls).sum(0)
    mean = torch.linalg.solve(precision, pull).squeeze(-1).to(quadratics[0].mean)
    value = torch.stack([weight * q.at(mean) for weight, q in pairs]).sum(0)
    return Quadratic(value, mean, precision.to(mean))


def best_action(quadratic: Quadratic) -> Tensor:
    """Actions (..., m) in [-1, 1] at which the quadratic is largest.

    Clipping the mean is not enough where the precision has off-diagonal entries: once an action
    is held at its bound, the best of the others is another one. Each round maximises one action
    after the other, which finds the bounds that hold and always climbs, and then goes to the
    maximum among the actions that are not at a bound, which makes the result exact.
    """
    mean, precision = quadratic.mean.double(), quadratic.precision.double()
    action = mean.clamp(-1.0, 1.0)
    for _ in range(_MAX_ROUNDS):
        before = action
        action = _to_maximum_on_face(_one_by_one(action, mean, precision), mean, precision)
        if not bool(((action - before).abs() > _MOVED).any()):
            break
    return action.to(quadratic.mean)


def _one_by_one(action: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
    columns = list(action.unbind(-1))
    for i in range(len(columns)):
        slope = (precision[..., i, :] * (mean - torch.stack(columns, dim=-1))).sum(-1)
        columns[i] = (columns[i] + slope / precision[..., i, i]).clamp(-1.0, 1.0)
    return torch.stack(columns, dim=-1)


def _to_maximum_on_face(action: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
    """Move the actions inside of their bounds to their joint maximum or the first bound met."""
    free = (action.abs() < 1.0).to(action)
    gradient = (precision @ (mean - action).unsqueeze(-1)).squeeze(-1)
    face = precision * free.unsqueeze(-1) * free.unsqueeze(-2) + torch.diag_embed(1.0 - free)
    step: Tensor = torch.linalg.solve(face, gradient * free)
    room = torch.where(step > 0.0, 1.0 - action, 1.0 + action)
    share = torch.where(step.abs() > room, room / step.abs(), torch.ones_like(room))
    return (action + share.amin(-1, keepdim=True) * step).clamp(-1.0, 1.0)
