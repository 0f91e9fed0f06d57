# SPDX-License-Identifier: Apache-2.0
"""The networks of each algorithm by its name: the one place that says which belong to which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Generator, Tensor, nn

from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.naf_network import NAFNetwork, NAFQuadratic
from maxent_rl.networks import QFunction, TanhGaussianPolicy
from maxent_rl.policy import Policy
from maxent_rl.sampling_network import SamplingPolicy

POLICIES: Mapping[str, Callable[[int, int, Sequence[int], Generator | None], Policy]] = {
    'sac': TanhGaussianPolicy,
    'soft_q': SamplingPolicy,
    'ddpg': DeterministicPolicy,
    'naf': DeterministicPolicy,
}


def check_image(algorithm: str, image: Sequence[int]) -> None:
    """Raise ValueError for an image (h, w, c) and an algorithm whose networks see none."""
    if image and algorithm != 'sac':
        raise ValueError(f'{algorithm} cannot learn from images, only sac can; got {tuple(image)}')


def make_policy(
    algorithm: str,
    obs_dim: int,
    act_dim: int,
    hidden: Sequence[int],
    generator: Generator | None = None,
    image: Sequence[int] = (),
) -> Policy:
    """Make the policy that `algorithm` trains, for observations (n,) and actions (m,).

    `image` is the shape (h, w, c) of the image that ends an observation, () without one.

    Raises:
        ValueError: unknown algorithm, a dimension below 1, no hidden layer, or an image for an
            algorithm that sees none.
    """
    if algorithm not in POLICIES:
        raise ValueError(f'unknown algorithm {algorithm!r}; known: {sorted(POLICIES)}')
    check_image(algorithm, image)
    if image:
        return TanhGaussianPolicy(obs_dim, act_dim, hidden, generator, image)
    return POLICIES[algorithm](obs_dim, act_dim, hidden, generator)


def make_q_networks(
    algorithm: str,
    obs_dim: int,
    act_dim: int,
    hidden: Sequence[int],
    layer_norm: bool,
    generator: Generator | None = None,
    image: Sequence[int] = (),
) -> dict[str, nn.Module]:
    """Make the networks that `q_function` needs, by the prefix of their tensors in a skill.

    `image` is the shape (h, w, c) of the image that ends an observation, () without one.

    Raises:
        ValueError: a dimension below 1, no hidden layer, or an image for an algorithm that sees
            none.
    """
    check_image(algorithm, image)
    sizes = obs_dim, act_dim, hidden, layer_norm, generator
    if algorithm == 'naf':
        return {'q1': NAFNetwork(*sizes)}
    return {'q1': QFunction(*sizes, image), 'q2': QFunction(*sizes, image)}


def q_function(
    policy: Policy, networks: Mapping[str, nn.Module]
) -> Callable[[Tensor, Tensor], Tensor]:
    """Q of observation (..., n) and action (..., m): NAF's quadratic, or the smaller of two.

    Args:
        policy: of the same skill; where NAF's quadratic has its maximum.
        networks: as `make_q_networks` made them.
    """
    if isinstance(networks['q1'], NAFNetwork):
        assert isinstance(policy, DeterministicPolicy)
        return NAFQuadratic(policy, networks['q1'])
    q1, q2 = networks['q1'], networks['q2']
    return lambda obs, action: torch.minimum(q1(obs, action), q2(obs, action))
